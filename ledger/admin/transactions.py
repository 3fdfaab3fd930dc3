"""Ledger transactions: the list, and a page for each with its entries, its cause, its reversal and its seal."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from ledger import selectors
from ledger.admin.books import page
from ledger.models import Entry, Hold, Transaction
from ledger.subjects import link_of
from payos.kernel.admin import ReadOnlyModelAdmin, pretty


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyModelAdmin):
    empty_words = "Payments, transfers, fees and corrections post themselves; every posting is listed here for good."
    list_display = ["public_id", "kind", "partner", "show_mode", "description", "effective_at", "recorded_at"]
    list_select_related = ["partner"]
    list_filter = ["livemode", ("effective_at", RangeDateTimeFilter), ("recorded_at", RangeDateTimeFilter)]
    list_filter_submit = True
    search_fields = ["=external_id", "=subject_id", "=kind"]
    search_help_text = "Transaction id, external id, id of the cause, or kind, each in full"
    ordering = ["-id"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_GET(self.one))
        return [path("<uuid:key>/change/", view, name="ledger_transaction_change"), *super().get_urls()]

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, transaction: Transaction) -> str:
        return "Live" if transaction.livemode else "Test"

    def one(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        transaction = Transaction.objects.select_related("partner").filter(pk=key).first()
        if transaction is None:
            raise Http404(f"There is no ledger transaction {key}")
        cause, address = link_of(transaction.subject_type, transaction.subject_id)
        return page(
            request,
            "ledger/transaction.html",
            f"{transaction.kind} {transaction.public_id}",
            transaction=transaction,
            entries=Entry.objects.filter(transaction_id=key).select_related("account").order_by("line"),
            cause=cause,
            cause_link=address,
            reverses=Transaction.objects.filter(pk=transaction.reverses_id).first() if transaction.reverses_id else None,
            reversal=selectors.reversal_of(transaction),
            resolves=Transaction.objects.filter(pk=transaction.hold_id).first() if transaction.hold_id else None,
            hold=Hold.objects.filter(pk=key).first(),
            resolutions=Transaction.objects.filter(hold_id=key).order_by("id")[:100],
            seal=selectors.seal_of(transaction),
            metadata=pretty(transaction.metadata),
        )
