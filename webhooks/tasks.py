"""What the clock does for webhooks. Delivery itself is a long-running process where one is started
(`manage.py deliver_webhooks`); the tick stands in where none is alive."""

from __future__ import annotations

import uuid
from datetime import timedelta

from celery import shared_task
from django.db import connection, transaction

from payos.kernel import clock, heartbeat, tenancy
from payos.kernel.models import Heartbeat
from webhooks import notices, policy, selectors, services, worker

TICK_SECONDS = 20.0
RETENTION_BATCH = 20_000
RETENTION_ROUNDS = 50


@shared_task
def deliver_due() -> int:
    """Deliver what is due, unless a worker is at it already: one that was killed is silent after ten seconds."""
    with tenancy.platform_scope(actor="clock:webhooks"):
        age = heartbeat.age_seconds(worker.HEARTBEAT)
        if (age is not None and age < 2 * worker.HEARTBEAT_SECONDS) or not selectors.anything_due():
            return 0
    return worker.deliver(until_idle=True, seconds=TICK_SECONDS)


@shared_task(autoretry_for=(OSError,), retry_backoff=30, retry_backoff_max=3600, max_retries=8)
def tell_disabled(endpoint_id: str) -> int:
    """A letter to the partner; the mail server may be away for hours."""
    with tenancy.platform_scope(actor="clock:webhooks"):
        return notices.tell_disabled(endpoint_id=uuid.UUID(endpoint_id))


@shared_task
def sweep_disabled() -> int:
    """What switched-off endpoints were owed becomes dead, in bounded steps."""
    total = 0
    with tenancy.platform_scope(actor="clock:webhooks"):
        for _ in range(20):
            moved = services.sweep()
            total += moved
            if moved < services.DISCARD_BATCH:
                break
    return total


@shared_task
def forget_old_attempts() -> int:
    """Retention: the log is kept for 30 days. The database function refuses anything younger."""
    total = 0
    with tenancy.platform_scope(actor="clock:retention"):
        before = clock.now() - policy.RETENTION - timedelta(minutes=1)
        for _ in range(RETENTION_ROUNDS):
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT webhooks_forget(%s, %s)", [before, RETENTION_BATCH])
                moved = int(cursor.fetchone()[0])
            total += moved
            if not moved:
                break
        Heartbeat.objects.filter(name__startswith=worker.HEARTBEAT, beat_at__lt=clock.now() - timedelta(days=1)).delete()
    return total
