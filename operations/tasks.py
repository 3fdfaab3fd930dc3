"""What the clock does for operations."""

from __future__ import annotations

from celery import shared_task

from operations import alerts, services
from payos.kernel import tenancy


@shared_task
def wake_up_cases() -> int:
    with tenancy.platform_scope(actor="clock:queue"):
        return services.wake_up()


@shared_task
def expire_approvals() -> int:
    with tenancy.platform_scope(actor="clock:approvals"):
        return services.expire_approvals()


@shared_task
def evaluate_alerts() -> int:
    return alerts.evaluate()


@shared_task
def deliver_alerts() -> int:
    return alerts.deliver()


@shared_task
def watch_approvals() -> int:
    with tenancy.platform_scope(actor="clock:approvals"):
        return services.watch_approvals()


@shared_task
def watch_ledger() -> bool:
    return services.watch_ledger()
