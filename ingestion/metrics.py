"""Gauges of ingestion for Prometheus and the alert rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Sum

from ingestion.models import StagingProcessLog, WebhookStat
from payos.kernel import clock
from payos.kernel.metrics import Sample


def samples() -> Iterator[Sample]:
    from ingestion import stats

    yield "payos_staging_backlog", "Staging rows waiting (counted up to 100000).", {}, stats.backlog()
    hour = StagingProcessLog.objects.filter(started_at__gte=clock.now() - timedelta(hours=1)).aggregate(n=Sum("processed"), bad=Sum("errors"))
    yield "payos_staging_processed_hour", "Payments recorded from staging in the last hour.", {}, hour["n"] or 0
    yield "payos_staging_errors_hour", "Staging rows rejected in the last hour.", {}, hour["bad"] or 0
    for row in WebhookStat.objects.filter(day=clock.now().date())[:200]:
        labels = {"source": row.source, "outcome": row.outcome}
        yield "payos_webhook_in_today", "Webhook messages received today.", labels, row.count
