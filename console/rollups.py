"""Hourly sums of what grows, so that a dashboard at ten million payments reads a few hundred rows.

A source is one SQL file that groups the rows made in [start, end) by hour. Each run makes the hours it touches anew: the
latest ones every minute, and those of the last days now and then, because states change after the hour in which a row was
made. Ids are sorted by time, so the files read a range of the primary key.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum

from console.models import Rollup, RollupState
from payos.kernel import clock, ids, locks, tenancy

STALE = timedelta(days=4)  # how long after its hour a row may still change its state and be counted right
SLACK = timedelta(minutes=5)  # an id may be a little older or younger than its row's created_at
FIRST = timedelta(days=45)  # how far back a fresh installation sums


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    sql: str


SOURCES: dict[str, Source] = {}


def register(name: str, here: str, file: str) -> None:
    SOURCES[name] = Source(name, (Path(here).resolve().parent / "sql" / file).read_text())


def roll(*, deep: bool = False, days: int = 0) -> int:
    """Bring every source up to now; `deep` makes the last days anew, or as many `days`. Returns the rows written."""
    total = 0
    now = clock.now()
    end = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    with tenancy.platform_scope(actor="clock:rollups"):
        for source in SOURCES.values():
            state = RollupState.objects.filter(pk=source.name).first()
            start = state.done_to - timedelta(hours=2) if state else end - FIRST
            if deep:
                start = min(start, end - max(STALE, timedelta(days=days)))
            while start < end:
                stop = min(start + timedelta(hours=24), end)
                total += _hours(source, start, stop)
                start = stop
    return total


def _hours(source: Source, start: datetime, stop: datetime) -> int:
    """Make the hours in [start, stop) anew, in one transaction: a reader sees the old sums or the new ones."""
    with transaction.atomic():
        locks.advisory_xact_lock("console:rollup", source.name)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM console_rollup WHERE source = %s AND hour >= %s AND hour < %s", [source.name, start, stop])
            cursor.execute(
                "INSERT INTO console_rollup (source, hour, partner_id, livemode, branch_id, key, state, currency, count, amount_minor) "
                + source.sql,
                {
                    "source": source.name,
                    "start": start,
                    "stop": stop,
                    "first_id": ids.floor(start - SLACK),
                    "last_id": ids.floor(stop + SLACK),
                },
            )
            written = int(cursor.rowcount)
        RollupState.objects.update_or_create(source=source.name, defaults={"done_to": stop})
    return written


def daily(source: str, days: int, **filters: Any) -> dict[date, int]:
    """The count of each of the last days, zero where there was nothing."""
    today = clock.today()
    first = today - timedelta(days=days - 1)
    found = {first + timedelta(days=n): 0 for n in range(days)}
    rows = (
        Rollup.objects.filter(source=source, hour__gte=clock.instant(first, 0, 0, "UTC"), **filters)
        .values_list("hour__date")
        .annotate(n=Sum("count"))
        .order_by()
    )
    for day, count in rows:
        if day in found:
            found[day] = int(count)
    return found


def sums(source: str, since: datetime, by: Sequence[str], **filters: Any) -> list[tuple[Any, ...]]:
    """(values of `by`..., count, amount) since an instant."""
    rows = (
        Rollup.objects.filter(source=source, hour__gte=since, **filters)
        .values_list(*by)
        .annotate(n=Sum("count"), amount=Sum("amount_minor"))
        .order_by(*by)
    )
    return [(*row[: len(by)], int(row[-2]), int(row[-1] or 0)) for row in rows]


def share(source: str, since: datetime, good: Sequence[str], bad: Sequence[str], **filters: Any) -> float | None:
    """Per cent of good among good and bad states; None where neither happened."""
    by_state = {state: count for state, count, _ in sums(source, since, ["state"], **filters)}
    fine = sum(by_state.get(state, 0) for state in good)
    total = fine + sum(by_state.get(state, 0) for state in bad)
    return 100 * fine / total if total else None


def branch_sums(branch_id: uuid.UUID, source: str, since: datetime, by: Sequence[str]) -> list[tuple[Any, ...]]:
    return sums(source, since, by, branch_id=branch_id)
