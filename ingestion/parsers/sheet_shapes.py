"""The rows of a sheet read by their shape, while its part is unpacked: a program writes the same cells in every row.

The row that comes first is taken apart once and becomes a regular expression, which then finds every row like it, in order
and without a gap, with the texts of its cells. A row that is different is learned in turn; where rows keep differing, their
shapes are put together into one that leaves out or varies the cells in question. What the cells mean is not decided here
(`sheet_cells.py`). Anything out of the ordinary (formulas, errors, comments, cells without a place, other attributes,
prefixed names) ends it: `failed` is set, what was held is let go, and calamine reads the sheet.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingestion.parsers.sheet_texts import Group, Kept, Texts

#: Text taken at once: what is left over after the last row like the one before is copied.
WINDOW = 1 << 17
MAX_HEAD = 1 << 16
BLOCK = 400
MAX_ROW = 1 << 16
MAX_COLUMNS = 60
MAX_GROUPS = 240
MAX_SHAPES = 80
#: Cells held of all sheets together; what is larger is calamine's.
MAX_HELD = 6_000_000
#: A shape that held for fewer rows than this is put together with the one that follows it.
SHORT = 8
ALONE = 3

_HEAD = re.compile(r'\s*(?:<\?xml version="1\.0"(?: encoding="(?i:utf-8)")?(?: standalone="(?:yes|no)")?\s*\?>\s*)?<worksheet[\s>]')
_OPEN = "<sheetData>"
_CLOSE = "</sheetData>"
_ROW = re.compile(r'\s*<row r="(\d{1,7})"[^<>/]*>')
_EMPTY = re.compile(r'\s*<row r="(\d{1,7})"[^<>/]*(?:/>|></row>)')
_CELL = re.compile(
    r'(\s*)<c((?: [a-z]+="[^"<>&\s/]*")+)(?:(/>|></c>)|>(?:(<v>)[^<]+</v>|(<v>)</v>|(<is><t(?: xml:space="preserve")?>)[^<]*</t></is>)</c>)'
)
_ATTRIBUTE = re.compile(r' ([a-z]+)="([^"]*)"')
_PLACE = re.compile(r"([A-Z]{1,3})(\d{1,7})\Z")
_ROW_END = re.compile(r"\s*</row>")

#: The numbers of some rows, and the texts of their cells for each group.
Block = tuple[Sequence[int], list[tuple[Kept, Texts]]]
#: A kind (E empty, V number, S shared, T text of a formula's kind, I inline), the tag of the cell before and after its row number, and what opens its text.
Variant = tuple[str, str, str, str]
_CLOSING = {"V": "</v></c>", "S": "</v></c>", "T": "</v></c>", "I": "</t></is></c>"}


@dataclass(slots=True)
class Shape:
    """Columns with the variants their cells come in; those in `missing` may be absent."""

    columns: dict[int, list[Variant]]
    missing: set[int] = field(default_factory=set)
    loose: bool = False
    mixed: bool = False  # made of several
    groups: list[Group] = field(default_factory=list)
    expression: re.Pattern[str] | None = None

    def together(self, other: Shape) -> Shape:
        """A shape for the rows of both."""
        columns = {
            column: list(dict.fromkeys([*self.columns.get(column, ()), *other.columns.get(column, ())]))
            for column in sorted(self.columns.keys() | other.columns.keys())
        }  # fmt: skip
        missing = self.missing | other.missing | (self.columns.keys() ^ other.columns.keys())
        return Shape(columns, missing, self.loose or other.loose, True)

    def compile(self) -> None:
        gap = r"\s*+" if self.loose else ""
        pieces = [gap, r'<row r="([0-9]++)"[^<>/]*+>']
        self.groups = []
        for column, variants in self.columns.items():
            several = len(variants) > 1 or column in self.missing
            made = [gap + self._cell(column, variant, marked=several) for variant in variants]
            if several:
                pieces.append("(?:" + "|".join(made) + ("|)" if column in self.missing else ")"))
            else:
                pieces += made
        pieces += [gap, r"</row>|([\s\S]+)"]
        self.expression = re.compile("".join(pieces))

    def _cell(self, column: int, variant: Variant, *, marked: bool) -> str:
        kind, before, after, opening = variant
        start = f"{re.escape(before)}\\1{re.escape(after)}"
        if kind == "E":
            return start + re.escape(opening)
        self.groups.append(Group(column, kind, before[: before.rindex(' r="')] + after[1:], opening, marked))
        text = "[^<]++" if kind in "VS" else "[^<]*+"
        start += re.escape(opening[:-1])
        return start + (f"(>{text})" if marked else f">({text})") + re.escape(_CLOSING[kind])


class SheetReader:
    """Takes the text of one sheet piece by piece and keeps the texts of its cells in `blocks` of columns."""

    def __init__(self) -> None:
        self.decode = codecs.getincrementaldecoder("utf-8")().decode
        self.text = ""
        self.state = "head"
        self.failed = ""
        self.blocks: list[Block] = []
        self.columns: dict[Group, Kept] = {}
        self.last = 0
        self.pending: list[tuple[str, ...]] = []
        self.pending_shape: Shape | None = None
        self.shape: Shape | None = None
        self.known: dict[object, Shape] = {}
        self.shapes = self.run = self.held = 0
        self.widest = 0
        self.highest = "0"

    @property
    def reading(self) -> bool:
        """In the middle of rows that are understood, so that nobody else needs to look at them."""
        return self.state == "rows" and not self.failed

    def feed(self, data: bytes) -> None:
        if self.failed or self.state == "done":
            return None
        try:
            self.text += self.decode(data)
        except UnicodeDecodeError:
            return self.fail("not UTF-8")
        if self.state == "head":
            self._head()
        if self.state == "rows":
            text, self.text = self.text, ""
            for at in range(0, len(text), WINDOW):
                self._rows(self.text + text[at : at + WINDOW])
                if self.failed or self.state == "done":
                    return None

    def fail(self, reason: str) -> None:
        self.failed = reason
        self.blocks, self.columns, self.pending, self.known, self.shape, self.text = [], {}, [], {}, None, ""

    def close(self) -> bool:
        """The part is at its end: True if all rows were read."""
        if not self.failed and self.state != "done":
            self.fail("no end of the rows")
        self._flush()
        self.text, self.known = "", {}
        return not self.failed

    def _head(self) -> None:
        at = self.text.find(_OPEN)
        if at < 0:
            if len(self.text) > MAX_HEAD:
                self.fail("no rows near the beginning")
            return None
        head = self.text[:at].removeprefix("\ufeff")
        if not _HEAD.match(head) or "<!" in head or "<row" in head or "<c " in head or "<sheetData" in head or head.count("<?") > 1:
            return self.fail("an unusual beginning")
        self.text = self.text[at + len(_OPEN) :]
        self.state = "rows"

    def _rows(self, text: str) -> None:
        """Take all whole rows of a text; what is left stays in `self.text`."""
        self.text = ""
        while text:
            shape = self.shape
            if shape is not None:
                found = shape.expression.findall(text)  # type: ignore[union-attr]
                rest = found[-1][-1]
                if rest:
                    found.pop()
                if found:
                    self._keep(shape, found)
                if self.failed:
                    return
                text = rest
                if not text:
                    break
            text = self._next(text)
            if self.failed or self.state == "done" or self.text:
                return

    def _keep(self, shape: Shape, found: list[tuple[str, ...]]) -> None:
        self.run += len(found)
        self.held += len(found) * (len(shape.groups) + 1)
        self.highest = found[-1][0]
        if self.held > MAX_HELD or len(self.highest) > 7:
            return self.fail("too large to hold")
        if self.pending and self.pending_shape is not shape:
            self._flush()
        self.pending_shape = shape
        self.pending += found
        if len(self.pending) >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        """Rows become columns as soon as there are enough: fewer things to hold."""
        if not self.pending or self.pending_shape is None:
            return None
        numbered, *columns = zip(*self.pending, strict=True)
        self.pending = []
        numbers: Sequence[int] = list(map(int, numbered))
        first, last = numbers[0], numbers[-1]
        if last - first + 1 == len(numbers) and numbers == list(range(first, last + 1)):
            numbers = range(first, last + 1)
        elif any(map(int.__ge__, numbers, numbers[1:])):
            return self.fail("rows out of order")
        if first <= self.last:
            return self.fail("rows out of order")
        self.last = last
        kept = self.columns
        block: list[tuple[Kept, Texts]] = []
        for group, texts in zip(self.pending_shape.groups, columns, strict=False):
            column = kept.get(group) or kept.setdefault(group, Kept(group))
            block.append((column, column.take(texts)))
        self.blocks.append((numbers, block))

    def _next(self, text: str) -> str:
        """Text that begins with a row of another shape, or with no row: learn it, or wait for more, or stop."""
        empty = _EMPTY.match(text)
        if empty is not None:
            return text[empty.end() :]
        if text.lstrip().startswith(_CLOSE):
            self.state = "done"
            return ""
        end = text.find("</row>", 0, MAX_ROW)
        if end < 0:
            if len(text) > MAX_ROW:
                self.fail("a row without end")
            self.text = text
            return ""
        shape = self._learn(text[: end + 6])
        if shape is not None:
            self.shape, self.run = shape, 0
        return text

    def _learn(self, row: str) -> Shape | None:
        found = _take_apart(row)
        if isinstance(found, str):
            self.fail(found)
            return None
        self.widest = max([self.widest, *(column + 1 for column in found.columns)])
        key = (tuple((column, variants[0]) for column, variants in found.columns.items()), found.loose)
        shape = self.known.get(key) or found
        if self.shape is not None and self.shapes >= ALONE and (self.run < SHORT or self.shape.mixed):
            shape = self.shape.together(shape)
        elif shape is not found:
            return shape
        self.shapes += 1
        if self.shapes > MAX_SHAPES or sum(map(len, shape.columns.values())) > MAX_GROUPS:
            self.fail("too many kinds of rows")
            return None
        shape.compile()
        match = shape.expression.match(row)  # type: ignore[union-attr]
        if match is None or match[match.re.groups]:
            self.fail("a row that its own shape does not find")
            return None
        self.known[key] = shape
        return shape


def _take_apart(row: str) -> Shape | str:
    """The shape of one row, or why it has none."""
    start = _ROW.match(row)
    if start is None:
        return "an unusual row"
    number, at = start[1], start.end()
    columns: dict[int, list[Variant]] = {}
    loose = row[:1] != "<"
    last = -1
    while (cell := _CELL.match(row, at)) is not None:
        at = cell.end()
        gap, attributes, empty, value, nothing, inline = cell.groups()
        named = dict(_ATTRIBUTE.findall(attributes))
        place = _PLACE.match(named.get("r", ""))
        if place is None or place[2] != number or not named.keys() <= {"r", "s", "t"} or attributes.count("=") != len(named):
            return "an unusual cell"
        column = _number(place[1])
        if column <= last or column >= MAX_COLUMNS:
            return "cells out of order, or very many"
        last = column
        kind = {"": "V", "n": "V", "s": "S", "str": "T", "inlineStr": "I"}.get(named.get("t", ""))
        if empty:
            if named.get("t", "n") != "n":
                return "an empty cell of a kind"
            kind, opening = "E", empty
        elif kind is None or (kind == "I") != (inline is not None) or (nothing and kind != "T"):
            return "an unusual kind of cell"
        else:
            opening = ">" + (inline or value or nothing)
        before, _, after = f"<c{attributes}".partition(f' r="{place[1]}{number}"')
        columns[column] = [(kind, f'{before} r="{place[1]}', '"' + after, opening)]
        loose = loose or bool(gap)
    end = _ROW_END.match(row, at)
    if end is None:
        return "an unusual cell"
    return Shape(columns, loose=loose or end[0][0] != "<")


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1
