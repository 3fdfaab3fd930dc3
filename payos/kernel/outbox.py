"""Events leave through here: written with the business rows, told afterwards, at least once, in order per aggregate.

`publish` runs in the caller's transaction. The relay hands events first to subscribers in this process (their
effects and the mark "handled" commit together, so a handler that only writes to Postgres acts exactly once),
then to the sinks: Redis Streams, or Kafka where configured. A sink that is away delays only itself. An event whose
handler keeps failing is parked as a visible row, and what follows it goes on.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from psycopg.types.json import Jsonb

from payos.kernel import audit, clock, ids, locks, sinks, sqlfile, tenancy

log = logging.getLogger("payos.outbox")
BATCH = 500
MAX_ATTEMPTS = 8
FIRST_WAIT = timedelta(seconds=1)  # doubled with every failure: a minute of trouble parks nothing


@dataclass(frozen=True, slots=True)
class Event:
    id: uuid.UUID
    seq: int
    topic: str
    event_type: str
    aggregate_id: str
    partner_id: uuid.UUID | None
    livemode: bool
    payload: dict[str, Any]
    created_at: datetime

    @property
    def public_id(self) -> str:
        return ids.encode("evt", self.id)

    def envelope(self) -> dict[str, Any]:
        """What leaves the house: the same for every sink."""
        return {
            "event_id": self.public_id,
            "event_type": self.event_type,
            "timestamp": self.created_at.isoformat(),
            "partner_id": ids.encode("par", self.partner_id) if self.partner_id else None,
            "livemode": self.livemode,
            **self.payload,
        }


def _event(row: tuple[Any, ...]) -> Event:
    # Django leaves jsonb undecoded for raw cursors: its JSONField decodes by itself.
    *before, payload, created_at = row
    return Event(*before, present(json.loads(payload) if isinstance(payload, str) else payload), created_at)  # type: ignore[call-arg]


Handler = Callable[[Sequence[Event]], None]
_subscribers: list[tuple[str, Handler]] = []
_parked_hooks: list[Callable[[Event, str], None]] = []


# Set-based SQL writes an object's bare key; people and partners know it by its public id.
PUBLIC = {"payment": "pay"}


def present(payload: dict[str, Any]) -> dict[str, Any]:
    """A payload as it leaves the house: bare keys of known objects become public ids."""
    for name, value in payload.items():
        prefix = PUBLIC.get(name)
        if prefix and isinstance(value, dict) and len(str(value.get("id", ""))) == 36:
            payload[name] = {**value, "id": ids.encode(prefix, str(value["id"]))}
    return payload


def publish(
    *,
    topic: str,
    event_type: str,
    aggregate_id: str,
    payload: dict[str, Any],
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    event_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Write one event in the caller's transaction."""
    event_id = event_id or ids.uuid7()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [event_id, topic, event_type, aggregate_id, partner_id, livemode, Jsonb(payload), clock.now()],
        )
    return event_id


def subscribe(pattern: str, handler: Handler) -> None:
    """Call `handler(events)` for event types like `pattern` (wildcards allowed). From AppConfig.ready."""
    if (pattern, handler) not in _subscribers:
        _subscribers.append((pattern, handler))


def on_parked(hook: Callable[[Event, str], None]) -> None:
    """Call `hook(event, error)` when an event is parked; operations opens a case there."""
    if hook not in _parked_hooks:
        _parked_hooks.append(hook)


def relay(limit: int = BATCH) -> int:
    """Hand on one batch; returns how many events moved. One relay works at a time, which keeps the order."""
    with tenancy.platform_scope(actor="clock:outbox"):
        return _handle(limit, clock.now()) + _publish(limit)


def drain(rounds: int = 1000) -> int:
    """Relay until nothing moves, waiting for no retry; for tests, commands and simulations."""
    total = 0
    with tenancy.platform_scope(actor="clock:outbox"):
        for _ in range(rounds):
            moved = _handle(BATCH, None) + _publish(BATCH)
            total += moved
            if not moved and not _failing():
                break
    return total


def _failing() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM kernel_outbox_event WHERE handled_at IS NULL AND parked_at IS NULL AND retry_at IS NOT NULL)"
        )
        return bool(cursor.fetchone()[0])


def _claim(limit: int, now: datetime | None) -> list[Event]:
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "outbox_claim.sql"), {"limit": limit, "now": now})
        return [_event(row) for row in cursor.fetchall()]


def _handle(limit: int, now: datetime | None) -> int:
    try:
        with transaction.atomic():
            if not locks.try_advisory_xact_lock("outbox:handle"):
                return 0
            events = _claim(limit, now)
            if not events:
                return 0
            _call(events)
            _mark_handled(events)
            return len(events)
    except Exception as error:  # noqa: BLE001  handlers are other people's code: whatever they raise is counted
        # One bad event must not hold up a batch: the same events again, one at a time.
        log.warning("outbox.batch_failed", extra={"error": str(error)})
        return _handle_singly(limit, now)


def _handle_singly(limit: int, now: datetime | None) -> int:
    done, stuck = 0, set()
    with transaction.atomic():
        if not locks.try_advisory_xact_lock("outbox:handle"):
            return 0
        for event in _claim(limit, now):
            if event.aggregate_id in stuck:
                continue
            try:
                with transaction.atomic():
                    _call([event])
                _mark_handled([event])
                done += 1
            except Exception as error:  # noqa: BLE001  counted and shown on the event's row
                if not _failed(event, error):
                    stuck.add(event.aggregate_id)
    return done


def _call(events: Sequence[Event]) -> None:
    for pattern, handler in _subscribers:
        wanted = [event for event in events if fnmatch.fnmatchcase(event.event_type, pattern)]
        if wanted:
            handler(wanted)


def _mark_handled(events: Sequence[Event]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE kernel_outbox_event SET handled_at = %s WHERE id = ANY(%s)",
            [clock.now(), [event.id for event in events]],
        )


def _failed(event: Event, error: Exception) -> bool:
    """Count the failure; True when the event is parked now."""
    text = f"{type(error).__name__}: {error}"[:2000]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE kernel_outbox_event SET attempts = attempts + 1, error = %(error)s,"
            " retry_at = %(now)s::timestamptz + %(wait)s * power(2, attempts),"
            " parked_at = CASE WHEN attempts + 1 >= %(most)s THEN %(now)s::timestamptz END"
            " WHERE id = %(id)s RETURNING parked_at",
            {"error": text, "now": clock.now(), "wait": FIRST_WAIT, "most": MAX_ATTEMPTS, "id": event.id},
        )
        parked = cursor.fetchone()[0] is not None
    if parked:
        _tell_parked(event, text)
    return parked


def _tell_parked(event: Event, text: str) -> None:
    log.error("outbox.parked", extra={"event_id": event.public_id, "error": text})
    for hook in _parked_hooks:
        hook(event, text)


def _publish(limit: int) -> int:
    """To the sinks, outside any lock on the events: a crash before the mark sends again, with the same event id."""
    with transaction.atomic():
        if not locks.try_advisory_xact_lock("outbox:publish"):
            return 0
        with connection.cursor() as cursor:
            cursor.execute(sqlfile.load(__file__, "outbox_unpublished.sql"), {"limit": limit})
            events = [_event(row) for row in cursor.fetchall()]
        if not events:
            return 0
        sent, refused = sinks.send(events)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE kernel_outbox_event SET published_at = %s WHERE id = ANY(%s)", [clock.now(), [e.id for e in sent]])
            for event, error in refused:
                cursor.execute(
                    "UPDATE kernel_outbox_event SET parked_at = %s, error = %s WHERE id = %s",
                    [clock.now(), error[:2000], event.id],
                )
        for event, error in refused:
            _tell_parked(event, error)
        return len(sent)


def unpark(event_id: uuid.UUID | str) -> bool:
    """Try a parked event again: an operator mended the cause. False when it is not parked."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE kernel_outbox_event SET parked_at = NULL, retry_at = NULL, attempts = 0, error = ''"
            " WHERE id = %s AND parked_at IS NOT NULL RETURNING partner_id",
            [str(event_id)],
        )
        row = cursor.fetchone()
        if row is None:
            return False
        audit.record(action="event.retried", subject=str(event_id), partner_id=row[0])
    return True


def lag() -> dict[str, Any]:
    """How far behind the relay is: counted up to a bound, so that asking stays cheap. For the whole platform."""
    with tenancy.platform_scope(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "outbox_lag.sql"), {"now": clock.now()})
        unhandled, seconds, unpublished, parked = cursor.fetchone()
    return {"unhandled": unhandled, "seconds": float(seconds or 0), "unpublished": unpublished, "parked": parked}


PUBLISH_WITHIN = timedelta(seconds=60)


def failure_ratio() -> float:
    """Of the last hour's events: the share that no sink took within a minute of being handled, or ever will take."""
    now = clock.now()
    with tenancy.platform_scope(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "outbox_failures.sql"), {"since": now - timedelta(hours=1), "late": now - PUBLISH_WITHIN})
        failed, total = cursor.fetchone()
    return failed / total if total else 0.0


def remove_published(limit: int = 20_000) -> int:
    """Forget events that were told long ago; partners can list and replay them until then."""
    before = clock.now() - timedelta(days=settings.OUTBOX_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM kernel_outbox_event WHERE id IN (SELECT id FROM kernel_outbox_event WHERE id < %s"
            " AND handled_at IS NOT NULL AND published_at IS NOT NULL ORDER BY id LIMIT %s)",
            [ids.floor(before), limit],
        )
        return int(cursor.rowcount)
