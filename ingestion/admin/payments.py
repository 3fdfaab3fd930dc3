"""Console pages of payments, of their staging table and of what its runs did."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display

from ingestion import services
from ingestion.models import Payment, PaymentReference, PaymentStaging, StagingProcessLog
from ledger.models import Account
from payos.kernel import clock, ids
from payos.kernel.admin import ReadOnlyModelAdmin, needs
from payos.kernel.forms import ReasonForm
from payos.kernel.money import display as show_money

STATES = {"recorded": "info", "settled": "warning", "reconciled": "success", "reversed": "danger", "disputed": "danger"}


class Lately(admin.SimpleListFilter):
    """A filter on what many payments have in common. It looks at the last 90 days, because at ten million payments a value that
    is rare, or a list of all values, would read every partition."""

    days = 90

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if not self.value():
            return queryset
        return queryset.filter(pk__gte=ids.floor(clock.now() - timedelta(days=self.days)), **{str(self.parameter_name): self.value()})


class StateLately(Lately):
    title = "state (last 90 days)"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(state, state.capitalize()) for state in STATES]


class ChannelLately(Lately):
    title = "channel (last 90 days)"
    parameter_name = "payment_channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        # Every channel that was ever posted has its receivable account.
        codes = Account.objects.filter(code__startswith="receivable:").values_list("code", flat=True).distinct().order_by("code")[:100]
        return [(name, name) for name in (code.partition(":")[2] for code in codes)]


@admin.register(Payment)
class PaymentAdmin(ReadOnlyModelAdmin):
    list_display = [
        "reference_number",
        "show_amount",
        "show_state",
        "payment_channel",
        "source",
        "loan_account_number",
        "partner",
        "payment_date",
    ]
    empty_words = "Payments come by the API, webhooks, connectors, files and the staging table."
    list_filter = [StateLately, ChannelLately, "livemode"]
    list_select_related = ["partner"]
    search_help_text = "A payment id, a reference number or a loan account"
    search_fields = ["reference_number"]
    ordering = ["-id"]
    actions_detail = ["reverse"]

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """References are found through their own unique table, which no partition scan can match."""
        term = search_term.strip()
        if term and not term.startswith("pay_"):
            known = list(PaymentReference.objects.filter(reference_number=term).values_list("payment_id", flat=True)[:100])
            return (queryset.filter(pk__in=known) if known else queryset.filter(loan_account_number=term)), False
        return super().get_search_results(request, queryset, search_term)

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, payment: Payment) -> str:
        return show_money(payment.amount_minor, payment.currency)

    @display(description="State", label={state.capitalize(): colour for state, colour in STATES.items()})
    def show_state(self, payment: Payment) -> str:
        return payment.state.capitalize()

    has_work_permission = needs("ingestion.work_payment")

    @action(
        description="Reverse",
        icon="undo",
        permissions=["work"],
        dialog={
            "title": "Reverse the payment",
            "description": "Posts the compensation to the ledger: the amount is taken back from the partner.",
            "form_class": ReasonForm,
            "form_submit_text": "Reverse",
        },
    )
    def reverse(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        payment = Payment.objects.get(pk=object_id)
        services.reverse_payment(payment=payment, reason=form.cleaned_data["reason"])
        messages.success(request, f"{payment.reference_number} is reversed.")
        return redirect(reverse("admin:ingestion_payment_change", args=[object_id]))


@admin.register(PaymentStaging)
class PaymentStagingAdmin(ReadOnlyModelAdmin):
    empty_words = "Rows that were written to the staging table wait here until they are recorded, usually for seconds."
    list_display = ["id", "reference_number", "amount", "currency", "payment_date", "processed", "outcome", "error", "processed_at"]
    list_filter = ["processed", "outcome"]
    search_fields = ["=reference_number"]
    ordering = ["-id"]


@admin.register(StagingProcessLog)
class StagingProcessLogAdmin(ReadOnlyModelAdmin):
    empty_words = "Each round over the staging table says here what it recorded and what it rejected."
    list_display = ["id", "status", "total", "processed", "duplicates", "conflicts", "errors", "show_time", "started_at"]
    list_filter = ["status"]
    date_hierarchy = "started_at"

    @display(description="Took", ordering="milliseconds")
    def show_time(self, log: StagingProcessLog) -> str:
        return f"{log.milliseconds:,.0f} ms"
