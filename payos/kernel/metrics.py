"""What Prometheus reads: counters of this process, or of all of them, and gauges read from the database.

An app adds its own gauges with `source` in AppConfig.ready. Where several web processes share a machine,
PROMETHEUS_MULTIPROC_DIR names a folder in which each keeps its counters; whoever answers then adds them up.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from payos.kernel import tenancy

log = logging.getLogger("payos.metrics")
# (name, help, labels, value)
Sample = tuple[str, str, dict[str, str], float]
_sources: list[Callable[[], Iterable[Sample]]] = []
# name -> (what it is in a few words, its unit): for people who choose a metric or read an alert
_known: dict[str, tuple[str, str]] = {}


def source(function: Callable[[], Iterable[Sample]]) -> Callable[[], Iterable[Sample]]:
    if function not in _sources:
        _sources.append(function)
    return function


def known(words: dict[str, tuple[str, str]]) -> None:
    """Say in words what an app's gauges are; also those that have no sample now."""
    _known.update(words)


def catalogue() -> dict[str, tuple[str, str]]:
    return dict(_known)


def title(name: str) -> str:
    return _known[name][0] if name in _known else name


def reading(name: str, value: float) -> str:
    """A value with its unit: `75 s`, `2.5 %`."""
    unit = _known[name][1] if name in _known else ""
    if unit == "share":
        return f"{plain(value * 100)} %"
    return f"{plain(round(value, 2))} {SHORT[unit]}" if unit in SHORT else plain(value)


SHORT = {"seconds": "s", "milliseconds": "ms", "days": "days"}


def plain(value: float) -> str:
    """Without an exponent, and with as many places as a person reads."""
    return f"{round(value, 2) if abs(value) >= 1 else value:,.12g}" if abs(value) >= 0.001 else f"{value:g}"


class FromDatabase(Collector):
    def describe(self) -> Iterable[Any]:
        return []  # nothing is asked of the database when the process registers it

    def collect(self) -> Iterator[Any]:
        families: dict[str, GaugeMetricFamily] = {}
        for function in _sources:
            try:
                with transaction.atomic(), tenancy.platform_scope():
                    for name, text, labels, value in function():
                        family = families.setdefault(name, GaugeMetricFamily(name, text, labels=sorted(labels)))
                        family.add_metric([labels[key] for key in sorted(labels)], value)
            except DatabaseError:
                log.exception("metrics.source_failed", extra={"source": function.__name__})
        yield from families.values()


@transaction.non_atomic_requests
def export(request: HttpRequest) -> HttpResponse:
    registry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        registry.register(FromDatabase())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def register() -> None:
    if not getattr(REGISTRY, "_payos_registered", False):
        REGISTRY.register(FromDatabase())
        REGISTRY._payos_registered = True  # type: ignore[attr-defined]


KERNEL_WORDS = {
    "payos_outbox_unhandled": ("Events not handled yet", "events"),
    "payos_outbox_lag_seconds": ("Age of the oldest event not handled yet", "seconds"),
    "payos_outbox_unpublished": ("Events not published yet", "events"),
    "payos_outbox_parked": ("Events set aside because a handler keeps failing", "events"),
    "payos_publish_failure_ratio": ("Events of the last hour not published in time", "share"),
    "payos_database_connections_ratio": ("Database connections in use", "share"),
    "payos_breaker_open": ("Circuit breaker open", "1 or 0"),
    "payos_heartbeat_age_seconds": ("Silence of a process", "seconds"),
}


def kernel_source() -> Iterator[Sample]:
    from payos.kernel import clock, outbox
    from payos.kernel.models import Circuit, Heartbeat

    lag = outbox.lag()
    yield "payos_outbox_unhandled", "Events that subscribers have not seen (counted up to 10000).", {}, lag["unhandled"]
    yield "payos_outbox_lag_seconds", "Age of the oldest event that subscribers have not seen.", {}, lag["seconds"]
    yield "payos_outbox_unpublished", "Events that the sink has not taken (counted up to 10000).", {}, lag["unpublished"]
    yield "payos_outbox_parked", "Events set aside because a handler keeps failing.", {}, lag["parked"]
    yield (
        "payos_publish_failure_ratio",
        "Share of the last hour's events that the sink has not taken in time (of the newest 10000).",
        {},
        outbox.failure_ratio(),
    )
    yield "payos_database_connections_ratio", "Connections to the database against those that it allows.", {}, _connections()
    for row in Circuit.objects.all()[:500]:
        yield "payos_breaker_open", "1 while the circuit breaker refuses calls.", {"name": row.name}, float(row.opened_at is not None)
    for beat in Heartbeat.objects.all()[:100]:
        age = (clock.now() - beat.beat_at).total_seconds()
        yield "payos_heartbeat_age_seconds", "Seconds since a process said that it lives.", {"name": beat.name}, age


def _connections() -> float:
    """Every client's, not only ours: when the last one is taken it does not matter whose it is. What a backend is may be
    hidden from the application's role; that it has a database and a user is not, and only clients have both."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL)::float8"
            " / greatest(1, current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int)"
        )
        return float(cursor.fetchone()[0])
