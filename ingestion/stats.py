"""How many messages came, what became of them and how long it took: added up here, written every few seconds."""

from __future__ import annotations

import atexit
import threading
import time
from bisect import bisect_left
from collections import defaultdict
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.models import Avg, Sum

from ingestion import dedup
from ingestion.models import PaymentStaging, StagingProcessLog, WebhookLatency, WebhookStat
from payos.kernel import clock, redis, tenancy

FLUSH_SECONDS = 3.0
_lock = threading.Lock()
_counts: dict[tuple[Any, Any, str, str], list[float]] = defaultdict(lambda: [0, 0.0])
_late: dict[tuple[datetime, int], int] = defaultdict(int)
#: Upper bounds of the buckets of answer times; what takes longer than the last is in one of its own.
BUCKETS = (1, 2, 5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2000, 5000, 10_000, 2_000_000_000)
LATENCY_KEPT = timedelta(days=2)
_flushed_at = time.monotonic()


def add(partner_id: Any, source: str, outcome: str, milliseconds: float) -> None:
    now = clock.now()
    with _lock:
        _late[now.replace(second=0, microsecond=0), BUCKETS[bisect_left(BUCKETS, milliseconds)]] += 1
        entry = _counts[now.date(), partner_id, source[:60], outcome[:20]]
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
        late = sorted(_late.items())
        _late.clear()
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
            cursor.execute(
                "INSERT INTO ingestion_webhooklatency AS l (minute, at_most_ms, count) SELECT * FROM unnest(%s::timestamptz[], %s::int[], %s::bigint[])"
                " ON CONFLICT (minute, at_most_ms) DO UPDATE SET count = l.count + excluded.count",
                [[minute for (minute, _), _ in late], [bound for (_, bound), _ in late], [count for _, count in late]],
            )
    except DatabaseError:
        with _lock:  # counted again with the next flush
            for key, entry in taken:
                _counts[key][0] += entry[0]
                _counts[key][1] += entry[1]
            for bucket, count in late:
                _late[bucket] += count


@atexit.register
def _at_exit() -> None:
    from contextlib import suppress

    if _counts:
        with suppress(Exception):
            flush()


def quantile_ms(share: float = 0.95, minutes: int = 5) -> float | None:
    """The time within which that share of the answers of the last minutes was given, between the bounds of its bucket."""
    since = clock.now().replace(second=0, microsecond=0) - timedelta(minutes=minutes)
    rows = WebhookLatency.objects.filter(minute__gt=since).values("at_most_ms").annotate(n=Sum("count")).order_by("at_most_ms")
    counted = [(row["at_most_ms"], row["n"]) for row in rows]
    wanted, before = share * sum(n for _, n in counted), 0
    for bound, n in counted:
        if before + n >= wanted:
            place = BUCKETS.index(bound) if bound in BUCKETS else len(BUCKETS) - 1
            low = BUCKETS[place - 1] if place else 0
            high = bound if bound < BUCKETS[-1] else low  # nothing is known above the last bound
            return low + (high - low) * (wanted - before) / n
        before += n
    return None


def forget_latency() -> int:
    return WebhookLatency.objects.filter(minute__lt=clock.now() - LATENCY_KEPT).delete()[0]


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
        by_outcome = {
            row["outcome"]: (row["n"], row["ms"]) for row in rows.values("outcome").annotate(n=Sum("count"), ms=Sum("milliseconds"))
        }
        pending = backlog()
        processed = PaymentStaging.objects.filter(processed=True, processed_at__gte=today)[:100_000].count()
    batches = StagingProcessLog.objects.filter(started_at__gte=today, total__gt=0)
    average = batches.aggregate(time=Avg("milliseconds"))["time"] or 0
    received = sum(n for n, _ in by_outcome.values())
    took = sum(ms for _, ms in by_outcome.values())
    duplicates = by_outcome.get("duplicate", (0, 0))[0]
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
            "by_outcome": {name: n for name, (n, _) in sorted(by_outcome.items())},
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
