"""Gauges of ingestion for Prometheus and the alert rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Sum

from ingestion.models import StagingProcessLog, WebhookStat
from payos.kernel import clock
from payos.kernel.metrics import Sample

WORDS = {
    "payos_staging_backlog": ("Staging rows waiting", "rows"),
    "payos_staging_processed_hour": ("Payments recorded from staging in the last hour", "payments"),
    "payos_staging_errors_hour": ("Staging rows rejected in the last hour", "rows"),
    "payos_webhook_p95_ms": ("Answer time of payment webhooks (95 of 100)", "milliseconds"),
    "payos_dedup_hit_rate": ("References found in a cache", "share"),
    "payos_payment_partition_days_left": ("Days until payments lie in no month's partition", "days"),
    "payos_payment_default_rows": ("Payments in no month's partition", "payments"),
    "payos_payment_partition_fill": ("Fill of the largest month's partition", "share"),
    "payos_webhook_in_today": ("Payment webhooks received today", "messages"),
}


def samples() -> Iterator[Sample]:
    from ingestion import dedup, stats
    from ingestion.services import partitions

    yield "payos_staging_backlog", "Staging rows waiting (counted up to 100000).", {}, stats.backlog()
    hour = StagingProcessLog.objects.filter(started_at__gte=clock.now() - timedelta(hours=1)).aggregate(
        n=Sum("processed"), bad=Sum("errors")
    )
    yield "payos_staging_processed_hour", "Payments recorded from staging in the last hour.", {}, hour["n"] or 0
    yield "payos_staging_errors_hour", "Staging rows rejected in the last hour.", {}, hour["bad"] or 0
    late = stats.quantile_ms()
    if late is not None:
        yield (
            "payos_webhook_p95_ms",
            "Milliseconds within which 95 of 100 webhook messages of the last five minutes were answered.",
            {},
            late,
        )
    known = dedup.statistics.as_dict()
    for layer in ("memory", "redis"):
        yield (
            "payos_dedup_hit_rate",
            "Share of this process's look-ups of references that a cache answered.",
            {"layer": layer},
            known[f"{layer}_hit_rate"],
        )
    room = partitions.room()
    yield "payos_payment_partition_days_left", "Days until payments would lie in no month's partition.", {}, room.days_left
    yield "payos_payment_default_rows", "Payments in no month's partition (counted up to 10000).", {}, room.stray
    yield (
        "payos_payment_partition_fill",
        "The largest month's estimated rows against what a partition should hold.",
        {"partition": room.largest},
        room.fill,
    )
    for row in WebhookStat.objects.filter(day=clock.now().date())[:200]:
        labels = {"source": row.source, "outcome": row.outcome}
        yield "payos_webhook_in_today", "Webhook messages received today.", labels, row.count
