"""What the clock does for the console."""

from __future__ import annotations

from celery import shared_task

from console import rollups


@shared_task
def roll_latest() -> int:
    return rollups.roll()


@shared_task
def roll_again() -> int:
    return rollups.roll(deep=True)


@shared_task
def roll_month() -> int:
    """Payments may carry a date of weeks ago, and transfers may come back late."""
    return rollups.roll(deep=True, days=45)


@shared_task
def make_due_reports() -> int:
    from console.reports import services
    from payos.kernel import tenancy

    with tenancy.platform_scope(actor="clock:reports"):
        return services.make_due_reports()
