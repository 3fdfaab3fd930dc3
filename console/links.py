"""Addresses of pages that may not exist in this installation."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse


def admin_page(model: str, key: Any) -> str:
    """The console's page of a row (`model` as app_model); empty where there is none."""
    try:
        return reverse(f"admin:{model}_change", args=[key])
    except NoReverseMatch:
        return ""


def page(name: str, *arguments: Any) -> str:
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
