"""Reads that more than one caller needs: health, the lists, the gauges."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from payos.kernel import clock, ids, sqlfile
from payos.kernel.metrics import Sample
from payos.kernel.models import OutboxEvent
from webhooks.catalogue import EVENTS
from webhooks.models import OUTSTANDING, Delivery, Endpoint

HEALTH_ATTEMPTS = 1000  # the latest ones of an endpoint are looked at
COUNT_TO = 10_000
METRIC_ENDPOINTS = 200
EMPTY = {"attempts": 0, "success_rate": None, "p50_ms": None, "p95_ms": None, "backlog": 0, "dead": 0}


def health(endpoint_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
    """Success rate and latency over the latest attempts of the last day, backlog and dead letters (counted up to a bound)."""
    if not endpoint_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "health.sql"),
            {
                "endpoints": list(endpoint_ids),
                "latest": HEALTH_ATTEMPTS,
                "day": ids.floor(clock.now() - timedelta(days=1)),
                "count_to": COUNT_TO,
            },
        )
        found = {
            row[0]: dict(zip(("attempts", "success_rate", "p50_ms", "p95_ms", "backlog", "dead"), row[1:], strict=True))
            for row in cursor.fetchall()
        }
    return {endpoint_id: found.get(endpoint_id, dict(EMPTY)) for endpoint_id in endpoint_ids}


def endpoints(**filters: Any) -> QuerySet[Endpoint]:
    return Endpoint.objects.filter(deleted_at=None, **filters).select_related("lane")


# How the houses name what an event is about: `<kind>:<key>`.
KINDS = {
    "trf": ["transfer"], "pay": ["payment"], "bat": ["batch", "transfer_batch"], "stl": ["settlement", "settlement_batch"],
    "win": ["window"], "run": ["run"], "dis": ["discrepancy"],
}  # fmt: skip
NAMES = {kind: prefix for prefix, kinds in KINDS.items() for kind in kinds}


def subjects_like(text: str) -> list[str]:
    """A subject as people write it (`trf_…`) and as events carry it (`transfer:<key>`)."""
    prefix = text.partition("_")[0]
    try:
        key = ids.decode(prefix, text) if prefix in KINDS else None
    except ids.InvalidId:
        key = None
    return [text] if key is None else [text, str(key), *(f"{kind}:{key}" for kind in KINDS[prefix])]


def subject_shown(subject: str) -> str:
    """`transfer:<key>` as `trf_…`; anything else as it is."""
    kind, _, key = subject.partition(":")
    try:
        return ids.encode(NAMES[kind], uuid.UUID(key))
    except (KeyError, ValueError):
        return subject


def deliveries(
    *,
    endpoint_id: uuid.UUID | None = None,
    status: str | None = None,
    event_type: str | None = None,
    event_id: uuid.UUID | None = None,
    subject: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Delivery]:
    """Deliveries of the current scope. Times become bounds on the key, which is sorted by time and indexed."""
    found = Delivery.objects.all()
    exact = {"endpoint_id": endpoint_id, "state": status, "event_type": event_type, "event_id": event_id}
    found = found.filter(**{name: value for name, value in exact.items() if value is not None})
    if subject is not None:
        found = found.filter(subject__in=subjects_like(subject))
    if since is not None:
        found = found.filter(pk__gte=ids.floor(since))
    if until is not None:
        found = found.filter(pk__lt=ids.floor(until))
    return found


def events(
    *, event_type: str | None = None, subject: str | None = None, since: datetime | None = None, until: datetime | None = None
) -> QuerySet[OutboxEvent]:
    """The events a partner may know of; the tenant comes from the scope."""
    found = OutboxEvent.objects.filter(event_type__in=[event_type] if event_type else list(EVENTS), partner_id__isnull=False)
    if subject is not None:
        found = found.filter(aggregate_id__in=subjects_like(subject))
    if since is not None:
        found = found.filter(pk__gte=ids.floor(since))
    if until is not None:
        found = found.filter(pk__lt=ids.floor(until))
    return found


def anything_due() -> bool:
    """Whether a worker would find work: asked every second, so it looks at endpoints and not at backlogs."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM webhooks_endpoint e WHERE e.enabled AND EXISTS (SELECT 1 FROM webhooks_delivery d"
            " WHERE d.endpoint_id = e.id AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= %s))",
            [clock.now()],
        )
        return bool(cursor.fetchone()[0])


def summary() -> dict[str, Any]:
    """For the home page: how the webhooks of all partners do."""
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "summary.sql"),
            {"now": clock.now(), "hour": ids.floor(clock.now() - timedelta(hours=1)), "count_to": COUNT_TO},
        )
        names = ("backlog", "oldest_due_seconds", "dead", "endpoints", "failing", "disabled", "attempts", "success_rate", "p95_ms")
        return dict(zip(names, cursor.fetchone(), strict=True))


METRIC_WORDS = {
    "payos_webhooks_backlog": ("Webhook deliveries owed", "deliveries"),
    "payos_webhooks_oldest_due_seconds": ("Wait of the oldest webhook delivery due", "seconds"),
    "payos_webhooks_dead": ("Webhook dead letters", "deliveries"),
    "payos_webhooks_endpoints_failing": ("Webhook endpoints that fail", "endpoints"),
    "payos_webhooks_endpoints_disabled": ("Webhook endpoints switched off", "endpoints"),
    "payos_webhooks_success_rate": ("Webhook attempts that succeeded in the last hour", "share"),
    "payos_webhooks_endpoint_backlog": ("Deliveries owed to one endpoint", "deliveries"),
    "payos_webhooks_endpoint_success_rate": ("One endpoint's attempts that succeeded", "share"),
    "payos_webhooks_endpoint_p95_seconds": ("One endpoint's answer time (95 of 100)", "seconds"),
}


def metrics_source() -> Iterator[Sample]:
    total = summary()
    yield "payos_webhooks_backlog", "Deliveries that are owed (counted up to 10000).", {}, float(total["backlog"])
    yield "payos_webhooks_oldest_due_seconds", "How long the oldest due delivery has waited.", {}, float(total["oldest_due_seconds"] or 0)
    yield "payos_webhooks_dead", "Dead letters (counted up to 10000).", {}, float(total["dead"])
    yield "payos_webhooks_endpoints_failing", "Endpoints whose latest attempts all failed.", {}, float(total["failing"])
    yield "payos_webhooks_endpoints_disabled", "Endpoints that are switched off.", {}, float(total["disabled"])
    if total["success_rate"] is not None:
        yield (
            "payos_webhooks_success_rate",
            "Share of attempts that succeeded in the last hour (a bounded sample).",
            {},
            float(total["success_rate"]),
        )
    busy = list(endpoints(enabled=True).order_by("-lane__served_at")[:METRIC_ENDPOINTS])
    by_id = health([endpoint.pk for endpoint in busy])
    for endpoint in busy:
        label = {"endpoint": endpoint.public_id}
        figures = by_id[endpoint.pk]
        yield "payos_webhooks_endpoint_backlog", "Deliveries owed to an endpoint (counted up to 10000).", label, float(figures["backlog"])
        if figures["success_rate"] is not None:
            yield "payos_webhooks_endpoint_success_rate", "Of its latest attempts of a day.", label, float(figures["success_rate"])
            yield "payos_webhooks_endpoint_p95_seconds", "Latency of its latest attempts of a day.", label, float(figures["p95_ms"]) / 1000


def outstanding(endpoint_id: uuid.UUID) -> int:
    return Delivery.objects.filter(endpoint_id=endpoint_id, state__in=OUTSTANDING)[:COUNT_TO].count()
