"""Excel workbooks, by content and not by name: `.xls` files that are really xlsx, and old binary .xls.

A sheet of ordinary rows is read by their shape (`sheet_shapes.py`, `sheet_cells.py`), every other one by calamine; both give the
same cells. A number cell becomes the text a person sees (15 digits), then an exact amount; no float reaches an amount.
Before any of it a workbook is measured (`workbook_bounds.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import BinaryIO, Protocol, cast

from python_calamine import CalamineWorkbook, load_workbook

from ingestion.parsers.amounts import known_currency
from ingestion.parsers.layout import SAMPLE_ROWS, Layout, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Flag, Lines, Pieces, StatementEnd, StatementStart, Unreadable
from ingestion.parsers.sheet_cells import Sheet, Strings
from ingestion.parsers.sheet_shapes import SheetReader
from ingestion.parsers.tabular import Row, Table
from ingestion.parsers.tabular_bulk import Block
from ingestion.parsers.values import Numbers, cell_text, decimal_mark, is_amount, is_date
from ingestion.parsers.workbook_bounds import measure
from ingestion.parsers.workbook_parts import NotPlain, Parts, calm

VERSION = "4"
MAX_SHEETS = 50
MAX_SHOWN = 20_000
#: A sheet named with so many digits is named after its account.
MIN_ACCOUNT_DIGITS = 6
#: Rows handed over at once, of a sheet that calamine read.
TOGETHER = 500

_TO_POINT = str.maketrans({".": None, ",": "."})


class Cells(Protocol):
    """The rows of a sheet, from its first row and column on."""

    def sample(self, limit: int) -> list[list[object]]: ...

    def shown(self, after: int, points: list[int]) -> Iterator[Block]: ...


class Workbook:
    """The sheets of a workbook, each read in one of the two ways."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.readers: dict[str, SheetReader] = measure(file)
        self.book: CalamineWorkbook | None = None
        self.parts: Parts | None = None
        if self.readers:
            try:
                self.parts = Parts(file)
                self.strings = Strings(self.parts)
            except NotPlain:
                self.readers = {}
        self.names = list(self.parts.paths) if self.parts is not None else self._calamine().sheet_names

    def _calamine(self) -> CalamineWorkbook:
        if self.book is None:
            self.file.seek(0)
            with calm():
                self.book = load_workbook(self.file)
        return self.book

    def cells(self, name: str) -> Cells:
        if self.parts is not None and (reader := self.readers.get(self.parts.paths.get(name, ""))) is not None:
            try:
                return Sheet(reader, self.parts, self.strings)
            except (NotPlain, Unreadable):
                pass
        return Rows(self.rows(name))

    def rows(self, name: str) -> list[list[object]]:
        """All rows as calamine has them."""
        book = self._calamine()
        with calm():
            return cast(list[list[object]], book.get_sheet_by_name(name).to_python(skip_empty_area=False))


class Rows:
    """The rows of a sheet that calamine read."""

    def __init__(self, rows: list[list[object]]) -> None:
        self.rows = rows

    def sample(self, limit: int) -> list[list[object]]:
        return self.rows[:limit]

    def shown(self, after: int, points: list[int]) -> Iterator[Block]:
        shown: dict[object, str] = {}  # days and moments come again and again
        for start in range(after, len(self.rows), TOGETHER):
            made = []
            for cells in self.rows[start : start + TOGETHER]:
                row = [
                    cell if type(cell) is str else f"{cell:.15g}" if type(cell) is float and -1e15 < cell < 1e15 and (cell > 1e-4 or cell < -1e-4)
                    else shown.get(cell) or _shown(cell, shown) for cell in cells
                ]  # fmt: skip
                for at in points:
                    if at < len(row) and type(cells[at]) is str:
                        row[at] = row[at].translate(_TO_POINT)
                made.append(row)
            yield Block(range(start + 1, start + len(made) + 1), made)


def parse(file: BinaryIO, profile: Profile | None = None) -> Pieces:
    """Events of a workbook: every sheet that holds a table, or the one the profile names; each sheet that is not read is named."""
    workbook = Workbook(file)
    named = profile.sheet if profile else ""
    read: list[str] = []
    skipped: list[Flag] = []
    problem = ""
    last: Layout | None = None
    for name in [named] if named else workbook.names[:MAX_SHEETS]:
        try:
            cells = workbook.cells(name)
            layout = _sheet(name, cells.sample(SAMPLE_ROWS), profile, last)
        except Unreadable as error:
            problem = problem or f"sheet {name!r}: {error}"
            skipped.append(Flag(name, "sheet_skipped", f"sheet {name!r} was not read: {error}"))
            continue
        yield from _statements(name, cells, layout, first=not read)
        read.append(name)
        last = layout
    if not read:
        raise Unreadable(problem or "the workbook has no sheet with rows")
    yield from skipped
    others = [name for name in workbook.names if name != named] if named else workbook.names[MAX_SHEETS:]
    if others:
        yield Flag(
            named or read[0],
            "other_sheets",
            f"only {named or f'the first {MAX_SHEETS} sheets'!r} was read; there are also {', '.join(others)[:200]}",
        )


def _sheet(name: str, rows: list[list[object]], profile: Profile | None, last: Layout | None) -> Layout:
    """How to read a sheet. After the first, one without a header is read only if it goes on where the one before it ended."""
    if not any(any(cell != "" for cell in row) for row in rows[:SAMPLE_ROWS]):
        raise Unreadable("it has no rows")
    if last is None:
        return _layout(rows, profile)
    problem = "it has no header with a date and an amount"
    try:
        layout = _layout(rows, profile)
        if layout.header_row >= 0 and not any(name.isdigit() for name in layout.names[:1]):
            _own(layout, name)
            return layout
    except Unreadable as error:
        problem = str(error)
    if not _goes_on(rows, last):
        raise Unreadable(problem)
    return replace(last, header_row=-1, assumed=[f"sheet {name!r} has no header; it is read as the sheet before it"])


def _own(layout: Layout, name: str) -> None:
    """What the name of a sheet says of its account and currency, where the sheet itself says nothing."""
    if not layout.account and "account" not in layout.columns and sum(map(str.isdigit, name)) >= MIN_ACCOUNT_DIGITS and not is_date(name):
        layout.account = name.strip()
    if not layout.currency and "currency" not in layout.columns:
        codes = [
            word for word in name.replace("_", " ").replace("-", " ").split() if len(word) == 3 and word.isupper() and known_currency(word)
        ]
        layout.currency = codes[0] if len(codes) == 1 else ""


def _goes_on(rows: list[list[object]], last: Layout) -> bool:
    columns = last.columns
    dates = [at for name in ("booking_date", "value_date") if (at := columns.get(name)) is not None]
    amounts = [at for name in ("amount", "credit", "debit", "net") if (at := columns.get(name)) is not None]
    sample = [[cell_text(cell).strip() for cell in row] for row in rows[:20] if any(cell != "" for cell in row)]
    good = sum(
        any(at < len(row) and is_date(row[at]) for at in dates) and any(at < len(row) and is_amount(row[at]) for at in amounts) for row in sample
    )  # fmt: skip
    return bool(sample) and good * 5 >= len(sample) * 4


def _statements(name: str, cells: Cells, layout: Layout, *, first: bool) -> Pieces:
    """The lines of one sheet; those of a later sheet have its name in front of their row."""
    start = layout.header_row + 1
    commas = _comma_columns(cells.sample(start + SAMPLE_ROWS)[start:], layout)

    def blocks() -> Iterator[Block]:
        return cells.shown(start, commas)

    def rows() -> Iterator[Row]:
        return ((number, row) for block in blocks() for number, row in zip(block.numbers, block.rows(), strict=True))

    for event in Table(layout, rows, blocks).events():
        if not first:
            if isinstance(event, StatementStart | StatementEnd):
                event.number = event.number or name  # two sheets of one account are two statements
            for piece in event if isinstance(event, Lines) else [event]:
                if type(piece) is not StatementEnd:
                    piece.position = f"{name}!{piece.position}"
        yield event


def _shown(cell: object, shown: dict[object, str]) -> str:
    text = cell_text(cell)
    if isinstance(cell, date) and len(shown) < MAX_SHOWN:  # a datetime is one too
        shown[cell] = text
    return text


def _comma_columns(sample: list[list[object]], layout: Layout) -> list[int]:
    """Columns where numbers stand beside amounts typed as text with a decimal comma: the text is brought to the numbers' form."""
    places = {
        at for name in ("amount", "credit", "debit", "gross", "fee", "net", "balance") if (at := layout.columns.get(name)) is not None
    }
    cells = [(at, row[at]) for row in sample for at in places if at < len(row)]
    if not any(isinstance(cell, float) for _, cell in cells):
        return []
    found = [at for at in sorted(places) if decimal_mark([cell for place, cell in cells if place == at and isinstance(cell, str)]) == ","]
    if found:
        layout.numbers = Numbers(".", layout.numbers.whole)
    return found


def _layout(rows: list[list[object]], profile: Profile | None) -> Layout:
    from ingestion.parsers import processors

    sample = rows[:SAMPLE_ROWS]
    return find(sample, profile or processors.recognise_rows(sample))
