"""What the clock does for settlement. Every task asks "what is due"; a tick that comes twice changes nothing."""

from __future__ import annotations

from celery import shared_task

from payos.kernel import tenancy
from settlement import services
from settlement.models import Rail


@shared_task
def close_windows() -> int:
    return len(services.close_due_windows())


@shared_task
def execute() -> None:
    """One task per rail, so that a slow bank delays only itself."""
    with tenancy.platform_scope():
        codes = list(Rail.objects.filter(enabled=True).values_list("code", flat=True))
    for code in codes:
        execute_rail.apply_async(args=[code], expires=30)


@shared_task
def execute_rail(code: str) -> int:
    return services.execute_rail(rail_code=code)


@shared_task
def ask() -> int:
    return services.ask_due()


@shared_task
def sweep() -> int:
    return services.sweep()


@shared_task
def files() -> None:
    services.send_files()
    services.read_files()
    services.settle_files_due()


@shared_task
def find_late() -> int:
    return services.find_late() + services.find_late_batches()
