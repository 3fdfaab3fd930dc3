"""What should have settled by now and has not: marked, and a case for a person, of which the alert rules hear."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from operations.services import open_cases
from payos.kernel import clock, tenancy
from payos.kernel.money import display
from settlement.models import SettlementBatch, Transfer
from settlement.services.progress import late_cause

GRACE = timedelta(minutes=30)
LIMIT = 1000


@transaction.atomic
def find_late(limit: int = LIMIT) -> int:
    """Open a case for every transfer whose expected settlement has passed; once per transfer."""
    now = clock.now()
    with tenancy.platform_scope(actor="clock:monitor"):
        late = list(
            Transfer.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(state__in=["submitted", "unknown"], expected_at__lt=now - GRACE, late_since=None)
            .select_related("rail")
            .order_by("expected_at")[:limit]
        )
        if not late:
            return 0
        Transfer.objects.filter(pk__in=[t.pk for t in late]).update(late_since=now)
        open_cases(
            [
                {
                    "kind": "transfer_late",
                    "cause_key": f"transfer_late:{t.pk}",
                    "title": f"{t.public_id} has not settled",
                    "detail": f"{display(t.amount_minor, t.currency)} by {t.rail.name} was expected at {t.expected_at:%Y-%m-%d %H:%M} UTC and is {t.state}.",
                    "subject": ("settlement.transfer", str(t.pk)),
                    "partner_id": t.partner_id,
                    "livemode": t.livemode,
                    "amount_minor": t.amount_minor,
                    "currency": t.currency,
                    "reason_code": "late",
                    "references": [value for value in (t.reference, t.public_id, t.bank_reference) if value],
                    "rail": t.rail.code,
                }
                for t in late
            ]
        )
        return len(late)


@transaction.atomic
def find_late_batches(limit: int = LIMIT) -> int:
    """The same for whole settlement batches: one case for each, with what is missing of it."""
    now = clock.now()
    with tenancy.platform_scope(actor="clock:monitor"):
        late = list(
            SettlementBatch.objects.select_for_update(of=("self",), skip_locked=True)
            .filter(state__in=["closed", "submitted"], expected_at__lt=now - GRACE, late_since=None)
            .select_related("rail", "window")
            .order_by("expected_at")[:limit]
        )
        if not late:
            return 0
        SettlementBatch.objects.filter(pk__in=[b.pk for b in late]).update(late_since=now)
        open_cases(
            [
                {
                    "kind": "settlement_late",
                    "cause_key": late_cause(b.pk),
                    "title": f"{b.public_id} has not settled",
                    "detail": f"{b.count - b.settled_count - b.failed_count} of {b.count} transfers"
                    f" ({display(b.amount_minor - b.actual_minor, b.currency)} of {display(b.amount_minor, b.currency)}) of the window that closed"
                    f" {b.window.closes_at:%Y-%m-%d %H:%M} UTC on {b.rail.name} were expected at {b.expected_at:%Y-%m-%d %H:%M} UTC.",
                    "subject": ("settlement.settlementbatch", str(b.pk)),
                    "partner_id": b.partner_id,
                    "livemode": b.livemode,
                    "amount_minor": b.amount_minor - b.actual_minor,
                    "currency": b.currency,
                    "reason_code": "late",
                    "references": [b.public_id],
                    "rail": b.rail.code,
                }
                for b in late
            ]
        )
        return len(late)
