"""What channels share: the message, and the ways in which one can fail."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from payos.kernel import clock
from payos.kernel.errors import Problem
from payos.kernel.parsing import parse_json


class NotVerified(Exception):
    """The signature, time or token does not prove who sent it."""


class Unreadable(Exception):
    """It was sent by the source, and cannot be understood: kept raw."""


class Ignored(Exception):
    """It is understood and is no payment."""


@dataclass(frozen=True, slots=True)
class Incoming:
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str]


def json_of(message: Incoming) -> Any:
    try:
        return parse_json(message.body)
    except Problem as problem:
        raise Unreadable(problem.detail) from None


def object_of(message: Incoming) -> dict[str, Any]:
    value = json_of(message)
    if not isinstance(value, dict):
        raise Unreadable("the message is not a JSON object")
    return value


def check_age(seconds: str, tolerance: int) -> None:
    if not seconds.isascii() or not seconds.isdigit() or len(seconds) > 12:
        raise NotVerified("the timestamp is missing or no number")
    if abs(clock.now().timestamp() - int(seconds)) > tolerance:
        raise NotVerified(f"the timestamp is more than {tolerance} seconds away")


def hmac_hex(secret: str, signed: bytes) -> str:
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def any_equal(candidates: list[str], given: list[str]) -> bool:
    # Every pair is compared, so that the time taken tells nothing.
    return sum(hmac.compare_digest(mine.encode(), theirs.encode()) for mine in candidates for theirs in given) > 0


def plain(value: Any) -> Any:
    """Decimals as text: metadata is kept as it was written, with no float in between."""
    return json.loads(json.dumps(value, default=lambda x: str(x) if isinstance(x, Decimal) else None))
