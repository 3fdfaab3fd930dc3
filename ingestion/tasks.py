"""What the clock does for payments in."""

from __future__ import annotations

from celery import shared_task
from django.db import transaction

from ingestion import dedup, services, stats
from payos.kernel import tenancy

ROWS_PER_TICK = 200_000


@shared_task
def process_staging() -> int:
    return services.process_all(limit=ROWS_PER_TICK).total


@shared_task
def make_partitions() -> list[str]:
    return services.make_partitions()


@shared_task
def release_held_payments() -> int:
    return services.release_due()


@shared_task
def forget_old_references() -> int:
    return services.forget_old_references()


@shared_task
def watch_store() -> str:
    return services.watch_store()


@shared_task
def forget_latency() -> int:
    return stats.forget_latency()


@shared_task
def warm_dedup() -> int:
    """Asked for by every worker that starts; a second one at the same time finds the same and does no harm."""
    with tenancy.platform_scope(actor="clock:dedup"), transaction.atomic():
        return dedup.warm_up()


@shared_task
def run_connectors() -> int:
    return services.run_due()
