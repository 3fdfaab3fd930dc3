"""Celery beat that says that it lives: the schedule of django-celery-beat plus a heartbeat row."""

from __future__ import annotations

import time
from typing import Any

from django.db import DatabaseError
from django_celery_beat.schedulers import DatabaseScheduler

EVERY_SECONDS = 10.0


class Scheduler(DatabaseScheduler):
    _said = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        wait = super().tick(*args, **kwargs)
        if time.monotonic() - self._said > EVERY_SECONDS:
            from payos.kernel import heartbeat

            try:
                heartbeat.say("beat")
                self._said = time.monotonic()
            except DatabaseError:
                self.logger.warning("beat: the heartbeat could not be written; the database is away")
        return min(wait, EVERY_SECONDS) if isinstance(wait, int | float) else wait
