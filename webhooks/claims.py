"""What a worker asks of the database: claim what is due, and write down what became of it. Set-based, no network."""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from payos.kernel import clock, ids, sqlfile, tenancy
from webhooks import bodies, policy
from webhooks.models import DeliveryState, Endpoint
from webhooks.sending import Job, Outcome

LANES = 500
PAUSING = {429, 503}


def claim(*, limit: int, slow: Sequence[uuid.UUID] = (), lease: timedelta = policy.LEASE) -> list[Job | Outcome]:
    """Jobs to send, fairly from every endpoint that is owed something. What can never be sent comes as its outcome."""
    if limit <= 0:
        return []
    with tenancy.platform_scope(actor="webhooks"), transaction.atomic():
        now = clock.now()
        with connection.cursor() as cursor:
            probes = {"slow": list(slow), "failing_from": policy.FAILING_FROM, "failing_in_flight": policy.FAILING_IN_FLIGHT}
            cursor.execute(sqlfile.load(__file__, "lanes.sql"), {"now": now, "lanes": min(LANES, limit), **probes})
            lanes = cursor.fetchall()
            if not lanes:
                return []
            ordered = [endpoint_id for endpoint_id, is_ordered in lanes if is_ordered]
            if ordered:
                cursor.execute(sqlfile.load(__file__, "step_aside.sql"), {"now": now, "lanes": ordered})
            token = uuid.uuid4()
            cursor.execute(
                sqlfile.load(__file__, "claim.sql"),
                {
                    "now": now,
                    "until": now + lease,
                    "lease": token,
                    "lanes": [endpoint_id for endpoint_id, _ in lanes],
                    "limit": limit,
                    **probes,
                },
            )
            rows = cursor.fetchall()
        endpoints = Endpoint.objects.in_bulk({row[1] for row in rows})
    return [_job(row, endpoints[row[1]], token) for row in rows]


def _job(row: tuple[Any, ...], endpoint: Endpoint, lease: uuid.UUID) -> Job | Outcome:
    delivery_id, endpoint_id, partner_id, livemode, event_id, event_type, attempts, lost, created_at, payload = row
    job = Job(
        delivery_id=delivery_id,
        endpoint_id=endpoint_id,
        partner_id=partner_id,
        livemode=livemode,
        event_id=event_id,
        event_type=event_type,
        attempts=attempts,
        url=endpoint.url,
        secrets=endpoint.secrets,
        custom_headers=endpoint.headers,
        body=b"",
        lease=lease,
        schedule=endpoint.retry_seconds,
    )
    if payload is None:
        return Outcome(job, clock.now(), error_code="event_gone", error="the event is no longer kept", hopeless=True)
    if lost > policy.MAX_LOST_LEASES:
        error = f"{lost} workers ended while they were sending it: something in it ends them"
        return Outcome(job, clock.now(), error_code="lost", error=error, hopeless=True)
    job.body = bodies.dumps(
        bodies.render(
            event_id=event_id,
            event_type=event_type,
            created_at=created_at,
            partner_id=partner_id,
            livemode=livemode,
            api_version=endpoint.api_version,
            payload=json.loads(payload) if isinstance(payload, str) else payload,
        )
    )
    return job


def finish(outcomes: Sequence[Outcome]) -> None:
    """Write a batch of outcomes: deliveries, the log, the endpoints' health, and what follows from them."""
    if not outcomes:
        return
    with tenancy.platform_scope(actor="webhooks"), transaction.atomic():
        now = clock.now()
        by_endpoint: dict[uuid.UUID, list[Outcome]] = defaultdict(list)
        for outcome in outcomes:
            by_endpoint[outcome.job.endpoint_id].append(outcome)
        with connection.cursor() as cursor:
            # Sorted, so that two workers that finish at the same time never wait for each other in a circle.
            cursor.execute("SELECT 1 FROM webhooks_lane WHERE endpoint_id = ANY(%s) ORDER BY endpoint_id FOR UPDATE", [sorted(by_endpoint)])
            cursor.execute(
                sqlfile.load(__file__, "finish_deliveries.sql"), {"rows": Jsonb([_verdict(outcome, now) for outcome in outcomes])}
            )
            ended = [row for row in cursor.fetchall() if row[4] not in (DeliveryState.PENDING, DeliveryState.RETRYING)]
            log_attempts(outcomes)
            cursor.execute(
                sqlfile.load(__file__, "finish_lanes.sql"),
                {"rows": Jsonb([_health(endpoint_id, group, now) for endpoint_id, group in by_endpoint.items()])},
            )
            lanes = cursor.fetchall()
            if ended:
                cursor.execute(
                    sqlfile.load(__file__, "wake_next.sql"),
                    {"now": now, "endpoints": [row[1] for row in ended], "subjects": [row[2] for row in ended]},
                )
        dead = [row for row in ended if row[4] == DeliveryState.DEAD]
        _follow_up(by_endpoint, lanes, dead)


def _verdict(outcome: Outcome, now: Any) -> dict[str, Any]:
    job = outcome.job
    row: dict[str, Any] = {
        "id": str(job.delivery_id),
        "lease": str(job.lease),
        "status": outcome.status,
        "error": "" if outcome.succeeded else outcome.error[:300],
        "counts": not outcome.hopeless,
    }
    if outcome.succeeded:
        return row | {"state": DeliveryState.DELIVERED, "finished_at": now.isoformat()}
    again = None
    if not outcome.hopeless:
        again = policy.next_attempt(now=now, attempts=job.attempts + 1, schedule=job.schedule, retry_after=outcome.retry_after)
    if again is None:
        return row | {"state": DeliveryState.DEAD, "finished_at": now.isoformat()}
    return row | {"state": DeliveryState.RETRYING, "next_attempt_at": again.isoformat()}


def log_attempts(outcomes: Sequence[Outcome]) -> None:
    rows = [
        {
            "id": str(ids.uuid7(outcome.at)),
            "created_at": outcome.at.isoformat(),
            "partner_id": str(outcome.job.partner_id),
            "livemode": outcome.job.livemode,
            "delivery_id": str(outcome.job.delivery_id),
            "endpoint_id": str(outcome.job.endpoint_id),
            "event_id": str(outcome.job.event_id),
            "event_type": outcome.job.event_type,
            "number": outcome.job.attempts + 1,
            "succeeded": outcome.succeeded,
            "url": outcome.job.url,
            "address": outcome.address,
            "request_headers": outcome.request_headers,
            "status": outcome.status,
            "response_headers": outcome.response_headers,
            "response_body": outcome.response_body,
            "error_code": outcome.error_code[:30],
            "error": outcome.error[:300],
            "latency_ms": outcome.latency_ms,
        }
        for outcome in outcomes
        if not outcome.hopeless
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(sqlfile.load(__file__, "log_attempts.sql"), {"rows": Jsonb(rows)})


def _health(endpoint_id: uuid.UUID, group: list[Outcome], now: Any) -> dict[str, Any]:
    tried = sorted((outcome for outcome in group if not outcome.hopeless), key=lambda outcome: outcome.at)
    successes = [outcome for outcome in tried if outcome.succeeded]
    last_success = max((index for index, outcome in enumerate(tried) if outcome.succeeded), default=-1)
    trailing = tried[last_success + 1 :]
    failures = [outcome for outcome in tried if not outcome.succeeded]
    # "Come back later" is said about the endpoint, not about the one delivery that happened to ask.
    pauses = [now + outcome.retry_after for outcome in tried if outcome.retry_after and outcome.status in PAUSING]
    return {
        "endpoint_id": str(endpoint_id),
        "successes": len(successes),
        "failures_after": len(trailing),
        "first_failure_at": trailing[0].at.isoformat() if trailing else None,
        "last_success_at": successes[-1].at.isoformat() if successes else None,
        "last_failure_at": failures[-1].at.isoformat() if failures else None,
        "last_error": failures[-1].error[:300] if failures else "",
        "not_before": max(pauses).isoformat() if pauses else None,
    }


def _follow_up(by_endpoint: dict[uuid.UUID, list[Outcome]], lanes: Sequence[Any], dead: Sequence[Any]) -> None:
    from webhooks import services

    if dead:
        services.dead_letters_report(endpoint_ids=[row[1] for row in dead])
    gone = {endpoint_id for endpoint_id, group in by_endpoint.items() if any(outcome.gone for outcome in group)}
    for endpoint_id, failures, since in lanes:
        if endpoint_id in gone:
            services.endpoint_disable(endpoint_id=endpoint_id, reason="gone")
        elif since is not None and failures >= policy.DISABLE_FAILURES and clock.now() - since >= policy.DISABLE_AFTER:
            services.endpoint_disable(endpoint_id=endpoint_id, reason="failing")
