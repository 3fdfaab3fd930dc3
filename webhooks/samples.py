"""Test an endpoint: send a sample of a chosen event type now and show request and answer."""

from __future__ import annotations

import asyncio
import shlex
from typing import Any

from django.db import transaction

from payos.kernel import clock, ids, locks
from payos.kernel.errors import Problem
from webhooks import bodies, claims, policy
from webhooks.catalogue import EVENTS
from webhooks.models import Delivery, DeliveryState, Endpoint
from webhooks.sending import Job, Outcome, Sender


@transaction.atomic
def sample_send(*, endpoint: Endpoint, event_type: str = "webhook.test") -> tuple[Delivery, Outcome]:
    """One request, no retries. Kept in the log as a sample: it counts for no health and is replayed by nothing.

    Works for a disabled endpoint too, because that is when a partner wants to know whether it answers again.
    """
    if event_type not in EVENTS:
        detail = f"there is no event type {str(event_type)[:80]!r}; the list is at /v1/webhooks/event-types"
        raise Problem("invalid_request", errors=[{"pointer": "/event_type", "code": "unknown_event_type", "detail": detail}])
    if endpoint.deleted_at is not None:
        raise Problem("not_found", "The webhook endpoint was removed.")
    if not locks.try_advisory_xact_lock(f"webhooks:sample:{endpoint.pk}"):
        raise Problem("webhook_busy", headers={"Retry-After": str(int(policy.SAMPLE_TIMEOUT_SECONDS))})
    event_id, now = ids.uuid7(), clock.now()
    body = EVENTS[event_type].sample(
        event_id=ids.encode("evt", event_id),
        partner_id=ids.encode("par", endpoint.partner_id),
        livemode=endpoint.livemode,
        timestamp=now.isoformat(),
        api_version=endpoint.api_version,
    )
    raw = bodies.dumps(body)
    delivery = Delivery(
        partner_id=endpoint.partner_id,
        livemode=endpoint.livemode,
        endpoint=endpoint,
        event_id=event_id,
        event_type=event_type,
        subject=str(body[EVENTS[event_type].key].get("id", "")),
        sample_body=raw.decode(),
    )
    job = Job(
        delivery_id=delivery.pk,
        endpoint_id=endpoint.pk,
        partner_id=endpoint.partner_id,
        livemode=endpoint.livemode,
        event_id=event_id,
        event_type=event_type,
        attempts=0,
        url=endpoint.url,
        secrets=endpoint.secrets,
        custom_headers=endpoint.headers,
        body=raw,
        sample=True,
    )
    outcome = asyncio.run(_send(job))
    delivery.state = DeliveryState.DELIVERED if outcome.succeeded else DeliveryState.DISCARDED
    delivery.attempts, delivery.finished_at = 1, clock.now()
    delivery.last_status, delivery.last_error = outcome.status, outcome.error[:300]
    delivery.save(force_insert=True)
    claims.log_attempts([outcome])
    return delivery, outcome


async def _send(job: Job) -> Outcome:
    sender = Sender(timeout=policy.SAMPLE_TIMEOUT_SECONDS)
    try:
        return await sender.send(job)
    finally:
        await sender.close()


def as_curl(url: str, headers: dict[str, str], body: str) -> str:
    """The same request for a shell; every part quoted, so that no body can break out of it."""
    parts = ["curl", "--request", "POST", shlex.quote(url)]
    for name, value in headers.items():
        parts += ["--header", shlex.quote(f"{name}: {value}")]
    parts += ["--data-raw", shlex.quote(body)]
    return " ".join(parts)


def describe(outcome: Outcome) -> dict[str, Any]:
    """Request and answer as the API and the debug page show them."""
    body = outcome.job.body.decode()
    return {
        "request": {"url": outcome.job.url, "headers": outcome.request_headers, "body": body},
        "response": {
            "status": outcome.status,
            "headers": outcome.response_headers,
            "body": outcome.response_body,
            "latency_ms": outcome.latency_ms,
            "address": outcome.address,
        },
        "succeeded": outcome.succeeded,
        "error_code": outcome.error_code,
        "error": outcome.error,
        "curl": as_curl(outcome.job.url, outcome.request_headers, body),
    }
