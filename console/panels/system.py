"""Whether the machine itself is well."""

from __future__ import annotations

from typing import Any

from console.registry import Body, Cell, Figure, Table, panel
from operations.templatetags.payos import age, span
from payos.kernel import clock, outbox, redis
from payos.kernel.models import Circuit, Heartbeat


@panel("health", "System health", page="home", permission="operations.view_case", order=90, size="half")
def health(request: Any) -> Body:
    from datetime import timedelta

    lag = outbox.lag()
    try:
        redis.client().ping()
        cache = Figure("Cache", "up", tone="good")
    except redis.Unavailable:
        cache = Figure("Cache", "away", "slower, nothing is lost", tone="warn")
    figures = [
        Figure("Database", "up", tone="good"),
        cache,
        Figure(
            "Events behind",
            f"{lag['unhandled']:,}",
            f"oldest {span(timedelta(seconds=lag['seconds']))}",
            tone="bad" if lag["seconds"] > 60 else "good",
        ),
        Figure("Set aside", f"{lag['parked']:,}", tone="bad" if lag["parked"] else "good"),
    ]
    now = clock.now()
    rows: list[list[Cell | str]] = []
    for beat in Heartbeat.objects.order_by("name")[:20]:
        late = (now - beat.beat_at).total_seconds() > 60
        rows.append([beat.name, Cell("silent" if late else "alive", tone="bad" if late else "good"), f"{age(beat.beat_at)} ago"])
    for circuit in Circuit.objects.exclude(opened_at=None).order_by("name")[:20]:
        rows.append([f"circuit {circuit.name}", Cell("open", tone="bad"), f"since {age(circuit.opened_at)}"])
    return Body(figures=figures, table=Table("Processes and circuits", ["What", "State", "Last sign"], rows))
