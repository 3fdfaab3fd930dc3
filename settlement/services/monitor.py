"""What should have settled by now and has not: marked, and a case for a person."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction

from operations.services import open_cases
from payos.kernel import clock, tenancy
from payos.kernel.money import display
from settlement.models import Transfer

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
