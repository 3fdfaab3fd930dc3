"""The one clock. Everything asks it, so that tests and simulations can stop it or travel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_frozen: datetime | None = None
_offset = timedelta(0)


def now() -> datetime:
    return _frozen if _frozen is not None else datetime.now(UTC) + _offset


def today(zone: str = "UTC") -> date:
    return now().astimezone(tz(zone)).date()


def tz(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{zone!r} is no time zone: write one such as America/Sao_Paulo") from None


@contextmanager
def frozen(at: datetime) -> Iterator[None]:
    """Stop the clock at an instant; nested calls move it."""
    global _frozen
    if at.tzinfo is None:
        raise ValueError("the clock needs an instant with a time zone")
    before, _frozen = _frozen, at.astimezone(UTC)
    try:
        yield
    finally:
        _frozen = before


@contextmanager
def travel(to: datetime) -> Iterator[None]:
    """Let the clock run on from another instant."""
    global _offset
    before, _offset = _offset, to.astimezone(UTC) - datetime.now(UTC)
    try:
        yield
    finally:
        _offset = before


def instant(day: date, hour: int, minute: int, zone: str) -> datetime:
    """The instant of a wall-clock time. A time that happens twice means its first occurrence; one that the
    clocks skip means the next valid minute."""
    zone_info = tz(zone)
    local = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone_info, fold=0)
    real = local.astimezone(UTC)
    if real.astimezone(zone_info).replace(tzinfo=None) != local.replace(tzinfo=None):
        # In the gap: the offset before it carries the time past the jump; step back to where the gap ends.
        before = local.utcoffset() or timedelta(0)
        after = local.replace(fold=1).utcoffset() or timedelta(0)
        gap = abs(after - before)
        start = real - gap
        for minutes in range(int(gap.total_seconds() // 60) * 2 + 1):
            candidate = start + timedelta(minutes=minutes)
            if candidate.astimezone(zone_info).replace(tzinfo=None) > local.replace(tzinfo=None):
                return candidate
    return real
