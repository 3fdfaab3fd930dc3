"""Public ids: `trf_01h455vb4pex5vsknk084sn02q`, a prefix and a UUIDv7 in Crockford's base 32 (TypeID)."""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime

from uuid_utils.compat import uuid7 as _fast_uuid7

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
VALUES = {letter: number for number, letter in enumerate(ALPHABET)}
LENGTH = 26
# Two letters at a time: an id is written for every row of every list and event.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]
SHIFTS = range(120, -1, -10)

PREFIXES = {
    "par": "partner",
    "brn": "branch",
    "key": "API key",
    "usr": "person",
    "acc": "account",
    "txn": "ledger transaction",
    "ent": "entry",
    "per": "ledger period",
    "cas": "case",
    "apr": "approval",
    "evt": "event",
    "whe": "webhook endpoint",
    "dlv": "delivery",
    "att": "delivery attempt",
    "pay": "payment",
    "src": "payment source",
    "stg": "staging row",
    "fil": "file",
    "bfl": "bank file",
    "con": "connector",
    "prf": "mapping profile",
    "trf": "transfer",
    "bat": "transfer batch",
    "win": "settlement window",
    "stl": "settlement batch",
    "ral": "rail",
    "rte": "routing decision",
    "stm": "statement",
    "lin": "statement line",
    "bka": "bank account",
    "sug": "suggestion",
    "run": "run",
    "mat": "match",
    "dis": "discrepancy",
    "rul": "rule",
    "rep": "report",
    "alr": "alert",
}


class InvalidId(ValueError):
    """The text is no public id, or one of another kind."""


def uuid7(at: datetime | None = None) -> uuid.UUID:
    """A new key. With `at` its time part is that instant, so that the key alone tells the month of its row."""
    if at is None:
        return _fast_uuid7()
    milliseconds = int(at.timestamp() * 1000)
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"{at} lies outside what a UUIDv7 can hold")
    value = milliseconds << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return uuid.UUID(int=value)


def floor(at: datetime) -> uuid.UUID:
    """The smallest key of an instant: the lower bound of a partition."""
    return uuid.UUID(int=int(at.timestamp() * 1000) << 80)


def encode(prefix: str, value: uuid.UUID | str) -> str:
    number = (value if isinstance(value, uuid.UUID) else uuid.UUID(value)).int
    return f"{prefix}_{''.join([PAIRS[number >> shift & 1023] for shift in SHIFTS])}"


def decode(prefix: str, text: str) -> uuid.UUID:
    """The key behind a public id of this kind; says what is wrong with anything else."""
    kind = PREFIXES.get(prefix, prefix)
    if not isinstance(text, str):
        raise InvalidId(f"a {kind} id is text such as {prefix}_…")
    found, separator, letters = text.partition("_")
    shown = text if len(text) <= 60 else text[:57] + "…"
    if not separator:
        raise InvalidId(f"{shown!r} is no {kind} id: it must start with {prefix}_")
    if found != prefix:
        other = PREFIXES.get(found)
        raise InvalidId(f"{shown!r} is the id of a {other}, not of a {kind}" if other else f"{shown!r} must start with {prefix}_")
    if len(letters) != LENGTH or letters[0] > "7":
        raise InvalidId(f"{shown!r} is no {kind} id: after {prefix}_ come {LENGTH} characters, the first 0 to 7")
    number = 0
    for letter in letters:
        digit = VALUES.get(letter)
        if digit is None:
            raise InvalidId(f"{shown!r} is no {kind} id: {letter!r} is not among {ALPHABET}")
        number = number << 5 | digit
    return uuid.UUID(int=number)
