"""Send again: one delivery, those of a time range or a state, or all that a switched-off endpoint missed.

A replay makes the delivery due again under the same id and the same webhook id, so a receiver that has seen the
event recognises it. Events that never had a delivery here (the endpoint was off, or did not want them then) get one.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from operations.services import resolve_by_cause
from payos.kernel import clock, ids, sqlfile
from payos.kernel.errors import Problem, register
from webhooks import policy
from webhooks.catalogue import EVENTS
from webhooks.models import OUTSTANDING, Delivery, DeliveryState, Endpoint

register(
    "replay_too_large", 422, "The replay covers too many deliveries", f"Choose a shorter range: at most {policy.MAX_REPLAY:,} at once."
)

RELAY_SLACK = timedelta(hours=1)
REPLAYABLE = (DeliveryState.DELIVERED.value, DeliveryState.DEAD.value, DeliveryState.DISCARDED.value)


@transaction.atomic
def one(*, endpoint: Endpoint, delivery: Delivery) -> Delivery:
    _need_enabled(endpoint)
    row = Delivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    if row.sample_body:
        raise Problem("invalid_state", f"{row.public_id} was a sample: send a new one instead.")
    if row.state not in OUTSTANDING:
        row.state, row.attempts, row.replays = DeliveryState.PENDING, 0, row.replays + 1
        row.finished_at, row.lease, row.lost_leases = None, None, 0
    elif row.lease is not None and row.next_attempt_at > clock.now():
        return row  # it is being sent at this moment
    row.next_attempt_at = clock.now()
    row.save()
    _settle_case(endpoint)
    return row


@transaction.atomic
def many(
    *,
    endpoint: Endpoint,
    since: datetime | None = None,
    until: datetime | None = None,
    status: str | None = None,
    include_missed: bool = False,
) -> int:
    """All deliveries of a range of event times, a state, or both; returns how many are owed again."""
    _need_enabled(endpoint)
    if status is not None and status not in REPLAYABLE:
        raise Problem(
            "invalid_request",
            errors=[{"pointer": "/status", "code": "choice", "detail": f"status is one of {', '.join(REPLAYABLE)}"}],
        )
    now = clock.now()
    since, until = since or now - policy.RETENTION, until or now
    if since >= until:
        raise Problem("invalid_request", errors=[{"pointer": "/since", "code": "range", "detail": "since must lie before until"}])
    parameters: dict[str, Any] = {
        "now": now,
        "endpoint": endpoint.pk,
        "since": ids.floor(since),
        "until": ids.floor(until + timedelta(milliseconds=1)),
        "ended_since": None,
        "states": [status] if status else list(REPLAYABLE),
        "limit": policy.MAX_REPLAY + 1,
        "types": list(EVENTS),
    }
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "replay.sql"), parameters)
        count = int(cursor.rowcount)
        if include_missed and status is None:
            cursor.execute(sqlfile.load(__file__, "replay_missed.sql"), parameters)
            count += int(cursor.rowcount)
    if count > policy.MAX_REPLAY:
        raise Problem("replay_too_large", f"More than {policy.MAX_REPLAY:,} deliveries match: choose a shorter range.")
    _settle_case(endpoint)
    return count


def missed(*, endpoint: Endpoint, since: datetime | None) -> int:
    """What an endpoint missed while it failed and was off. Called by `endpoint_enable`, in its transaction."""
    now = clock.now()
    earliest = now - policy.RETENTION
    since = max(since or earliest, earliest)
    parameters = {
        "now": now,
        "endpoint": endpoint.pk,
        # By when they died and not by when they happened: an event from before the failure may have died of it.
        "ended_since": since,
        "until": ids.floor(now + timedelta(seconds=1)),
        "states": [DeliveryState.DEAD.value],
        "limit": policy.MAX_MISSED,
        "types": list(EVENTS),
    }
    free = Q(lease=None) | Q(next_attempt_at__lte=now)
    count = Delivery.objects.filter(free, endpoint=endpoint, state__in=OUTSTANDING).update(next_attempt_at=now, lease=None)
    # Events that were written shortly before, but relayed only when it was off already, have no delivery either.
    unseen = max(since - RELAY_SLACK, endpoint.created_at, earliest)
    with connection.cursor() as cursor:
        for name, start in (("replay.sql", earliest), ("replay_missed.sql", unseen)):
            cursor.execute(sqlfile.load(__file__, name), parameters | {"since": ids.floor(start)})  # type: ignore[arg-type]
            count += int(cursor.rowcount)
    _settle_case(endpoint)
    return count


def _need_enabled(endpoint: Endpoint) -> None:
    if not endpoint.enabled:
        raise Problem("webhook_disabled", f"{endpoint.public_id} is switched off: enable it, that can replay what it missed.")


def _settle_case(endpoint: Endpoint) -> None:
    """The case about dead letters is closed when none is left."""
    if not Delivery.objects.filter(endpoint=endpoint, state=DeliveryState.DEAD).exists():
        resolve_by_cause([f"webhook-dead:{endpoint.pk}"], resolution="dead letters replayed")


def event_id_of(text: str) -> uuid.UUID:
    return ids.decode("evt", text)
