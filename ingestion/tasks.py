"""What the clock does for payments in."""

from __future__ import annotations

from celery import shared_task

from ingestion import services

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
def run_connectors() -> int:
    return services.run_due()
