"""Closing a period of a partner's book, and opening it again."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import connection, transaction

from ledger.models import Period
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem


def _lock(partner_id: uuid.UUID | None, livemode: bool) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(ledger_book(%s, %s))", [partner_id, livemode])


@transaction.atomic
def period_close(*, partner_id: uuid.UUID | None, livemode: bool = False, starts_at: datetime, ends_at: datetime, note: str = "") -> Period:
    """Close [starts_at, ends_at): nothing effective in it can be posted any more."""
    if ends_at > clock.now():
        raise Problem("unprocessable", "A period is closed after it has ended.")
    _lock(partner_id, livemode)
    period, _ = Period.objects.get_or_create(  # type: ignore[misc]
        partner_id=partner_id, livemode=livemode, starts_at=starts_at, ends_at=ends_at, defaults={"note": note}
    )
    if period.closed_at is None:
        period.closed_at = clock.now()
        with tenancy.acting(reason=note):
            period.save(update_fields=["closed_at"])
    return period


@transaction.atomic
def period_reopen(*, period: Period, reason: str) -> Period:
    """Open a closed period again. Console and API reach this through an approval only."""
    if not reason.strip():
        raise Problem("unprocessable", "Reopening a period needs a reason.")
    _lock(period.partner_id, period.livemode)
    period = Period.objects.get(pk=period.pk)
    period.closed_at = None
    with tenancy.acting(reason=reason):
        period.save(update_fields=["closed_at"])
    return period
