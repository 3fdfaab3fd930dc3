"""Processes say that they live; `/readyz` and the console read it."""

from __future__ import annotations

from typing import Any

from payos.kernel import clock
from payos.kernel.models import Heartbeat


def say(name: str, **detail: Any) -> None:
    Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": clock.now(), "detail": detail})


def age_seconds(prefix: str) -> float | None:
    """Seconds since the youngest heartbeat of that kind; None when there never was one."""
    latest = Heartbeat.objects.filter(name__startswith=prefix).order_by("-beat_at").first()
    return None if latest is None else (clock.now() - latest.beat_at).total_seconds()
