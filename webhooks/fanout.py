"""From one event to one delivery per endpoint that wants it: a single statement for a whole batch of the relay."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import connection

from payos.kernel import clock, sqlfile
from payos.kernel.outbox import Event
from webhooks.catalogue import EVENTS


def fan_out(events: Sequence[Event]) -> None:
    """Subscribed to the outbox: commits together with the mark that the events were handled."""
    add_deliveries([event.id for event in events if event.event_type in EVENTS and event.partner_id is not None])


def add_deliveries(event_ids: Sequence[uuid.UUID], *, endpoint_id: uuid.UUID | None = None) -> int:
    """Deliveries of these events, to all endpoints or to one; what exists already is left as it is."""
    if not event_ids:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "fanout.sql"),
            {"now": clock.now(), "events": list(event_ids), "endpoint": endpoint_id},
        )
        return int(cursor.rowcount)
