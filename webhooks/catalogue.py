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


MINOR = {"type": ["integer", "null"], "description": "An amount in the smallest unit of the currency."}
TRANSFER = _object(
    {"id": _id("trf"), "status": TEXT, "amount": AMOUNT, "currency": CURRENCY},
    {
        "object": {"const": "transfer"},
        "livemode": {"type": "boolean"},
        "destination": {"type": "object"},
        "rail": MAYBE_TEXT,
        "protocol": MAYBE_TEXT,
        "urgency": MAYBE_TEXT,
        "reference": MAYBE_TEXT,
        "description": MAYBE_TEXT,
        "metadata": {"type": "object"},
        "branch": MAYBE_TEXT,
        "batch": MAYBE_TEXT,
        "next_window": MAYBE_INSTANT,
        "expected_settlement": MAYBE_INSTANT,
        "failure_code": MAYBE_TEXT,
        "failure_detail": MAYBE_TEXT,
        "submitted_at": MAYBE_INSTANT,
        "settled_at": MAYBE_INSTANT,
        "created_at": INSTANT,
    },
)
BATCH = _object(
    {"id": _id("bat"), "status": TEXT}, {"object": TEXT, "reference": MAYBE_TEXT, "count": COUNT, "settled": COUNT, "failed": COUNT}
)
PAYMENT = _object(
    {"id": TEXT},
    {
        "object": {"const": "payment"},
        "reference_number": MAYBE_TEXT,
        "amount": AMOUNT,
        "currency": CURRENCY,
        "loan_account_number": MAYBE_TEXT,
        "cif": MAYBE_TEXT,
        "payment_date": MAYBE_TEXT,
        "payment_channel": MAYBE_TEXT,
        "source": MAYBE_TEXT,
        "metadata": {"type": ["object", "null"]},
        "reason": MAYBE_TEXT,
    },
)
SETTLEMENT_BATCH = _object(
    {"id": _id("stl")},
    {
        "object": TEXT,
        "status": TEXT,
        "rail": MAYBE_TEXT,
        "count": COUNT,
        "settled": COUNT,
        "failed": COUNT,
        "amount_minor": MINOR,
        "returned_minor": MINOR,
        "net_minor": MINOR,
        "actual_minor": MINOR,
        "currency": CURRENCY,
        "closes_at": MAYBE_INSTANT,
        "expected_at": MAYBE_INSTANT,
    },
)
RUN = _object(
    {"id": _id("run")},
    {"object": TEXT, "account": MAYBE_TEXT, "matches": COUNT, "match_rate": {"type": ["number", "null"]}, "discrepancies": COUNT},
)
DISCREPANCY = _object(
    {"id": _id("dis")},
    {
        "object": TEXT,
        "type": TEXT,
        "items": {"description": "What was booked: payments and transfers."},
        "lines": {"description": "What the statement says."},
        "expected_minor": MINOR,
        "actual_minor": MINOR,
        "currency": CURRENCY,
    },
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

    def sample(
        self, *, event_id: str = "", partner_id: str = "", livemode: bool = False, timestamp: str = "", api_version: str = ""
    ) -> dict[str, Any]:
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


def _payment(**more: Any) -> dict[str, Any]:
    return {
        "id": "pay_01ka2b5z7m3k9d1f6g8h0j2n4p",
        "object": "payment",
        "reference_number": "ORDER-7781",
        "amount": "84.50",
        "currency": "USD",
        "payment_channel": "card",
        **more,
    }


_STL = {"id": "stl_01ka2b6a1b2c3d4e5f6g7h8j9k", "object": "settlement_batch", "rail": "ach", "count": 214, "currency": "USD"}

_TABLE: list[tuple[str, str, str, dict[str, Any], dict[str, Any]]] = [
    ("transfer.accepted", "transfer", "A transfer was accepted and its amount is held.", TRANSFER, _transfer("accepted")),
    (
        "transfer.queued", "transfer", "A transfer waits for the next window of its rail.",
        TRANSFER, _transfer("queued", next_window="2026-11-02T17:00:00+00:00", expected_settlement="2026-11-03T17:00:00+00:00"),
    ),
    ("transfer.submitted", "transfer", "A transfer was handed to its rail.", TRANSFER, _transfer("submitted")),
    ("transfer.settled", "transfer", "The rail confirmed a transfer: the money has moved.", TRANSFER, _transfer("settled")),
    (
        "transfer.failed", "transfer", "A transfer failed and its hold was released.",
        TRANSFER, _transfer("failed", failure_code="account_closed", failure_detail="R02 Account closed"),
    ),
    (
        "transfer.returned", "transfer", "A settled transfer came back from the receiving bank.",
        TRANSFER, _transfer("returned", failure_code="no_account", failure_detail="R03 No account"),
    ),
    ("transfer.cancelled", "transfer", "A transfer was cancelled before it was submitted.", TRANSFER, _transfer("cancelled")),
    (
        "batch.completed", "batch", "Every transfer of a batch has come to an end.", BATCH,
        {"id": "bat_01ka2b7c2d3e4f5g6h7j8k9m0n", "object": "transfer_batch", "status": "completed_with_errors", "count": 1000, "settled": 997, "failed": 3},
    ),
    ("payment.recorded", "payment", "A payment came in and was booked.", PAYMENT, _payment(source="api", payment_date="2026-11-02T15:04:04+00:00")),
    ("payment.available", "payment", "A payment can be paid out: its holding period is over.", PAYMENT, {"id": "pay_01ka2b5z7m3k9d1f6g8h0j2n4p", "object": "payment"}),
    ("payment.settled", "payment", "The bank confirmed a payment: its money has come in.", PAYMENT, _payment()),
    ("payment.reversed", "payment", "A payment was taken back.", PAYMENT, _payment(reason="chargeback")),
    (
        "settlement.window_closed", "settlement_batch", "A settlement window reached its cut-off; what came later goes into the next.",
        SETTLEMENT_BATCH, _STL | {"status": "closed", "closes_at": "2026-11-02T17:00:00+00:00", "expected_at": "2026-11-03T13:30:00+00:00"},
    ),
    (
        "settlement.batch_settled", "settlement_batch", "Everything a window closed was confirmed by the rail.",
        SETTLEMENT_BATCH, _STL | {"status": "settled", "settled": 214, "failed": 0, "amount_minor": 9812075, "actual_minor": 9812075},
    ),
    (
        "reconciliation.run_completed", "run", "A reconciliation run has finished.", RUN,
        {"id": "run_01ka2b9e4f5g6h7j8k9m0n1p2q", "object": "reconciliation_run", "account": "Operating account", "matches": 4812, "match_rate": 0.9981, "discrepancies": 2},
    ),
    (
        "reconciliation.discrepancy", "discrepancy", "What the outside says and what was booked differ.", DISCREPANCY,
        {"id": "dis_01ka2baf5g6h7j8k9m0n1p2q3r", "object": "discrepancy", "type": "amount_mismatch", "expected_minor": 8450, "actual_minor": 8420, "currency": "USD"},
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
