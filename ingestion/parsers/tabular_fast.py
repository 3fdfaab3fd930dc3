"""The rows that are as they should be, read in one step.

`quick(table)` compiles a function of what a table's layout says: places and converters are bound once for a file, and
dates and currencies that came before are looked up. It answers None for every row that is not plainly a line (a cell
missing, an unusual amount, a date not seen before): `Table` reads those in its own, slower way, which knows all the
rules. What both read is the same; a test holds them against each other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from ingestion.parsers.records import Line

if TYPE_CHECKING:
    from ingestion.parsers.tabular import Table

Quick = Callable[[int, list[str]], Line | None]
#: Longer numbers and wider rows are left to the reader that checks bounds.
MAX_DIGITS = 15
MAX_WIDTH = 200

SOURCE = """
def read(number, row):
    try:
        {cells} = row
        currency, exponent, places = currencies[{currency}]
        booking = {booking}
        value = {value}
    except (KeyError, ValueError):
        return None
    if places is not None or (booking is None and value is None):
        return None
    text = {amount}
    point = len(text) - exponent - 1
    if 0 < point < {digits} and text[point] == mark:
        text = text[:point] + text[point + 1:]
    else:
        text, found, fraction = text.partition(mark)
        point = len(text)
        if not 0 < point < {digits} or len(fraction) > exponent or (found and not fraction):
            return None
        text += fraction + "000000000000000000"[:exponent - len(fraction)]
    if not (text.isdecimal() or (point > 1 and text[0] == "-" and text[1:].isdecimal())) or not text.isascii():
        return None
    amount = int(text)
    {refer}
    return Line({sign}, currency, value or booking, booking or value, references, {party}, {description}, {kind}, join(row), number, {account}, (), {extra})
"""


def quick(table: Table) -> Quick | None:
    """The function for a table, or None where its rules are more than this one knows.

    It is written as source, with the places as names of local variables, and compiled once for a file: only numbers and
    constants of ours go into it, never a text of the file or of a profile.
    """
    width = table.layout.width()
    if (
        table.plain_amount is None
        or table.row_kinds
        or table.settled
        or table.numbers.whole
        or not table.dated
        or table.need > width
        or width > MAX_WIDTH
    ):
        return None
    currency, booking, value = table.at_currency, table.at_booking, table.at_value
    references, described = table.references, table.descriptions

    def cell(at: int | None) -> str:
        return "''" if at is None else f"c{at}.strip()"

    def day(at: int | None) -> str:
        return "None" if at is None else f"days[c{at}]"

    if len(references) == 1:
        refer = f"text = {cell(references[0][1])}; references = {{kinds[0]: text}} if text else {{}}"
    else:
        refer = "; ".join(
            [
                "references = {}",
                *(
                    f"text = {cell(place)}\n    if text: references[kinds[{number}]] = text\n    pass"
                    for number, (_, place) in enumerate(references)
                ),
            ]
        )
    description = (
        cell(described[0])
        if len(described) == 1
        else "' '.join([part for part in (" + "".join(f"{cell(place)}, " for place in described) + ") if part])"
    )
    source = SOURCE.format(
        cells="".join(f"c{at}, " for at in range(width)), currency="''" if currency is None else f"c{currency}", booking=day(booking), value=day(value), amount=f"c{table.plain_amount}",
        sign="-amount" if table.negate else "amount", refer=refer, description=description, party=cell(table.at_party), kind=cell(table.at_type), account=cell(table.at_party_account),
        extra="extra(row, exponent)" if table.extras else "None", digits=MAX_DIGITS,
    )  # fmt: skip
    names: dict[str, Any] = {
        "currencies": table.currencies, "days": table.days, "kinds": tuple(kind for kind, _ in references), "mark": table.numbers.decimal,
        "extra": table.fields_beside, "join": "\t".join, "Line": Line,
    }  # fmt: skip
    exec(compile(source, "<row>", "exec"), names)  # nosec B102 # places and constants of ours, see above
    return cast(Quick, names["read"])
