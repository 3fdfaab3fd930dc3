"""What the pages of reconciliation share."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from operations.templatetags.payos import words
from payos.kernel.money import display as money
from reconciliation import selectors
from settlement.admin.html import link

WORK = "reconciliation.work_reconciliation"


def may_work(self: Any, request: HttpRequest, *args: Any) -> bool:
    return request.user.has_perm(WORK)  # type: ignore[union-attr]


def back_to(request: HttpRequest, name: str, object_id: Any = None) -> HttpResponse:
    return redirect(reverse(f"admin:{name}", args=[object_id] if object_id else []))


def end_row(end: Any, currency: str) -> list[Any]:
    if end.line:
        page = reverse("admin:reconciliation_statementline_change", args=[end.line_id])
        return ["Line of the bank", link(page, end.line.public_id), money(end.amount_minor, currency), end.line.description[:120]]
    return [*item_row(f"{end.item_type}:{end.item_id}"), money(end.amount_minor, currency), ""]


def item_row(text: str) -> list[Any]:
    """What of ours it is, and its page."""
    kind, _, key = text.partition(":")
    shown = selectors.public_item(text)
    page = {
        "payment": "admin:ingestion_payment_change",
        "transfer": "admin:settlement_transfer_change",
        "transfer_return": "admin:settlement_transfer_change",
    }.get(kind)
    return [words(kind), link(reverse(page, args=[key]), shown) if page else shown]
