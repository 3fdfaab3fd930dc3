"""What a partner asks for, checked: every fault of every item at once, each with its row and field; nothing is touched."""

from __future__ import annotations

import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from partners.models import Branch, Partner
from payos.kernel.api import field_error
from payos.kernel.errors import Problem, register
from payos.kernel.money import MoneyError, parse_minor
from settlement import destinations, routing

register("transfer_invalid", 422, "The transfer cannot be accepted", "Read `errors`: each names the field and what to change.")

URGENCIES = tuple(routing.WEIGHTS)
PROTOCOLS = ("api", "x402", "ap2", "acp")
FIELDS = frozenset(
    "amount currency destination rail protocol protocol_metadata urgency reference description metadata branch within_minutes".split()
)
METADATA_LIMIT = 16 * 1024
# Besides what no printer prints: line ends of other kinds, and marks that turn the direction of what is read after them.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(slots=True)
class TransferIn:
    """A transfer as a partner asked for it, checked."""

    amount_minor: int
    currency: str
    destination: dict[str, Any]
    destination_type: str
    rail: str = ""
    protocol: str = "api"
    protocol_metadata: dict[str, Any] = field(default_factory=dict)
    urgency: str = "standard"
    reference: str = ""
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    branch_id: uuid.UUID | None = None
    within_minutes: int | None = None


def check_items(*, partner: Partner, livemode: bool, items: Sequence[Any], prefix: str = "") -> list[TransferIn]:
    """Every fault of every item at once, each with its row and field; nothing is touched."""
    errors: list[dict[str, Any]] = []
    wanted: list[tuple[str, Any, str, str]] = []
    drafts: list[TransferIn] = []
    branches = dict(Branch.objects.filter(partner=partner, livemode=livemode, active=True).values_list("code", "pk"))
    for row, item in enumerate(items):
        pointer = f"{prefix}/{row}" if prefix else ""
        if not isinstance(item, Mapping):
            errors.append(field_error(pointer, "type", "must be an object"))
            continue
        draft = _draft(item, pointer, branches, errors)
        drafts.append(draft)
        given = item.get("destination")
        if not isinstance(given, Mapping):
            errors.append(field_error(f"{pointer}/destination", "required", "must be an object with a type"))
            wanted.append(("", {}, draft.currency, f"{pointer}/destination"))
            continue
        kind = given.get("type")
        draft.destination_type = kind if isinstance(kind, str) else ""
        rest = {name: value for name, value in given.items() if name != "type"}
        wanted.append((draft.destination_type, rest, draft.currency, f"{pointer}/destination"))
    for draft, (kind, _, _, where), outcome in zip(drafts, wanted, destinations.validate_many(wanted), strict=False):
        if isinstance(outcome, list):
            if kind or not any(error["pointer"] == where for error in errors):
                errors += outcome
        else:
            draft.destination = outcome
    if errors:
        for error in errors:
            if prefix:
                error["row"] = int(error["pointer"].removeprefix(prefix).split("/")[1] or 0)
        raise Problem("transfer_invalid", f"Nothing was accepted: {len(errors)} faults.", errors=errors)
    return drafts


def _draft(item: Mapping[str, Any], pointer: str, branches: dict[str, uuid.UUID], errors: list[dict[str, Any]]) -> TransferIn:
    def bad(name: str, code: str, detail: str) -> None:
        errors.append(field_error(f"{pointer}/{name}", code, detail))

    def text(name: str, limit: int, default: str = "") -> str:
        value = item.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > limit or CONTROL.search(value):
            bad(name, "text", f"must be text of at most {limit} printable characters")
            return default
        return value.strip()

    def mapping(name: str) -> dict[str, Any]:
        value = item.get(name)
        if value is None:
            return {}
        written = json.dumps(value, default=_plain) if isinstance(value, Mapping) else ""
        if not written or len(written) > METADATA_LIMIT:
            bad(name, "object", f"must be an object of at most {METADATA_LIMIT // 1024} KB")
            return {}
        return json.loads(written)

    for name in sorted(set(item) - FIELDS, key=str)[:20]:
        bad(str(name)[:40], "unknown", "is no field of a transfer")
    currency = text("currency", 4)
    amount = 0
    if not currency:
        bad("currency", "required", "is missing")
    elif item.get("amount") is None:
        bad("amount", "required", "is missing")
    else:
        try:
            amount = parse_minor(item["amount"], currency)
            if amount <= 0:
                bad("amount", "range", "must be positive")
        except MoneyError as error:
            bad("currency" if error.code == "currency" else "amount", error.code, str(error))
    urgency, protocol = text("urgency", 10, "standard"), text("protocol", 20, "api")
    if urgency not in URGENCIES:
        bad("urgency", "choice", f"must be one of {', '.join(URGENCIES)}")
    if protocol not in PROTOCOLS:
        bad("protocol", "choice", f"must be one of {', '.join(PROTOCOLS)}")
    code = text("branch", 40)
    if code and code not in branches:
        bad("branch", "unknown", f"there is no branch {code!r}")
    within = item.get("within_minutes")
    if within is not None and (isinstance(within, bool) or not isinstance(within, int) or not 0 < within < 10_000_000):
        bad("within_minutes", "range", "must be a positive whole number")
        within = None
    return TransferIn(
        amount,
        currency,
        {},
        "",
        text("rail", 40),
        protocol,
        mapping("protocol_metadata"),
        urgency,
        text("reference", 120),
        text("description", 140),
        mapping("metadata"),
        branches.get(code),
        within,
    )


def _plain(value: Any) -> Any:
    """A partner's own numbers stay numbers; the API reads them as decimals. What no float holds stays as it was written."""
    return float(value) if isinstance(value, Decimal) and math.isfinite(float(value)) else str(value)
