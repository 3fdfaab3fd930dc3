"""Every event a partner can be told about: one table with its meaning, JSON schema and example.

The documentation (`docs/partner/webhook-events.md`), the endpoint `/v1/webhooks/event-types`, the sample events
of the debug page and the validation of wildcards all come from `EVENTS`. An event type that does not stand here is
the house's own business and never leaves it through a webhook.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Any

AMOUNT = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "description": "A decimal number of the currency."}
CURRENCY = {"type": "string", "pattern": "^[A-Z]{3,4}$"}
INSTANT = {"type": "string", "format": "date-time"}
MAYBE_INSTANT = {"type": ["string", "null"], "format": "date-time"}
COUNT = {"type": "integer", "minimum": 0}
TEXT = {"type": "string"}
MAYBE_TEXT = {"type": ["string", "null"]}
SAMPLE_TIME = "2026-11-02T15:04:05.000000+00:00"


def _id(prefix: str) -> dict[str, str]:
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-z]{{25}}$"}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    # Open objects: a field may be added within an API version, and a receiver ignores what it does not know.
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


TRANSFER = _object(
    {"id": _id("trf"), "status": TEXT, "amount": AMOUNT, "currency": CURRENCY},
    {
        "object": {"const": "transfer"},
        "batch_id": MAYBE_TEXT,
        "rail": MAYBE_TEXT,
        "reference": MAYBE_TEXT,
        "created_at": INSTANT,
        "expected_settlement_at": MAYBE_INSTANT,
        "failure": {"type": ["object", "null"]},
    },
)
BATCH = _object(
    {"id": _id("bat"), "status": TEXT},
    {"object": {"const": "transfer_batch"}, "total": COUNT, "settled": COUNT, "failed": COUNT, "created_at": INSTANT},
)
PAYMENT = _object(
    {"id": _id("pay"), "amount": AMOUNT, "currency": CURRENCY},
    {
        "object": {"const": "payment"},
        "status": TEXT,
        "channel": MAYBE_TEXT,
        "reference": MAYBE_TEXT,
        "branch_id": MAYBE_TEXT,
        "created_at": INSTANT,
        "available_on": MAYBE_TEXT,
    },
)
WINDOW = _object({"id": TEXT}, {"rail": MAYBE_TEXT, "closed_at": MAYBE_INSTANT, "count": COUNT, "amount": AMOUNT, "currency": CURRENCY})
SETTLEMENT_BATCH = _object(
    {"id": _id("stl"), "status": TEXT},
    {"rail": MAYBE_TEXT, "count": COUNT, "amount": AMOUNT, "currency": CURRENCY, "settled_at": MAYBE_INSTANT},
)
RUN = _object({"id": _id("run"), "status": TEXT}, {"matched": COUNT, "suggested": COUNT, "discrepancies": COUNT, "finished_at": MAYBE_INSTANT})
DISCREPANCY = _object(
    {"id": _id("dis")},
    {"kind": TEXT, "amount": AMOUNT, "currency": CURRENCY, "run_id": MAYBE_TEXT, "payment_id": MAYBE_TEXT, "transfer_id": MAYBE_TEXT},
)
TEST = _object({"message": TEXT})


@dataclass(frozen=True, slots=True)
class EventType:
    name: str
    key: str  # the payload's one member: what the event is about
    description: str
    payload: dict[str, Any]
    example: dict[str, Any]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the whole body."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.description,
            **_object(
                {
                    "event_id": _id("evt"),
                    "event_type": {"const": self.name},
                    "timestamp": INSTANT,
                    "partner_id": {"type": ["string", "null"]},
                    "livemode": {"type": "boolean"},
                    "api_version": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
                    self.key: self.payload,
                }
            ),
        }

    def sample(self, *, event_id: str = "", partner_id: str = "", livemode: bool = False, timestamp: str = "", api_version: str = "") -> dict[str, Any]:
        """A whole body as it would be sent."""
        return {
            "event_id": event_id or "evt_01ka2b3c4d5e6f7g8h9jkmnpqr",
            "event_type": self.name,
            "timestamp": timestamp or SAMPLE_TIME,
            "partner_id": partner_id or "par_01ka2b3c4d5e6f7g8h9jkmnpqr",
            "livemode": livemode,
            "api_version": api_version or "2026-11-01",
            self.key: self.example,
        }


def _transfer(status: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "trf_01ka2b4x8n2h6v0q3w5e7r9t1y",
        "object": "transfer",
        "status": status,
        "amount": "1250.00",
        "currency": "USD",
        "rail": "ach",
        "reference": "INV-20417",
        "created_at": "2026-11-02T14:58:11.204000+00:00",
        **more,
    }


def _payment(status: str) -> dict[str, Any]:
    return {
        "id": "pay_01ka2b5z7m3k9d1f6g8h0j2n4p",
        "object": "payment",
        "status": status,
        "amount": "84.50",
        "currency": "USD",
        "channel": "card",
        "reference": "ORDER-7781",
        "created_at": "2026-11-02T15:04:04.911000+00:00",
    }


_STL = {"id": "stl_01ka2b6a1b2c3d4e5f6g7h8j9k", "rail": "ach", "count": 214, "amount": "98120.75", "currency": "USD"}

_TABLE: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("transfer.accepted", "transfer", "A transfer was accepted and its amount is held.", TRANSFER, _transfer("accepted")),
    (
        "transfer.queued", "transfer", "A transfer waits for the next window of its rail.",
        TRANSFER, _transfer("queued", expected_settlement_at="2026-11-03T17:00:00+00:00"),
    ),
    ("transfer.submitted", "transfer", "A transfer was handed to its rail.", TRANSFER, _transfer("submitted")),
    ("transfer.settled", "transfer", "The rail confirmed a transfer: the money has moved.", TRANSFER, _transfer("settled")),
    (
        "transfer.failed", "transfer", "A transfer failed and its hold was released.",
        TRANSFER, _transfer("failed", failure={"code": "account_closed", "detail": "R02 Account closed"}),
    ),
    (
        "transfer.returned", "transfer", "A settled transfer came back from the receiving bank.",
        TRANSFER, _transfer("returned", failure={"code": "no_account", "detail": "R03 No account"}),
    ),
    ("transfer.cancelled", "transfer", "A transfer was cancelled before it was submitted.", TRANSFER, _transfer("cancelled")),
    (
        "batch.completed", "batch", "Every transfer of a batch has come to an end.", BATCH,
        {"id": "bat_01ka2b7c2d3e4f5g6h7j8k9m0n", "object": "transfer_batch", "status": "completed_with_errors", "total": 1000, "settled": 997, "failed": 3},
    ),
    ("payment.recorded", "payment", "A payment came in and was booked.", PAYMENT, _payment("recorded")),
    ("payment.settled", "payment", "A payment is available: its holding period is over.", PAYMENT, _payment("settled")),
    ("payment.reversed", "payment", "A payment was taken back.", PAYMENT, _payment("reversed")),
    (
        "settlement.window_closed", "window", "A settlement window reached its cut-off; what came later goes into the next.",
        WINDOW, {"id": "win_01ka2b8d3e4f5g6h7j8k9m0n1p", "rail": "ach", "closed_at": "2026-11-02T17:00:00+00:00", "count": 214, "amount": "98120.75", "currency": "USD"},
    ),
    (
        "settlement.batch_settled", "settlement_batch", "Everything a window closed was confirmed by the rail.",
        SETTLEMENT_BATCH, _STL | {"status": "settled", "settled_at": "2026-11-03T13:30:00+00:00"},
    ),
    (
        "reconciliation.run_completed", "run", "A reconciliation run has finished.", RUN,
        {"id": "run_01ka2b9e4f5g6h7j8k9m0n1p2q", "status": "completed", "matched": 4812, "suggested": 9, "discrepancies": 2, "finished_at": "2026-11-03T06:12:40+00:00"},
    ),
    (
        "reconciliation.discrepancy", "discrepancy", "What the outside says and what was booked differ.", DISCREPANCY,
        {"id": "dis_01ka2baf5g6h7j8k9m0n1p2q3r", "kind": "amount_mismatch", "amount": "0.30", "currency": "USD", "run_id": "run_01ka2b9e4f5g6h7j8k9m0n1p2q", "payment_id": "pay_01ka2b5z7m3k9d1f6g8h0j2n4p"},
    ),
    ("webhook.test", "test", "Sent when you test an endpoint; it means nothing else.", TEST, {"message": "If you can read this and verify its signature, the endpoint works."}),
]  # fmt: skip

EVENTS: dict[str, EventType] = {row[0]: EventType(*row) for row in _TABLE}

PATTERN = re.compile(r"[a-z_.*]{1,80}\Z")


def matches(patterns: list[str], event_type: str) -> bool:
    return any(fnmatch.fnmatchcase(event_type, pattern) for pattern in patterns)


def why_no_pattern(pattern: object) -> str:
    """What is wrong with a wildcard, or nothing."""
    if not isinstance(pattern, str) or not PATTERN.match(pattern):
        return "an event type is small letters, dots and underscores; * stands for any text, for example transfer.*"
    if not any(matches([pattern], name) for name in EVENTS):
        return f"no event type is like {pattern!r}; the list is at /v1/webhooks/event-types"
    return ""


def as_like(pattern: str) -> str:
    """The wildcard as a pattern of SQL's LIKE, where an underscore would stand for any letter."""
    return pattern.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("*", "%")
