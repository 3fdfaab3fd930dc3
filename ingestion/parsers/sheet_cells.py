"""What the cells of a sheet read by its shape are: the same values that calamine would have handed over.

Everything that could go wrong is looked at before the first row is given away: places ascend, numbers are numbers, every shared
string is there. Which styles make a number a date, and which moment it then is, calamine says itself for each different cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, time, timedelta
from functools import cached_property
from typing import Any, cast

from ingestion.parsers.sheet_shapes import SheetReader
from ingestion.parsers.sheet_texts import Kept, Texts
from ingestion.parsers.tabular_bulk import Block
from ingestion.parsers.values import cell_text, number_text
from ingestion.parsers.workbook_parts import Asked, NotPlain, Parts

MAX_ROWS = 1_048_576
MAX_CELLS = 40_000_000

_TO_POINT = str.maketrans({".": None, ",": "."})
_CLOSING = {"V": "</v></c>", "S": "</v></c>", "T": "</v></c>", "I": "</t></is></c>"}
_LAST = frozenset("123456789")


class Strings:
    """The shared strings of a workbook by their number as text, made once it is asked for."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.found: dict[str, str] | None = None

    def all(self) -> dict[str, str]:
        if self.found is None:
            texts, odd = self.parts.strings()
            for number, value in zip(odd, Asked(self.parts).strings(odd.values()), strict=True):
                if type(value) is not str:
                    raise NotPlain("a shared string is no string")
                texts[number] = value
            self.found = dict(zip(map(str, range(len(texts))), texts, strict=True))
        return self.found


class Column:
    """How the texts of one group become values."""

    def __init__(self, kept: Kept) -> None:
        self.kept = kept
        self.group = kept.group
        self.number = False
        self.known: dict[str, object] = {}  # texts whose value is not the text itself

    def values(self, texts: Texts) -> list[object]:
        if self.group.marked:
            return [self._value(text[1:]) if text else "" for text in texts]
        return list(map(self._value, texts))

    def _value(self, text: str) -> object:
        if text in self.known:
            return self.known[text]
        return float(text) if self.number else text

    def shown(self, texts: Texts) -> Texts:
        """As a person sees them."""
        known = self.known_shown
        if self.group.marked:
            return [
                ("" if not text else known[text[1:]] if text[1:] in known else number_text(float(text[1:])) if self.number else text[1:])
                for text in texts
            ]
        if self.number and not known:
            # up to 15 digits are what a number shows, if they are written without a needless zero
            return [
                text if len(text) < 16 and text[-1] in _LAST and (text[0] in _LAST or (text[0] == "-" and text[1] in _LAST)) else number_text(float(text))
                for text in texts
            ]  # fmt: skip
        if self.number:
            return [known[text] if text in known else number_text(float(text)) for text in texts]
        if not known:
            return texts
        if self.group.kind in "SV":
            return list(map(known.__getitem__, texts))
        return [known.get(text, text) for text in texts]

    @cached_property
    def known_shown(self) -> dict[str, str]:
        """The texts whose value is not the text itself, as a person sees them."""
        return (
            cast(dict[str, str], self.known) if self.group.kind == "S" else {text: cell_text(value) for text, value in self.known.items()}
        )


class Sheet:
    """One sheet whose rows were found by their shapes. Raises `NotPlain` where calamine has to read it after all."""

    def __init__(self, reader: SheetReader, parts: Parts, strings: Strings) -> None:
        self.height = self.width = 0
        columns = {kept: Column(kept) for kept in reader.columns.values()}
        self.blocks = [(numbers, [(columns[kept], texts) for kept, texts in block]) for numbers, block in reader.blocks]
        for numbers, block in self.blocks:
            self._measure(numbers, block)
        if not self.width or self.height > MAX_ROWS or self.height * self.width > MAX_CELLS:
            raise NotPlain("no cells, or too many")
        self._settle(list(columns.values()), Asked(parts), strings)

    def _measure(self, numbers: Sequence[int], block: list[tuple[Column, Texts]]) -> None:
        for column, texts in block:
            if column.group.marked:
                at = next((at for at in range(len(texts) - 1, -1, -1) if texts[at]), None)
                if at is None:
                    continue
                self.height = max(self.height, numbers[at])
            else:
                self.height = numbers[-1]
            self.width = max(self.width, column.group.column + 1)

    def _settle(self, columns: list[Column], asked: Asked, strings: Strings) -> None:
        values = [column for column in columns if column.group.kind == "V"]
        kinds = asked.cells((column.group.tag, column.group.opening + "45000.25" + _CLOSING["V"]) for column in values)
        for column, value in zip(values, kinds, strict=True):
            column.number = type(value) is float
        wanted: list[tuple[Column, str]] = []
        for column in columns:
            kind = column.group.kind
            if kind == "S":
                column.known = strings.all()  # type: ignore[assignment]
                if not column.known.keys() >= column.kept.different():
                    raise NotPlain("a shared string is missing")
            else:
                texts = column.kept.different() if kind == "V" and not column.number else column.kept.noted()
                column.known |= column.kept.plain
                wanted += [(column, text) for text in texts]
        opened = ((column.group.tag, column.group.opening + text + _CLOSING[column.group.kind]) for column, text in wanted)
        for (column, text), value in zip(wanted, asked.cells(opened), strict=True):
            if type(value) not in (str, float, int, bool) and not isinstance(value, date | time | timedelta):
                raise NotPlain("a cell of an unknown kind")
            column.known[text] = value

    def sample(self, limit: int) -> list[list[object]]:
        """The first rows, with their cells as calamine has them."""
        rows: list[list[object]] = []
        for numbers, block in self.blocks:
            if len(rows) >= limit:
                break
            made = self._wide(len(numbers), ((column.group.column, column.values(texts)) for column, texts in block))
            for number, row in zip(numbers, zip(*made, strict=True), strict=True):
                if number > self.height or len(rows) >= limit:
                    break
                while len(rows) < min(number - 1, limit):
                    rows.append([""] * self.width)
                if len(rows) < limit:
                    rows.append(list(row))
        while len(rows) < min(self.height, limit):
            rows.append([""] * self.width)
        return rows

    def shown(self, after: int, points: list[int]) -> Iterator[Block]:
        """The rows after a number, as texts; the texts in the columns `points` have a decimal comma to be made a point."""
        for numbers, block in self.blocks:
            if numbers[-1] <= after:
                continue
            made = self._wide(
                len(numbers),
                ((column.group.column, self._texts(column, texts, column.group.column in points)) for column, texts in block),
            )
            yield Block(numbers, columns=made).after(after)

    def _texts(self, column: Column, texts: Texts, point: bool) -> Texts:
        if point:
            return [cell.translate(_TO_POINT) if type(cell) is str else cell_text(cell) for cell in column.values(texts)]
        return column.shown(texts)

    def _wide(self, count: int, columns: Iterable[tuple[int, Sequence[Any]]]) -> list[Sequence[Any]]:
        """All columns of the sheet, those of two kinds put together."""
        made: list[Sequence[Any] | None] = [None] * self.width
        for at, values in columns:
            if at >= self.width:
                continue  # a column of which no cell is there
            before = made[at]
            made[at] = values if before is None else [one if one != "" else other for one, other in zip(before, values, strict=True)]
        return [column if column is not None else [""] * count for column in made]
