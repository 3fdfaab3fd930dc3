"""How many messages came, what became of them and how long it took: added up here, written every few seconds."""

from __future__ import annotations

import atexit
import threading
import time
from collections import defaultdict
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Avg, Sum

from ingestion import dedup
from ingestion.models import PaymentStaging, StagingProcessLog, WebhookStat
from payos.kernel import clock, redis, tenancy

FLUSH_SECONDS = 3.0
_lock = threading.Lock()
_counts: dict[tuple[Any, Any, str, str], list[float]] = defaultdict(lambda: [0, 0.0])
_flushed_at = time.monotonic()


def add(partner_id: Any, source: str, outcome: str, milliseconds: float) -> None:
    with _lock:
        entry = _counts[clock.now().date(), partner_id, source[:60], outcome[:20]]
        entry[0] += 1
        entry[1] += milliseconds
    if time.monotonic() - _flushed_at > FLUSH_SECONDS:
        flush()


def flush() -> None:
    global _flushed_at
    with _lock:
        _flushed_at = time.monotonic()
        taken = sorted(_counts.items(), key=str)
        _counts.clear()
    if not taken:
        return
    try:
        with transaction.atomic(), tenancy.platform_scope(), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ingestion_webhookstat AS s (day, partner_id, source, outcome, count, milliseconds)"
                " SELECT * FROM unnest(%s::date[], %s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::float8[])"
                " ON CONFLICT (day, partner_id, source, outcome) DO UPDATE SET count = s.count + excluded.count,"
                " milliseconds = s.milliseconds + excluded.milliseconds",
                [
                    *[[key[place] for key, _ in taken] for place in range(4)],
                    [int(entry[0]) for _, entry in taken],
                    [entry[1] for _, entry in taken],
                ],
            )
    except DatabaseError:
        with _lock:  # counted again with the next flush
            for key, entry in taken:
                _counts[key][0] += entry[0]
                _counts[key][1] += entry[1]


@atexit.register
def _at_exit() -> None:
    from contextlib import suppress

    if _counts:
        with suppress(Exception):
            flush()


def backlog(limit: int = 100_000) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM (SELECT 1 FROM payment_staging WHERE NOT processed LIMIT %s) AS waiting", [limit])
        return int(cursor.fetchone()[0])


def figures(partner_id: Any = None) -> dict[str, Any]:
    """The shape of the original plan; a partner sees its own figures."""
    flush()
    with transaction.atomic(), tenancy.tenant_scope(partner_id) if partner_id else tenancy.platform_scope():
        today = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        rows = WebhookStat.objects.filter(day=today.date())
        by_outcome = {row["outcome"]: row for row in rows.values("outcome").annotate(n=Sum("count"), ms=Sum("milliseconds"))}
        pending = backlog()
        processed = PaymentStaging.objects.filter(processed=True, processed_at__gte=today)[:100_000].count()
    batches = StagingProcessLog.objects.filter(started_at__gte=today, total__gt=0)
    average = batches.aggregate(time=Avg("milliseconds"))["time"] or 0
    received = sum(row["n"] for row in by_outcome.values())
    took = sum(row["ms"] for row in by_outcome.values())
    duplicates = by_outcome.get("duplicate", {}).get("n", 0)  # type: ignore[call-overload]
    return {
        "staging": {
            "processed_today": processed,
            "pending_count": pending,
            "average_batch_time_ms": round(average, 2),
        },
        "webhooks": {
            "received_today": received,
            "duplicate_rate": round(duplicates / received, 4) if received else 0,
            "average_response_time_ms": round(took / received, 2) if received else 0,
            "by_outcome": {name: row["n"] for name, row in sorted(by_outcome.items())},
        },
        "dedup": dedup.statistics.as_dict(),
    }


BACKLOG_LIMIT = 10_000
STALE_SECONDS = 300


def health() -> dict[str, Any]:
    from payos.kernel import outbox

    checks: dict[str, Any] = {}
    with transaction.atomic(), tenancy.platform_scope():
        waiting = backlog()
        last = StagingProcessLog.objects.order_by("-id").first()
        lag = outbox.lag()
    checks["database"] = {"ok": True}
    checks["kafka"] = {"ok": lag["parked"] == 0 and lag["seconds"] < STALE_SECONDS, **lag}
    try:
        redis.client().ping()
        checks["redis"] = {"ok": True}
    except redis.Unavailable as error:
        checks["redis"] = {"ok": False, "why": str(error)[:200]}
    checks["staging_backlog"] = {"ok": waiting <= BACKLOG_LIMIT, "pending_count": waiting}
    age = (clock.now() - last.finished_at).total_seconds() if last else None
    checks["last_staging_run"] = {
        "ok": waiting == 0 or (age is not None and age < STALE_SECONDS),
        "at": last.finished_at.isoformat() if last else None,
        "status": last.status if last else None,
    }
    ok = all(check["ok"] for check in checks.values())
    return {"status": "healthy" if ok else "degraded", "checks": checks}
