"""Transfers: where each stands, why it took its rail, every promise made to a bank, and what may still be done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from operations.services import request_approval
from payos.kernel.admin import ReadOnlyModelAdmin, needs, pretty
from payos.kernel.forms import ReasonForm
from payos.kernel.models import AuditEvent, OutboxEvent
from payos.kernel.money import display as money
from settlement import selectors, services
from settlement.admin.html import link, page_of, table
from settlement.models import Transfer

STATE_COLOURS = {
    "Settled": "success", "Reconciled": "success", "Queued": "info", "Submitted": "info", "Accepted": "info", "Held": "warning",
    "Unknown": "warning", "Failed": "danger", "Returned": "danger", "Cancelled": "default",
}  # fmt: skip


@admin.register(Transfer)
class TransferAdmin(ReadOnlyModelAdmin):
    empty_words = "Partners order transfers by the API, one by one or in batches; each is listed here from that moment on."
    sensitive = True
    list_display = ["public_id", "show_state", "show_amount", "destination_label", "rail", "partner", "reference", "expected_at"]
    list_filter = [
        "state",
        "rail",
        "livemode",
        "partner",
        ("currency", FieldTextFilter),
        ("failure_code", FieldTextFilter),
        ("created_at", RangeDateTimeFilter),
    ]
    list_filter_submit = True
    list_select_related = ["rail", "partner"]
    search_fields = ["=reference", "=bank_reference"]
    search_help_text = "Transfer id, reference or the bank's reference, in full"
    actions_detail = ["cancel", "send_now", "send_again"]
    has_work_permission = needs("settlement.work_transfer")
    has_override_permission = needs("settlement.manage_settlement")
    fieldsets = [
        (
            None,
            {
                "fields": [
                    "public_id",
                    "show_state",
                    "show_amount",
                    "show_executed",
                    "partner",
                    "show_mode",
                    "branch",
                    "destination_label",
                    "reference",
                    "description",
                ]
            },
        ),
        (
            "Timing",
            {
                "fields": [
                    "rail",
                    "urgency",
                    "window_at",
                    "expected_at",
                    "next_attempt_at",
                    "submitted_at",
                    "settled_at",
                    "late_since",
                    "attempts",
                ]
            },
        ),
        ("What became of it", {"fields": ["bank_reference", "failure_code", "failure_detail", "show_batches", "show_ledger"]}),
        ("Promises to the bank", {"fields": ["show_submissions"]}),
        ("Why this rail", {"fields": ["show_decisions"]}),
        ("History", {"fields": ["show_events", "show_audit"]}),
        ("As asked", {"fields": ["protocol", "show_protocol", "show_metadata"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("destination")

    @display(description="State", label=STATE_COLOURS)
    def show_state(self, transfer: Transfer) -> str:
        return transfer.get_state_display()

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, transfer: Transfer) -> str:
        return money(transfer.amount_minor, transfer.currency)

    @display(description="Really moved")
    def show_executed(self, transfer: Transfer) -> str:
        return money(transfer.executed_minor, transfer.currency) if transfer.executed_minor is not None else "–"

    @display(description="Mode")
    def show_mode(self, transfer: Transfer) -> str:
        return "Live" if transfer.livemode else "Test"

    @display(description="Batches")
    def show_batches(self, transfer: Transfer) -> Any:
        rows = []
        if transfer.batch_id:
            rows.append(
                [
                    "Submitted with",
                    link(reverse("admin:settlement_transferbatch_change", args=[transfer.batch_id]), transfer.batch),
                    f"row {transfer.batch_row}",
                ]
            )
        batch = transfer.settlement_batch
        if batch is not None:
            rows.append(
                [
                    "Settled in",
                    link(reverse("admin:settlement_settlementbatch_change", args=[batch.pk]), batch.public_id),
                    batch.get_state_display(),
                ]
            )
        return table(["", "Batch", ""], rows)

    @display(description="In the ledger")
    def show_ledger(self, transfer: Transfer) -> Any:
        parts = [("Hold", transfer.hold_id), ("Settlement", transfer.settled_transaction_id)]
        return table(["", "Transaction"], ([name, page_of("ledger_transaction", "txn", key)] for name, key in parts if key))

    @display(description="Submissions")
    def show_submissions(self, transfer: Transfer) -> Any:
        return table(
            ["No.", "Rail", "Reference", "The bank's id", "Outcome", "Code", "Detail", "Sent", "Answered", "Asked", "Asked again at"],
            (
                [
                    s.number,
                    s.rail.code,
                    s.reference,
                    s.rail_reference,
                    s.outcome,
                    s.code,
                    s.detail,
                    s.sent_at,
                    s.answered_at,
                    s.asked,
                    s.ask_at,
                ]
                for s in transfer.submissions.select_related("rail").order_by("number")[:50]
            ),
            "Nothing was sent yet.",
        )

    @display(description="Decisions")
    def show_decisions(self, transfer: Transfer) -> Any:
        rows = []
        for decision in selectors.decisions_of(transfer)[:10]:
            rows.append([decision.created_at, decision.rail_code, "chosen", *_factors(decision.chosen)])
            rows += [["", other.get("rail", ""), other.get("why", ""), *_factors(other)] for other in decision.rejected]
        return table(["When", "Rail", "Why", "Score", "Cost", "Minutes", "Reliability", "Load share", "Window"], rows)

    @display(description="Events")
    def show_events(self, transfer: Transfer) -> Any:
        rows = OutboxEvent.objects.filter(aggregate_id=f"transfer:{transfer.pk}").order_by("seq")[:50]
        return table(
            ["When", "Event", "Told"], ([e.created_at, e.event_type, e.handled_at] for e in rows), "What was told is kept for a while only."
        )

    @display(description="Changes")
    def show_audit(self, transfer: Transfer) -> Any:
        rows = AuditEvent.objects.filter(subject_table="settlement_transfer", subject_id=str(transfer.pk)).order_by("id")[:100]
        return table(
            ["When", "Who", "What", "From", "To", "Reason"],
            ([e.at, e.actor, e.action, (e.before or {}).get("state"), (e.after or {}).get("state"), e.reason] for e in rows),
        )

    @display(description="Protocol's own data")
    def show_protocol(self, transfer: Transfer) -> Any:
        return pretty(transfer.protocol_metadata)

    @display(description="Metadata")
    def show_metadata(self, transfer: Transfer) -> Any:
        return pretty(transfer.metadata)

    @action(
        description="Cancel",
        icon="cancel",
        permissions=["work"],
        dialog={
            "title": "Cancel the transfer",
            "description": "Only before anything was sent. The funds are available again at once.",
            "form_class": ReasonForm,
            "form_submit_text": "Cancel the transfer",
        },
    )
    def cancel(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.transfer_cancel(transfer=Transfer.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "Cancelled; the funds are available again.")
        return _back(object_id)

    @action(
        description="Ask to send now",
        icon="bolt",
        permissions=["override"],
        dialog={
            "title": "Send it now, outside its window",
            "description": "As soon as a second person agrees, a window of its own closes for it.",
            "form_class": ReasonForm,
            "form_submit_text": "Ask",
        },
    )
    def send_now(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        transfer = Transfer.objects.get(pk=object_id)
        approval = request_approval(
            action="settlement.transfer_override", subject=transfer, params={"transfer": str(transfer.pk)}, reason=form.cleaned_data["reason"],
            requested_by=request.user, partner_id=transfer.partner_id, amount_minor=transfer.amount_minor, currency=transfer.currency,
        )  # fmt: skip
        messages.success(request, "Asked for. A second person decides.")
        return redirect(reverse("admin:operations_approval_change", args=[approval.pk]))

    @action(
        description="Send again",
        icon="replay",
        permissions=["work"],
        dialog={
            "title": "Send the failed transfer again",
            "description": "New funds are held and it waits for the next window, under a new reference. The rail's limits on repeats hold.",
            "form_class": ReasonForm,
            "form_submit_text": "Send again",
        },
    )
    def send_again(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.transfer_retry(transfer=Transfer.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "Queued again.")
        return _back(object_id)


def _factors(known: dict[str, Any]) -> list[Any]:
    window = known.get("window_at")
    at = datetime.fromisoformat(window).astimezone(UTC) if window else ""
    return [*(known.get(name, "") for name in ("score", "cost_minor", "minutes", "reliability", "load_share")), at]


def _back(key: Any) -> HttpResponse:
    return redirect(reverse("admin:settlement_transfer_change", args=[key]))
