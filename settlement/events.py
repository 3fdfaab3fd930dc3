"""Events of settlement, many in one statement, and how a transfer is shown to the outside."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection

from payos.kernel import clock, ids
from payos.kernel.money import to_decimal_str

TOPIC = "settlement.events"


def show(transfer: Any, rail_code: str = "") -> dict[str, Any]:
    """A transfer as the API and the events show it."""
    return {
        "id": transfer.public_id,
        "object": "transfer",
        "livemode": transfer.livemode,
        "amount": to_decimal_str(transfer.amount_minor, transfer.currency),
        "currency": transfer.currency,
        "destination": {"type": transfer.destination_type, "label": transfer.destination_label},
        "rail": rail_code or transfer.rail.code,
        "protocol": transfer.protocol,
        "protocol_metadata": transfer.protocol_metadata,
        "urgency": transfer.urgency,
        "status": transfer.state,
        "reference": transfer.reference,
        "description": transfer.description,
        "metadata": transfer.metadata,
        "branch": ids.encode("brn", transfer.branch_id) if transfer.branch_id else None,
        "batch": ids.encode("bat", transfer.batch_id) if transfer.batch_id else None,
        "next_window": transfer.window_at.isoformat(),
        "expected_settlement": transfer.expected_at.isoformat() if transfer.expected_at else None,
        "next_attempt_at": transfer.next_attempt_at.isoformat() if transfer.next_attempt_at else None,
        "attempts": transfer.attempts,
        "failure_code": transfer.failure_code or None,
        "failure_detail": transfer.failure_detail or None,
        "submitted_at": transfer.submitted_at.isoformat() if transfer.submitted_at else None,
        "settled_at": transfer.settled_at.isoformat() if transfer.settled_at else None,
        "created_at": transfer.created_at.isoformat(),
    }


def publish_many(events: Iterable[tuple[str, str, uuid.UUID, bool, dict[str, Any]]]) -> None:
    """(event type, aggregate, partner, mode, payload) each, in the caller's transaction, in this order."""
    rows = list(events)
    if not rows:
        return
    now = clock.now()
    # One document for all: an array of JSON texts would be escaped quote by quote.
    document = json.dumps(
        [{"place": place, "id": ids.uuid7(), "event_type": r[0], "aggregate_id": r[1], "partner_id": r[2], "livemode": r[3], "payload": r[4]}
         for place, r in enumerate(rows)],
        default=str,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)"
            " SELECT id, %s, event_type, aggregate_id, partner_id, livemode, payload, %s"
            " FROM json_to_recordset(%s::json) AS e (id uuid, event_type text, aggregate_id text, partner_id uuid, livemode boolean,"
            " payload jsonb, place bigint) ORDER BY place",
            [TOPIC, now, document],
        )


def of_transfers(kind: str, transfers: Iterable[Any], rail_codes: dict[Any, str]) -> list[tuple[str, str, uuid.UUID, bool, dict[str, Any]]]:
    return [
        (kind, f"transfer:{t.pk}", t.partner_id, t.livemode, {"transfer": show(t, rail_codes[t.rail_id])}) for t in transfers
    ]
