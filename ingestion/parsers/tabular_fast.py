"""The rows that are as they should be, read in one step.

`quick(table)` makes a function of what a table's layout says: places and converters are bound once for a file, and
dates and currencies that came before are looked up. It answers None for every row that is not plainly a line (a cell
missing, an unusual amount, a date not seen before): `Table` reads those in its own, slower way, which knows all the
rules. What both read is the same; a test holds them against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ingestion.parsers.records import Line

if TYPE_CHECKING:
    from ingestion.parsers.tabular import Table

Quick = Callable[[int, list[str]], Line | None]
#: Longer numbers are left to the reader that checks bounds.
MAX_DIGITS = 15


def quick(table: Table) -> Quick | None:
    """The function for a table, or None where its rules are more than this one knows."""
    if table.plain_amount is None or table.row_kinds or table.settled or table.numbers.whole or not table.dated:
        return None
    amount_at, need, mark, negate = table.plain_amount, table.need, table.numbers.decimal, table.negate
    currency_at, booking_at, value_at = table.at_currency, table.at_booking, table.at_value
    party_at, type_at, account_at = table.at_party, table.at_type, table.at_party_account
    currencies, days = table.currencies, table.days
    references, descriptions, width = table.references, table.descriptions, table.width
    described = descriptions[0] if len(descriptions) == 1 else None
    extra = table.extra if table.extras else None
    join = "\t".join

    def read(number: int, row: list[str]) -> Line | None:
        if len(row) < need:
            return None
        try:
            currency, exponent, places = currencies[row[currency_at] if currency_at is not None else ""]
            booking = days[row[booking_at]] if booking_at is not None else None
            value = days[row[value_at]] if value_at is not None else None
        except KeyError:
            return None
        if places is not None or (booking is None and value is None):
            return None
        whole, _, fraction = row[amount_at].partition(mark)
        if len(fraction) != exponent or len(whole) > MAX_DIGITS:
            return None
        digits = whole + fraction
        unsigned = digits[1:] if whole[:1] == "-" else digits
        if not (unsigned.isdecimal() and unsigned.isascii()) or (exponent and len(unsigned) == exponent):
            return None
        amount = int(digits)
        if described is not None:
            description = row[described].strip()
        else:
            description = " ".join([part for place in descriptions if (part := row[place].strip())])
        return Line(
            -amount if negate else amount, currency, value or booking, booking or value,
            {kind: text for kind, place in references if (text := row[place].strip())},
            row[party_at].strip() if party_at is not None else "", description, row[type_at].strip() if type_at is not None else "",
            join(row if width is None else row[:width]), number, row[account_at].strip() if account_at is not None else "", (),
            extra(row, exponent) if extra is not None else None,
        )  # fmt: skip

    return read
