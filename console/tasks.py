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
