"""A circuit breaker whose state every process shares, in Postgres: a lost cache closes nothing.

Closed: calls pass; `threshold` failures in a row open it. Open: calls are refused until `retry_at`; then one caller
wins the right to try (half open). Success closes it, failure opens it again for longer.
Use it outside a transaction, as rail calls are: what it learns must survive a rollback.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db import transaction
from django.db.models import F, Q

from payos.kernel import audit, clock
from payos.kernel.models import Circuit

T = TypeVar("T")


class BreakerOpen(RuntimeError):
    """The other side failed too often lately; `name` says which, `retry_at` when to try again."""

    def __init__(self, name: str, retry_at: object) -> None:
        self.name, self.retry_at = name, retry_at
        super().__init__(f"the circuit of {name} is open until {retry_at}")


class Breaker:
    def __init__(self, name: str, *, threshold: int = 5, pause_seconds: int = 30, longest_seconds: int = 900) -> None:
        self.name, self.threshold, self.pause, self.longest = name, threshold, pause_seconds, longest_seconds

    def state(self) -> str:
        row = Circuit.objects.filter(name=self.name).first()
        if row is None or row.opened_at is None:
            return "closed"
        return "open" if row.retry_at and row.retry_at > clock.now() else "half_open"

    def enter(self) -> None:
        """Pass, or raise BreakerOpen. In the half-open state only one caller passes per pause."""
        row = Circuit.objects.filter(name=self.name).first()
        if row is None or row.opened_at is None:
            return
        now = clock.now()
        if row.retry_at and row.retry_at > now:
            raise BreakerOpen(self.name, row.retry_at)
        won = Circuit.objects.filter(name=self.name, retry_at=row.retry_at).update(
            retry_at=now + timedelta(seconds=self.pause), changed_at=now
        )
        if not won:
            raise BreakerOpen(self.name, row.retry_at)

    def success(self) -> None:
        Circuit.objects.filter(Q(failures__gt=0) | Q(opened_at__isnull=False), name=self.name).update(
            failures=0, opened_at=None, retry_at=None, changed_at=clock.now()
        )

    def failure(self, error: str) -> None:
        now = clock.now()
        Circuit.objects.get_or_create(name=self.name)
        Circuit.objects.filter(name=self.name).update(failures=F("failures") + 1, last_error=error[:500], changed_at=now)
        row = Circuit.objects.get(name=self.name)
        if row.failures >= self.threshold:
            doublings = min(row.failures - self.threshold, 10)
            wait = min(self.pause * 2**doublings, self.longest)
            Circuit.objects.filter(name=self.name).update(
                opened_at=row.opened_at or now, retry_at=now + timedelta(seconds=wait), changed_at=now
            )

    @transaction.atomic
    def reset(self, *, reason: str) -> None:
        """Close it by hand."""
        Circuit.objects.filter(name=self.name).update(failures=0, opened_at=None, retry_at=None, changed_at=clock.now())
        audit.record(action="circuit.reset", subject=self.name, reason=reason)

    def call(self, function: Callable[[], T], failures: tuple[type[BaseException], ...] = (Exception,)) -> T:
        self.enter()
        try:
            result = function()
        except failures as error:
            self.failure(f"{type(error).__name__}: {error}")
            raise
        self.success()
        return result
