"""What partners submitted together, what windows closed, and the files that went to banks."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.contrib.filters.admin import RangeDateFilter, RangeDateTimeFilter
from unfold.decorators import action, display

from payos.kernel import tenancy
from payos.kernel.admin import ReadOnlyModelAdmin, needs, pretty
from payos.kernel.crypto import mask
from payos.kernel.forms import ReasonForm
from payos.kernel.money import display as money
from settlement import selectors, services
from settlement.admin.html import link, table
from settlement.models import AchFile, SettlementBatch, TransferBatch
from settlement.rails import nacha

ENTRIES_SHOWN = 200


@admin.register(TransferBatch)
class TransferBatchAdmin(ReadOnlyModelAdmin):
    empty_words = "A batch is a list of transfers that a partner sent as one file or one call of the API."
    list_display = [
        "public_id",
        "name",
        "partner",
        "show_state",
        "count",
        "done_count",
        "failed_count",
        "show_amounts",
        "created_at",
        "completed_at",
    ]
    list_filter = ["state", "livemode", "partner", ("created_at", RangeDateTimeFilter)]
    list_filter_submit = True
    list_select_related = ["partner"]
    search_fields = ["name"]
    search_help_text = "Batch id or name"
    actions_detail = ["retry"]
    has_work_permission = needs("settlement.work_transfer")
    fields = [
        "public_id",
        "name",
        "partner",
        "livemode",
        "show_state",
        "count",
        "done_count",
        "failed_count",
        "show_amounts",
        "created_at",
        "completed_at",
        "show_items",
    ]

    @display(
        description="State",
        label={"Completed": "success", "Completed with errors": "warning", "Rejected": "danger", "Processing": "info", "Accepted": "info"},
    )
    def show_state(self, batch: TransferBatch) -> str:
        return batch.get_state_display()

    @display(description="Amounts")
    def show_amounts(self, batch: TransferBatch) -> str:
        return ", ".join(money(amount, currency) for currency, amount in sorted(batch.amounts.items()))

    @display(description="Items")
    def show_items(self, batch: TransferBatch) -> Any:
        address = f"{reverse('admin:settlement_transfer_changelist')}?batch__id__exact={batch.pk}"
        rows = [
            [link(f"{address}&state__exact={state}", state), count, money(amount, currency)]
            for state, currency, count, amount in selectors.batch_states(batch)
        ]
        return table(["State", "Transfers", "Amount"], rows)

    @action(
        description="Send failed items again",
        icon="replay",
        permissions=["work"],
        dialog={
            "title": "Send the failed items again",
            "description": "All of them, under fresh holds, in their rails' next windows.",
            "form_class": ReasonForm,
            "form_submit_text": "Send again",
        },
    )
    def retry(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            queued = services.retry_batch(batch=TransferBatch.objects.get(pk=object_id))
        messages.success(request, f"{len(queued)} items are queued again.")
        return redirect(reverse("admin:settlement_transferbatch_change", args=[object_id]))


@admin.register(SettlementBatch)
class SettlementBatchAdmin(ReadOnlyModelAdmin):
    empty_words = "When a window closes, what it sends is one batch for each partner and currency."
    list_display = [
        "public_id",
        "rail",
        "partner",
        "show_state",
        "count",
        "settled_count",
        "failed_count",
        "show_amount",
        "show_actual",
        "show_variance",
        "expected_at",
        "created_at",
    ]
    list_filter = ["state", "rail", "livemode", "partner", ("expected_at", RangeDateTimeFilter)]
    list_filter_submit = True
    list_select_related = ["rail", "partner"]
    search_fields = ["account"]
    search_help_text = "Batch id or cash account"
    fields = [
        "public_id", "rail", "partner", "livemode", "currency", "account", "show_state", "show_window", "count", "settled_count", "failed_count",
        "show_amount", "show_returned", "show_net", "show_actual", "show_variance", "expected_at", "late_since", "show_files", "show_items",
    ]  # fmt: skip

    @display(
        description="State",
        label={"Settled": "success", "Partly settled": "warning", "Failed": "danger", "Closed": "info", "Submitted": "info"},
    )
    def show_state(self, batch: SettlementBatch) -> str:
        return batch.get_state_display()

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, batch: SettlementBatch) -> str:
        return money(batch.amount_minor, batch.currency)

    @display(description="Came back, netted")
    def show_returned(self, batch: SettlementBatch) -> str:
        return f"{batch.returned_count}: {money(batch.returned_minor, batch.currency)}" if batch.returned_count else "–"

    @display(description="Net")
    def show_net(self, batch: SettlementBatch) -> str:
        return money(batch.net_minor, batch.currency)

    @display(description="Really moved")
    def show_actual(self, batch: SettlementBatch) -> str:
        return money(batch.actual_minor, batch.currency)

    @display(description="Variance")
    def show_variance(self, batch: SettlementBatch) -> str:
        return money(batch.variance_minor, batch.currency) if batch.state in {"settled", "partly_settled", "failed"} else "–"

    @display(description="Window")
    def show_window(self, batch: SettlementBatch) -> Any:
        return link(reverse("admin:settlement_settlementwindow_change", args=[batch.window_id]), batch.window)

    @display(description="Files")
    def show_files(self, batch: SettlementBatch) -> Any:
        rows = AchFile.objects.filter(batch=batch).defer("content")
        return table(
            ["File", "State", "Sent"],
            ([link(reverse("admin:settlement_achfile_change", args=[f.pk]), f.name), f.state, f.sent_at] for f in rows),
        )

    @display(description="Transfers")
    def show_items(self, batch: SettlementBatch) -> Any:
        address = f"{reverse('admin:settlement_transfer_changelist')}?settlement_batch__id__exact={batch.pk}"
        rows = [
            [link(f"{address}&state__exact={state}", state), count, money(amount, currency)]
            for state, currency, count, amount in selectors.settlement_states(batch)
        ]
        return table(["State", "Transfers", "Amount"], rows)


@admin.register(AchFile)
class AchFileAdmin(ReadOnlyModelAdmin):
    """Entries with masked accounts: the bytes themselves hold account numbers and are shown to nobody."""

    empty_words = "Every batch of a rail that works with files becomes one file, listed here byte for byte."
    sensitive = True
    list_display = ["name", "rail", "direction", "show_state", "effective_on", "sent_at", "created_at"]
    list_filter = ["rail", "direction", "state", ("effective_on", RangeDateFilter)]
    list_filter_submit = True
    list_select_related = ["rail"]
    search_fields = ["name", "=sha256"]
    search_help_text = "File id, name or SHA-256"
    fields = [
        "public_id",
        "name",
        "rail",
        "direction",
        "show_state",
        "show_batch",
        "effective_on",
        "sent_at",
        "sha256",
        "note",
        "show_faults",
        "show_entries",
    ]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("content")

    @display(
        description="State",
        label={"Settled": "success", "Acknowledged": "success", "Read": "success", "Refused": "danger", "Intent": "info", "Sent": "info"},
    )
    def show_state(self, file: AchFile) -> str:
        return file.state.capitalize()

    @display(description="Settlement batch")
    def show_batch(self, file: AchFile) -> Any:
        return link(reverse("admin:settlement_settlementbatch_change", args=[file.batch_id]), file.batch.public_id) if file.batch else "–"

    @display(description="Faults")
    def show_faults(self, file: AchFile) -> Any:
        if not file.name.endswith(".ach"):
            return "–"
        return pretty("\n".join(str(fault) for fault in nacha.read(bytes(file.content)).errors[:50]))

    @display(description="Entries")
    def show_entries(self, file: AchFile) -> Any:
        if not file.name.endswith(".ach"):
            return "–"
        rows = []  # type: ignore[var-annotated]
        for _, entry in nacha.read(bytes(file.content)).entries():
            if len(rows) == ENTRIES_SHOWN:
                break
            rows.append([entry.trace, entry.individual_id, entry.name, mask(entry.account), money(entry.amount, "USD")])
        return table(["Trace", "Reference", "Name", "Account", "Amount"], rows)
