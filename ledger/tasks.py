"""What the clock does for the ledger."""

from __future__ import annotations

from celery import shared_task

from ledger import sealing, services


@shared_task
def seal() -> int:
    return sealing.seal_all(rounds=200)


@shared_task
def expire_holds() -> int:
    return services.expire_holds()
