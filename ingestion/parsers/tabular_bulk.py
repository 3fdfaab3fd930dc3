"""Blocks of rows that are all as they should be, read column by column.

`Bulk` takes a block only where every row of it is plainly a line of the statement that is open: as many cells as the others,
days and amounts that can be read, one currency, one account. It answers None for every other block, which `Table` then
reads row by row. What both read is the same; a test holds them against each other.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import date
from itertools import repeat
from typing import TYPE_CHECKING, Any

from ingestion.parsers.records import AmountError, Line, Lines

if TYPE_CHECKING:
    from ingestion.parsers.tabular import Table

Texts = Sequence[str]
#: Smaller blocks are not worth their columns.
FEW = 8
#: After so many blocks in a row that held something else, as many are read row by row before the next is tried.
PATIENCE = 4
PAUSE = 16
MAX_AMOUNT = 10**15
#: What int() passes over inside of a number, or takes for more than a digit or a minus.
_SKIPPED = "+_ \t\r\x0b\x0c\x1c\x1d\x1e\x1f"

_FILL = "0" * 18


class Block:
    """Rows under their numbers, or their columns: each is made of the other when it is asked for."""

    __slots__ = ("_columns", "_raw", "_rows", "numbers")

    def __init__(
        self,
        numbers: Sequence[int],
        rows: list[list[str]] | None = None,
        columns: Sequence[Texts] | None = None,
        raw: list[str] | None = None,
    ) -> None:
        self.numbers = numbers
        self._rows, self._columns, self._raw = rows, columns, raw

    def after(self, number: int) -> Block:
        """The rows that come after a number."""
        if self.numbers[0] > number:
            return self
        at = bisect_right(self.numbers, number)
        return Block(
            self.numbers[at:], self._rows and self._rows[at:], self._columns and [column[at:] for column in self._columns], self._raw and self._raw[at:]
        )  # fmt: skip

    def rows(self) -> list[list[str]]:
        if self._rows is None:
            self._rows = list(map(list, zip(*self._columns or (), strict=True)))
        return self._rows

    def columns(self) -> Sequence[Texts] | None:
        """None where the rows are not all as long."""
        if self._columns is None:
            try:
                self._columns = list(zip(*self.rows(), strict=True))
            except ValueError:
                return None
        return self._columns

    def raw(self) -> list[str]:
        """The cells of each row with tabs between them."""
        if self._raw is None:
            self._raw = list(map("\t".join, self._rows if self._rows is not None else zip(*self._columns or (), strict=True)))
        return self._raw


class Read:
    """The lines of a block, the days they were booked on, and their running balances; `single` if each has to be looked at for these."""

    __slots__ = ("balances", "days", "lines", "single")

    def __init__(self, lines: Lines, days: set[date], balances: list[int] | None, single: bool) -> None:
        self.lines, self.days, self.balances, self.single = lines, days, balances, single


class Bulk:
    def __init__(self, table: Table) -> None:
        self.table = table
        self.failed = self.pause = 0
        self.able = table.dated and not table.layout.computed and table.unique_at is None

    def read(self, block: Block, currency: str, account: str) -> Read | None:
        if not self.able or len(block.numbers) < FEW:
            return None
        if self.pause:
            self.pause -= 1
            return None
        try:
            found = self._read(block, currency, account)
        except ValueError:  # an AmountError is one
            found = None
        if found is not None:
            self.failed = 0
            return found
        self.failed += 1
        if self.failed >= PATIENCE:
            self.pause = PAUSE
        return None

    def _read(self, block: Block, currency: str, account: str) -> Read | None:
        table = self.table
        columns = block.columns()
        if columns is None or len(columns) < table.need:
            return None
        at = table.at_currency
        exponent = -1
        for text in set(columns[at]) if at is not None else ("",):
            code, exponent, places = table.currencies.get(text.strip()) or table.read_currency(text.strip())
            if code != currency or (places is not None and places != exponent):
                return None
        at = table.at_account
        if at is not None and {text.strip() or table.default_account for text in set(columns[at])} != {account}:
            return None
        if not self._counted(columns):
            return None
        amounts = self._amounts(block, columns, exponent)
        bookings = self._days(columns, table.at_booking)
        values = self._days(columns, table.at_value)
        if amounts is None or (bookings is None and values is None):
            return None
        if bookings is None or values is None:
            bookings = values = bookings or values or []
            if None in bookings:
                return None
        elif None in bookings or None in values:
            values, bookings = (
                [value or booking for value, booking in zip(values, bookings, strict=True)],
                [booking or value for value, booking in zip(values, bookings, strict=True)],
            )
            if None in bookings:
                return None
        if table.negate:
            amounts = [-amount for amount in amounts]
        parts: tuple[Iterable[Any], ...] = (
            amounts, repeat(currency), values, bookings, self._references(columns, len(amounts)), self._texts(columns, table.at_party), self._descriptions(columns),
            self._texts(columns, table.at_type), block.raw(), block.numbers, self._texts(columns, table.at_party_account), repeat(()),
            self._extras(block, columns, exponent) if table.extras else repeat(None),
        )  # fmt: skip
        lines = Lines(map(Line, *parts), sum(amounts))
        balances: list[int] | None = None
        single = table.at_balance is not None
        if single and lines[0].extra:
            found = [line.extra.get("balance_minor") if line.extra else None for line in lines]
            if set(map(type, found)) == {int}:
                balances, single = found, False  # type: ignore[assignment]
        return Read(lines, set(bookings), balances, single)  # type: ignore[arg-type]

    def _counted(self, columns: Sequence[Texts]) -> bool:
        """Every row is of a kind and a status that moved money."""
        table = self.table
        if table.row_kinds and (table.at_kind is None or not {kind.strip() for kind in set(columns[table.at_kind])} <= table.row_kinds):
            return False
        return not table.settled or (
            table.at_status is not None and {status.strip().casefold() for status in set(columns[table.at_status])} <= table.settled
        )

    def _days(self, columns: Sequence[Texts], at: int | None) -> list[date | None] | None:
        if at is None:
            return None
        table, column = self.table, columns[at]
        try:
            return list(map(table.days.__getitem__, column))
        except KeyError:
            days = {text: table.read_date(text) for text in set(column)}
        return list(map(days.__getitem__, column))

    def _amounts(self, block: Block, columns: Sequence[Texts], exponent: int) -> list[int] | None:
        table = self.table
        if table.plain_amount is not None:
            return self._minor(columns[table.plain_amount], exponent)
        amounts = [table.read_amount(row, exponent) for row in block.rows()]
        return None if None in amounts else amounts  # type: ignore[return-value]

    def _minor(self, texts: Texts, exponent: int) -> list[int]:
        """The amounts of a column; raises where one is none."""
        numbers = self.table.numbers
        mark = numbers.decimal
        joined = "\n".join(texts)
        if not numbers.whole and joined.isascii() and joined.count("\n") == len(texts) - 1 and not any(char in joined for char in _SKIPPED):
            digits = joined.replace(mark, "")
            ends = joined + "\n"
            if not (mark + "\n" in ends or "-\n" in ends or "\n\n" in ends or ends[0] == "\n"):
                at = -1 - exponent
                if exponent and len(joined) - len(digits) == len(texts) and [text[at : at + 1] for text in texts].count(mark) == len(texts):
                    return _small(list(map(int, digits.split("\n"))))
                fill = [_FILL[:count] for count in range(exponent, -1, -1)]
                with suppress(IndexError):  # more places than the currency has: zeros, or an error
                    return _small(
                        [int(whole + fraction + fill[len(fraction)]) for whole, _, fraction in [text.partition(mark) for text in texts]]
                    )
        read = numbers.read
        amounts = []
        for text in texts:
            bare = text.strip()
            if not bare:
                raise AmountError("a cell is empty")
            amounts.append(read(bare, exponent))
        return amounts

    def _references(self, columns: Sequence[Texts], count: int) -> list[dict[str, str]]:
        references = self.table.references
        if not references:
            return [{} for _ in range(count)]
        if len(references) == 1:
            kind, at = references[0]
            return [{kind: text} if text else {} for text in map(str.strip, columns[at])]
        kinds = [kind for kind, _ in references]
        cells = zip(*(map(str.strip, columns[at]) for _, at in references), strict=True)
        return [{kind: text for kind, text in zip(kinds, row, strict=True) if text} for row in cells]

    def _descriptions(self, columns: Sequence[Texts]) -> Iterable[str]:
        places = self.table.descriptions
        if len(places) == 1:
            return map(str.strip, columns[places[0]])
        if not places:
            return repeat("")
        return [" ".join(filter(None, row)) for row in zip(*(map(str.strip, columns[at]) for at in places), strict=True)]

    @staticmethod
    def _texts(columns: Sequence[Texts], at: int | None) -> Iterable[str]:
        return repeat("") if at is None else map(str.strip, columns[at])

    def _extras(self, block: Block, columns: Sequence[Texts], exponent: int) -> list[dict[str, object] | None]:
        """The fields beside the canonical ones; an empty cell has none."""
        table = self.table
        names = [name for name, _, _ in table.extras]
        try:
            found = [self._cells(columns[at], exponent if is_amount else None) for _, at, is_amount in table.extras]
        except ValueError:
            return [table.fields_beside(row, exponent) for row in block.rows()]
        if len(found) == 1 and found[0][1]:
            name = names[0]
            return [{name: value} for value in found[0][0]]
        if all(whole for _, whole in found):
            return [dict(zip(names, row, strict=True)) for row in zip(*(values for values, _ in found), strict=True)]
        rows = zip(*(values for values, _ in found), strict=True)
        return [{name: value for name, value in zip(names, row, strict=True) if value is not None} or None for row in rows]

    def _cells(self, texts: Texts, exponent: int | None) -> tuple[Sequence[object], bool]:
        """The values of a column, None for an empty cell, and whether there is no such."""
        bare = list(map(str.strip, texts))
        whole = "" not in bare
        if exponent is None:
            return (bare, True) if whole else ([text or None for text in bare], False)
        if whole:
            return self._minor(bare, exponent), True
        filled = [text for text in bare if text]
        amounts = iter(self._minor(filled, exponent) if filled else ())
        return [next(amounts) if text else None for text in bare], False


def _small(amounts: list[int]) -> list[int]:
    """Amounts that no bound needs to be asked about."""
    if max(amounts) > MAX_AMOUNT or min(amounts) < -MAX_AMOUNT:
        raise AmountError("a large amount")
    return amounts
