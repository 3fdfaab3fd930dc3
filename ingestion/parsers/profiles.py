"""Mapping profiles: how the columns or paths of a file become canonical lines. Plain data, easily kept as JSON.

A profile may leave out whatever the file itself shows (delimiter, encoding, decimal mark, date order): what is
empty is found out. `columns` maps a field to one or more column names, tried in order; names are compared without
case, accents and punctuation. For JSON files the names are paths ("data.object.amount").
"""

from __future__ import annotations

import codecs
import re
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from typing import Any

#: What a column may mean. `amount` is signed; `credit` and `debit` are unsigned alternatives to it.
FIELDS = frozenset((
    "booking_date", "value_date", "amount", "credit", "debit", "direction", "currency", "gross", "fee", "net", "balance",
    "account", "counterparty", "counterparty_account", "description", "type", "status", "payout", "row_kind",
))  # fmt: skip


#: The header is looked for, and may be named, this far down.
MAX_HEADER_ROW = 99
_COLUMN = re.compile(r"\{([^{}]+)\}")


def computed_columns(text: str) -> list[str]:
    """The column names in a computed field."""
    return _COLUMN.findall(text)


class ProfileError(ValueError):
    """A profile that cannot work, with what to change."""


@dataclass(frozen=True)
class Profile:
    """How to read one kind of table."""

    name: str
    columns: dict[str, tuple[str, ...]]
    #: kind of reference -> columns
    references: dict[str, tuple[str, ...]] = field(default_factory=dict)
    title: str = ""
    delimiter: str = ""
    encoding: str = ""
    decimal: str = ""
    date_order: str = ""
    #: How dates are written where the usual shapes do not fit, as strptime means it: "%d %b %Y", "%y%m%d".
    date_format: str = ""
    #: Words of the direction column beyond the known ones (D, DBIT, Soll, ...).
    debit_words: tuple[str, ...] = ()
    credit_words: tuple[str, ...] = ()
    #: field (or "reference:KIND") -> text with column names in braces: {"description": "{Type}: {Memo}"}.
    computed: dict[str, str] = field(default_factory=dict)
    #: Amounts are written in minor units already (Stripe's API, PayPal's settlement report).
    minor_units: bool = False
    #: Places of amounts in minor units where they differ from the currency's (Stripe counts UGX in hundredths).
    minor_places: dict[str, int] = field(default_factory=dict)
    currency: str = ""
    account: str = ""
    #: 0-based row of the header, counting every physical row; None: the first row that holds the columns.
    header_row: int | None = None
    has_header: bool = True
    #: The amount as a sum of fields or columns, each with its sign: ((1, "gross"), (-1, "fee")).
    amount_terms: tuple[tuple[int, str], ...] = ()
    negate: bool = False
    #: Only rows whose `row_kind` column is one of these are lines.
    row_kinds: tuple[str, ...] = ()
    #: Rows whose status is none of these moved no money: read, flagged, not a line. Empty: every row counts.
    settled: tuple[str, ...] = ()
    #: Column that must be unique per file; a second row with the same value is a reject.
    unique: str = ""
    #: Header names that all must be present for the profile to be recognised by itself.
    signature: tuple[str, ...] = ()
    #: JSON: path of the list of records.
    records: str = ""
    sheet: str = ""
    version: str = "1"

    def __post_init__(self) -> None:
        unknown = set(self.columns) - FIELDS
        if unknown:
            raise ProfileError(f"profile {self.name}: {', '.join(sorted(unknown))} is no field; choose from {', '.join(sorted(FIELDS))}")
        if self.decimal not in ("", ".", ","):
            raise ProfileError(f"profile {self.name}: the decimal mark is '.' or ',', not {self.decimal!r}")
        if self.date_order not in ("", "dmy", "mdy", "ymd"):
            raise ProfileError(f"profile {self.name}: the date order is dmy, mdy or ymd, not {self.date_order!r}")
        for target, text in self.computed.items():
            if target not in FIELDS and not target.startswith("reference:"):
                raise ProfileError(f"profile {self.name}: computed {target!r} is neither a field nor reference:KIND")
            if not computed_columns(text):
                raise ProfileError(f"profile {self.name}: computed {target!r} names no column in braces, as in {{Memo}}")
        if self.date_format:
            try:
                sample = date(2026, 11, 21).strftime(self.date_format)
                if datetime.strptime(sample, self.date_format).date() != date(2026, 11, 21):  # noqa: DTZ007 - a date as written, no instant
                    raise ValueError
            except ValueError:
                raise ProfileError(
                    f"profile {self.name}: the date format {self.date_format!r} does not name day, month and year, as in %d.%m.%Y"
                ) from None
        if self.header_row is not None and not 0 <= self.header_row <= MAX_HEADER_ROW:
            raise ProfileError(f"profile {self.name}: the header is one of the first {MAX_HEADER_ROW + 1} rows")
        if self.encoding:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                raise ProfileError(f"profile {self.name}: {self.encoding!r} is no encoding; utf-8, cp1252 and utf-16 are common") from None
        if len(self.delimiter) > 1:
            raise ProfileError(f"profile {self.name}: the delimiter is one character, not {self.delimiter!r}")
        if not (self.amount_terms or {"amount", "credit", "debit", "net"} & {*self.columns, *self.computed}):
            raise ProfileError(f"profile {self.name}: name a column for the amount, or for credit and debit")

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, for the database and for showing."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Profile:
        """The inverse of `as_dict`; lists and single names are accepted where tuples are meant."""
        known = {item.name for item in fields(cls)}
        unknown = set(data) - known
        if unknown:
            raise ProfileError(f"{', '.join(sorted(unknown))} is no part of a profile")
        values = dict(data)
        for key in ("columns", "references"):
            values[key] = {name: _names(value) for name, value in dict(values.get(key) or {}).items()}
        values["computed"] = {str(name): str(text) for name, text in dict(values.get("computed") or {}).items()}
        for key in ("row_kinds", "settled", "signature", "debit_words", "credit_words"):
            values[key] = _names(values.get(key) or ())
        values["amount_terms"] = tuple((int(sign), str(name)) for sign, name in values.get("amount_terms") or ())
        return cls(**values)


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
