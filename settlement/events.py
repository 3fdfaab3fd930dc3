"""Events of settlement, many in one statement, and how a transfer is shown to the outside."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from ledger.services import arrays
from payos.kernel import clock, ids, sqlfile
from payos.kernel.models import OutboxEvent
from payos.kernel.money import to_decimal_str
from settlement import bulk

TOPIC = "settlement.events"
COLUMNS = ("id", "topic", "event_type", "aggregate_id", "partner_id", "livemode", "payload", "created_at")


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
        "next_attempt_at": transfer.next_attempt_at.isoformat() if transfer.next_attempt_at and transfer.state == "queued" else None,
        "attempts": transfer.attempts,
        "failure_code": transfer.failure_code or None,
        "failure_detail": transfer.failure_detail or None,
        "submitted_at": transfer.submitted_at.isoformat() if transfer.submitted_at else None,
        "settled_at": transfer.settled_at.isoformat() if transfer.settled_at else None,
        "created_at": transfer.created_at.isoformat(),
    }


def publish_many(events: Iterable[tuple[str, str, uuid.UUID, bool, dict[str, Any]]]) -> None:
    """(event type, aggregate, partner, mode, payload) each, in the caller's transaction, in this order."""
    rows = [
        {"id": str(ids.uuid7()), "event_type": r[0], "aggregate_id": r[1], "partner_id": str(r[2]), "livemode": r[3], "payload": r[4]}
        for r in events
    ]
    bulk.insert_rows(OutboxEvent, rows, COLUMNS, {"topic": TOPIC, "created_at": clock.now()})


def of_transfers(kind: str, transfers: Iterable[Any], rail_codes: dict[Any, str]) -> list[tuple[str, str, uuid.UUID, bool, dict[str, Any]]]:
    return [(kind, f"transfer:{t.pk}", t.partner_id, t.livemode, {"transfer": show(t, rail_codes[t.rail_id])}) for t in transfers]


def tell_accepted(rows: Sequence[dict[str, Any]], same: dict[str, Any], rail_codes: dict[Any, str]) -> None:
    """Tell of transfers that were accepted together, as rows: `show` of each, with what many have in common written once.

    Texts of JSON hold no line break, so that one text with a line a transfer needs no escaping on its way to the server.
    """
    common: dict[tuple[Any, ...], str] = {}
    payloads: list[str] = []
    for row in rows:
        alike = (row["rail_id"], row["currency"], row["protocol"], row["urgency"], row["branch_id"], row["window_at"])
        own = {
            "id": ids.encode("trf", row["id"]), "amount": to_decimal_str(row["amount_minor"], row["currency"]),
            "destination": {"type": row["destination_type"], "label": row["destination_label"]},
            "protocol_metadata": row["protocol_metadata"], "reference": row["reference"], "description": row["description"],
            "metadata": row["metadata"],
        }  # fmt: skip
        shared = common.get(alike)
        if shared is None:
            shown = show(Accepted(same | row), rail_codes[row["rail_id"]])
            shared = common[alike] = json.dumps({name: value for name, value in shown.items() if name not in own})[:-1]
        payloads.append(f'{{"transfer": {shared}, {json.dumps(own)[1:]}}}')
    bulk.execute(
        sqlfile.load(__file__, "tell_accepted.sql"),
        {
            "ids": arrays.uuids([ids.uuid7() for _ in rows]), "transfers": arrays.uuids([row["id"] for row in rows]), "payloads": "\n".join(payloads),
            "topic": TOPIC, "partner": same["partner_id"], "livemode": same["livemode"], "now": clock.now(),
        },
    )  # fmt: skip


class Accepted:
    """A row with the names of a transfer."""

    next_attempt_at = submitted_at = settled_at = None

    def __init__(self, row: dict[str, Any]) -> None:
        self.__dict__.update(row)

    @property
    def public_id(self) -> str:
        return ids.encode("trf", self.__dict__["id"])
