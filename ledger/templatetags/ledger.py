"""What the ledger's pages write."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def opposite(minor: int) -> int:
    return -minor


@register.filter
def hex(value: bytes | memoryview) -> str:
    return bytes(value).hex()
