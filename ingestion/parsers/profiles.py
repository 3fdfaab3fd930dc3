"""Mapping profiles: how the columns or paths of a file become canonical lines. Plain data, easily kept as JSON.

A profile may leave out whatever the file itself shows (delimiter, encoding, decimal mark, date order): what is
empty is found out. `columns` maps a field to one or more column names, tried in order; names are compared without
case, accents and punctuation. For JSON files the names are paths ("data.object.amount").
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

#: What a column may mean. `amount` is signed; `credit` and `debit` are unsigned alternatives to it.
FIELDS = frozenset((
    "booking_date", "value_date", "amount", "credit", "debit", "direction", "currency", "gross", "fee", "net", "balance",
    "account", "counterparty", "counterparty_account", "description", "type", "status", "payout", "row_kind",
))  # fmt: skip


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
    #: Amounts are written in minor units already (Stripe's API, PayPal's settlement report).
    minor_units: bool = False
    #: Places of amounts in minor units where they differ from the currency's (Stripe counts UGX in hundredths).
    minor_places: dict[str, int] = field(default_factory=dict)
    currency: str = ""
    account: str = ""
    #: 0-based row of the header, counting every physical row; None: the first row that holds the columns.
    header_row: int | None = None
    has_header: bool = True
    #: The amount as a sum of columns, each with its sign: ((1, "gross"), (-1, "fee")).
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
        if len(self.delimiter) > 1:
            raise ProfileError(f"profile {self.name}: the delimiter is one character, not {self.delimiter!r}")
        if not (self.amount_terms or {"amount", "credit", "debit", "net"} & set(self.columns)):
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
        for key in ("row_kinds", "settled", "signature"):
            values[key] = _names(values.get(key) or ())
        values["amount_terms"] = tuple((int(sign), str(name)) for sign, name in values.get("amount_terms") or ())
        return cls(**values)


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
