"""The canonical events that every reader yields, whatever the format was.

A file is a sequence of `StatementStart, Line*, StatementEnd`, with `Reject` (a piece that could not be read)
and `Flag` (a piece that was read but is not as it should be) anywhere in between. `StatementEnd` repeats what
the start said and adds what was only known at the end, so a consumer may look at it alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

#: Where a piece stands in its file: a line number for text, an ordinal such as "entry 12" for XML.
Position = int | str

#: Which reference is shown first when there is room for one only.
REFERENCE_ORDER = (
    "end_to_end", "transaction", "uetr", "customer", "owner", "fitid", "id", "remittance", "instruction", "bank",
    "check", "payout", "message", "mandate",
)  # fmt: skip

MAX_MINOR = 2**63 - 1


class Unreadable(Exception):
    """Nothing in the file could be read; the message says why and what to do."""


class AmountError(ValueError):
    """A text that is no amount of its currency: not a number, too many places, or too large."""


@dataclass(slots=True)
class StatementStart:
    """A statement begins; what is not known yet is None or empty."""

    account: str = ""
    currency: str = ""
    opening_minor: int | None = None
    number: str = ""
    date: date | None = None
    position: Position = 0


@dataclass(slots=True)
class Detail:
    """One transaction inside a batch entry (camt TxDtls). Its amounts never add to the statement's."""

    amount_minor: int | None
    currency: str
    references: dict[str, str]
    counterparty: str = ""
    description: str = ""


@dataclass(slots=True)
class Line:
    """One booked movement: positive is money in, negative is money out, in minor units."""

    amount_minor: int
    currency: str
    value_date: date | None
    booking_date: date | None
    references: dict[str, str]
    counterparty: str
    description: str
    type_code: str
    raw: str
    position: Position
    counterparty_account: str = ""
    details: tuple[Detail, ...] = ()
    #: What only some formats say: gross_minor, fee_minor, net_minor, payout, status, original amount, balance_minor.
    extra: dict[str, object] | None = None

    @property
    def reference(self) -> str:
        """The one reference to show: the most specific kind that the line carries."""
        references = self.references
        if not references:
            return ""
        for kind in REFERENCE_ORDER:
            value = references.get(kind)
            if value:
                return value
        return next(iter(references.values()))


@dataclass(slots=True)
class StatementEnd:
    """A statement is complete. `balances_ok` is None where the file does not say enough to check."""

    account: str
    currency: str
    opening_minor: int | None
    closing_minor: int | None
    balances_ok: bool | None
    line_count: int
    sum_minor: int
    number: str = ""
    date: date | None = None
    position: Position = 0
    #: Every total that the file states, as {"name": {"stated": x, "found": y, "ok": bool}}.
    controls: dict[str, dict[str, object]] = field(default_factory=dict)


@dataclass(slots=True)
class Reject:
    """A piece that could not be read. `raw` is its beginning; the whole is in the file at `position`."""

    position: Position
    reason: str
    raw: str = ""


@dataclass(slots=True)
class Flag:
    """Something was read that contradicts itself or the format. `code` is stable, `detail` is for people."""

    position: Position
    code: str
    detail: str


Event = StatementStart | Line | StatementEnd | Reject | Flag
Events = Iterator[Event]


class Lines(list[Line]):
    """Lines of one statement that a reader hands on together; the registry takes them apart again."""

    __slots__ = ("total",)

    def __init__(self, lines: Iterable[Line], total: int) -> None:
        super().__init__(lines)
        self.total = total


Pieces = Iterator[Event | Lines]

RAW_LIMIT = 2000


def clip(text: str, limit: int = RAW_LIMIT) -> str:
    """The beginning of a text, short enough to keep beside a reason."""
    return text if len(text) <= limit else text[:limit] + "…"


def control(stated: object, found: object) -> dict[str, object]:
    """One stated total beside what was counted."""
    return {"stated": stated, "found": found, "ok": stated == found}
