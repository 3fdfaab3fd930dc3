"""Months of the payments table: made ahead, watched, detached when their time is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import connection, transaction

from operations.services import open_case
from payos.kernel import audit, clock, sqlfile, tenancy

AHEAD = 3


#: More rows than this in one month make its indexes slow to keep: split the tenant off, or partition finer.
ROWS_OF_A_MONTH = 50_000_000


@dataclass(frozen=True, slots=True)
class Room:
    """How much room the payments table has left, in time and in size."""

    days_left: float
    stray: int
    largest: str
    fill: float


def room() -> Room:
    """From the catalogue and its estimates: cheap enough to be asked every few seconds."""
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "partition_room.sql"), {"today": clock.now().date()})
        days, stray, largest, rows = cursor.fetchone()
    return Room(float(days or 0), stray, largest or "", float(rows or 0) / ROWS_OF_A_MONTH)


def _month(day: date, offset: int) -> date:
    months = day.year * 12 + day.month - 1 + offset
    return date(months // 12, months % 12 + 1, 1)


@transaction.atomic
def make_partitions(ahead: int = AHEAD) -> list[str]:
    """Make this month's partition and the next ones; open a case for whatever fell into the default partition."""
    made = []
    with tenancy.platform_scope(actor="clock:partitions"), connection.cursor() as cursor:
        for offset in range(ahead + 1):
            cursor.execute("SELECT ingestion_make_partition(%s)", [_month(clock.now().date(), offset)])
            (name,) = cursor.fetchone()
            if name:
                made.append(name)
        cursor.execute(
            "SELECT count(*), min(payment_date), max(payment_date) FROM (SELECT payment_date FROM ingestion_payment"
            " WHERE tableoid = 'ingestion_payment_default'::regclass LIMIT 10000) AS stray"
        )
        count, first, last = cursor.fetchone()
        if count:
            open_case(
                kind="payments_without_partition",
                cause_key="ingestion:default-partition",
                title=f"{count} payments lie in no month's partition",
                detail=f"Their dates run from {first} to {last}. They are recorded and found; make the missing months and move them.",
                reason_code="default_partition",
            )
    return made


@transaction.atomic
def detach_month(*, month: date, reason: str) -> str | None:
    """Take a month out of the table. Its rows stay in an archived table; said in the audit trail, never silent."""
    with tenancy.platform_scope(reason=reason), connection.cursor() as cursor:
        cursor.execute("SELECT ingestion_detach_partition(%s)", [month.replace(day=1)])
        (name,) = cursor.fetchone()
        if name:
            audit.record(action="payments.month_detached", subject=name, reason=reason)
    return str(name) if name else None


def forget_old_references(limit: int = 20_000) -> int:
    """References older than the retention may come again; 0 days keeps them for ever."""
    from datetime import timedelta

    from django.conf import settings

    if not settings.REFERENCE_DAYS:
        return 0
    with transaction.atomic(), tenancy.platform_scope(actor="clock:retention"), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM ingestion_paymentreference WHERE id IN (SELECT id FROM ingestion_paymentreference"
            " WHERE seen_at < %s ORDER BY id LIMIT %s)",
            [clock.now() - timedelta(days=settings.REFERENCE_DAYS), limit],
        )
        return int(cursor.rowcount)
