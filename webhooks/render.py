"""How endpoints, deliveries and events look in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings

from payos.kernel import ids
from payos.kernel.models import OutboxEvent
from webhooks import bodies, selectors
from webhooks.models import Attempt, Delivery, Endpoint

ATTEMPTS_SHOWN = 50


def instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def endpoint(row: Endpoint) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "webhook_endpoint",
        "livemode": row.livemode,
        "url": row.url,
        "description": row.description,
        "event_types": row.event_types,
        "header_names": sorted(row.headers),
        "rate_limit": row.rate_limit,
        "max_in_flight": row.max_in_flight,
        "ordered": row.ordered,
        "retry_seconds": row.retry_seconds,
        "notify_emails": row.notify_emails,
        "api_version": row.api_version,
        "enabled": row.enabled,
        "disabled_reason": row.disabled_reason or None,
        "disabled_at": instant(row.disabled_at),
        "secret_created_at": instant(row.secret_created_at),
        "previous_secret_until": instant(row.previous_secret_until),
        "created_at": instant(row.created_at),
    }


def health(row: Endpoint) -> dict[str, Any]:
    lane = row.lane
    return selectors.health([row.pk])[row.pk] | {
        "consecutive_failures": lane.consecutive_failures,
        "failing_since": instant(lane.failing_since),
        "last_success_at": instant(lane.last_success_at),
        "last_failure_at": instant(lane.last_failure_at),
        "last_error": lane.last_error,
    }


def delivery(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "webhook_delivery",
        "livemode": row.livemode,
        "endpoint_id": ids.encode("whe", row.endpoint_id),
        "event_id": ids.encode("evt", row.event_id),
        "event_type": row.event_type,
        "subject": selectors.subject_shown(row.subject),
        "status": row.state,
        "attempts": row.attempts,
        "replays": row.replays,
        "sample": bool(row.sample_body),
        "next_attempt_at": instant(row.next_attempt_at) if row.outstanding else None,
        "finished_at": instant(row.finished_at),
        "last_response_status": row.last_status,
        "last_error": row.last_error,
        "created_at": instant(row.created_at),
    }


def attempt(row: Attempt) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "number": row.number,
        "at": instant(row.created_at),
        "succeeded": row.succeeded,
        "url": row.url,
        "address": row.address,
        "request_headers": row.request_headers,
        "response_status": row.status,
        "response_headers": row.response_headers,
        "response_body": row.response_body,
        "error_code": row.error_code,
        "error": row.error,
        "latency_ms": row.latency_ms,
    }


def body_of(row: Delivery) -> str:
    """The bytes of its request, or nothing when its event is no longer kept."""
    if row.sample_body:
        return row.sample_body
    found = OutboxEvent.objects.filter(pk=row.event_id).first()
    return "" if found is None else bodies.dumps(_body(found, row.endpoint.api_version)).decode()


def _body(row: OutboxEvent, api_version: str) -> dict[str, Any]:
    assert row.partner_id is not None, "platform events are never shown"
    return bodies.render(
        event_id=row.pk,
        event_type=row.event_type,
        created_at=row.created_at,
        partner_id=row.partner_id,
        livemode=row.livemode,
        api_version=api_version,
        payload=row.payload,
    )


def delivery_in_full(row: Delivery) -> dict[str, Any]:
    log = list(Attempt.objects.filter(delivery_id=row.pk).order_by("-id")[:ATTEMPTS_SHOWN])
    return delivery(row) | {"request_body": body_of(row), "attempt_log": [attempt(entry) for entry in log]}


def event(row: OutboxEvent) -> dict[str, Any]:
    return {
        "id": row.public_id,
        "object": "event",
        "type": row.event_type,
        "subject": selectors.subject_shown(row.aggregate_id),
        "livemode": row.livemode,
        "created_at": instant(row.created_at),
        "body": _body(row, settings.API_VERSIONS[-1]),
    }
