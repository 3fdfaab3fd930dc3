"""Excel workbooks, by content and not by name: `.xls` files that are really xlsx, and old binary .xls.

Cells are read by calamine. A number cell becomes the text a person sees (15 digits), then an exact amount; no
float reaches an amount. Before calamine sees the file it is measured: archives that unpack to more than
`MAX_UNPACKED`, and sheets whose corner cells would make a table of more than `MAX_CELLS`, are refused.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import BinaryIO, cast

from python_calamine import CalamineError, load_workbook

from ingestion.parsers.amounts import known_currency
from ingestion.parsers.layout import SAMPLE_ROWS, Layout, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Events, Flag, StatementEnd, StatementStart, Unreadable
from ingestion.parsers.tabular import Row, Table
from ingestion.parsers.values import Numbers, cell_text, decimal_mark, is_amount, is_date

VERSION = "3"
MAX_FILE = 64 << 20
MAX_UNPACKED = 512 << 20
MAX_ENTRIES = 2000
MAX_CELLS = 40_000_000
MAX_OLD_XLS = 16 << 20
MAX_SHEETS = 50
MAX_SHOWN = 20_000
#: A sheet named with so many digits is named after its account.
MIN_ACCOUNT_DIGITS = 6
CHUNK = 1 << 20

_TO_POINT = str.maketrans({".": None, ",": "."})
_WIDE = re.compile(rb"""r\s*=\s*["']\$?([A-Za-z]{2,8})\$?\d""")
_TALL = re.compile(rb"""r\s*=\s*["']\$?[A-Za-z]{0,8}\$?(\d{6,12})["']""")
# As every program writes it; anything else is looked at twice.
_FAR = re.compile(rb"""r="\$?(?:[A-Za-z]{2}|[A-Za-z]?\$?\d{6})|r=\s|r\s+=""")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml\Z", re.IGNORECASE)


def measure(file: BinaryIO) -> None:
    """Refuse a workbook that would not fit, without unpacking more than the bound."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(0)
    if size > MAX_FILE:
        raise Unreadable(f"the workbook has {size >> 20} MiB, at most {MAX_FILE >> 20} are read: export it as CSV")
    head = file.read(8)
    file.seek(0)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        if size > MAX_OLD_XLS:
            raise Unreadable(f"the .xls file has {size >> 20} MiB, at most {MAX_OLD_XLS >> 20} are read: save it as xlsx or CSV")
        return
    try:
        _measure_archive(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise Unreadable(f"not a workbook: {error}") from None
    file.seek(0)


def _measure_archive(file: BinaryIO) -> None:
    archive = zipfile.ZipFile(file)
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Unreadable(f"the workbook has {len(entries)} parts, at most {MAX_ENTRIES} are read")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unreadable(f"the workbook unpacks to more than {MAX_UNPACKED >> 20} MiB; it is refused")
    if not any(entry.filename.lower().startswith("xl/") for entry in entries):
        raise Unreadable("a zip archive, but not an Excel workbook: extract it first")
    budget = MAX_UNPACKED
    for entry in entries:
        # The stated size may lie: what counts is what comes out.
        budget -= _unpack(file, entry, budget)


def _unpack(file: BinaryIO, entry: zipfile.ZipInfo, budget: int) -> int:
    sheet = _SHEET.search(entry.filename) is not None
    if entry.flag_bits & 1:
        raise Unreadable("the workbook is encrypted: save it without a password")
    if entry.compress_type == zipfile.ZIP_STORED:
        if entry.compress_size > budget:
            raise Unreadable(f"the workbook unpacks to more than {MAX_UNPACKED >> 20} MiB; it is refused")
    elif entry.compress_type != zipfile.ZIP_DEFLATED:
        raise Unreadable(f"the workbook is packed by an unusual method ({entry.compress_type}); save it again")
    if entry.header_offset < 0:
        raise Unreadable("not a workbook: a part of the archive is damaged")
    file.seek(entry.header_offset)
    header = file.read(30)
    if len(header) < 30 or header[:4] != b"PK\x03\x04":
        raise Unreadable("not a workbook: a part of the archive is damaged")
    file.seek(entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"))
    stored = entry.compress_type == zipfile.ZIP_STORED
    inflate = zlib.decompressobj(-15)
    left, total, wide, tall, tail = entry.compress_size, 0, 26, 99_999, b""
    pending = b""
    while left > 0 or pending:
        data = pending or file.read(min(CHUNK // 8, left))
        if not pending:
            if not data:
                raise Unreadable("the workbook is cut off")
            left -= len(data)
        if stored:
            text, pending = data, b""
        else:
            try:
                text = inflate.decompress(data, CHUNK)
            except zlib.error as error:
                raise Unreadable(f"the workbook is damaged: {error}") from None
            pending = inflate.unconsumed_tail
        total += len(text)
        if total > budget:
            raise Unreadable(f"the workbook unpacks to more than {MAX_UNPACKED >> 20} MiB; it is refused")
        if sheet and text:
            text = tail + text
            tail = text[-64:]
            if _FAR.search(text) or b" =" in text or b"= " in text or b"='" in text:
                for match in _WIDE.finditer(text):
                    wide = max(wide, _column(match[1]))
                for match in _TALL.finditer(text):
                    tall = max(tall, int(match[1]))
            if wide * tall > MAX_CELLS and (wide > 702 or tall > 1_048_576 or wide * tall > 20 * MAX_CELLS):
                raise Unreadable(f"the sheet spans {wide} columns and up to {tall} rows; a statement does not: export it as CSV")
        if not stored and inflate.eof:
            break
    return total


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


class Workbook:
    """calamine, with its two ways of giving up (an error, or a panic on damaged parts) as one: `Unreadable`."""

    def __init__(self, file: BinaryIO) -> None:
        with _calm():
            self.book = load_workbook(file)
            self.names = list(self.book.sheet_names)

    def rows(self, name: str) -> list[list[object]]:
        with _calm():
            return cast(list[list[object]], self.book.get_sheet_by_name(name).to_python(skip_empty_area=False))


@contextmanager
def _calm() -> Iterator[None]:
    try:
        yield
    except (CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise Unreadable(f"the workbook cannot be read: {str(error)[:300]}") from None
    except BaseException as error:
        # A Rust panic arrives as a BaseException of pyo3 that cannot be imported by name.
        if type(error).__name__ != "PanicException":
            raise
        raise Unreadable("the workbook is damaged: its parts contradict each other") from None


def parse(file: BinaryIO, profile: Profile | None = None) -> Events:
    """Events of a workbook: every sheet that holds a table, or the one the profile names; each sheet that is not read is named."""
    measure(file)
    workbook = Workbook(file)
    named = profile.sheet if profile else ""
    read: list[str] = []
    skipped: list[Flag] = []
    problem = ""
    last: Layout | None = None
    for name in [named] if named else workbook.names[:MAX_SHEETS]:
        try:
            rows = workbook.rows(name)
            layout = _sheet(name, rows, profile, last)
        except Unreadable as error:
            problem = problem or f"sheet {name!r}: {error}"
            skipped.append(Flag(name, "sheet_skipped", f"sheet {name!r} was not read: {error}"))
            continue
        yield from _statements(name, rows, layout, first=not read)
        read.append(name)
        last = layout
    if not read:
        raise Unreadable(problem or "the workbook has no sheet with rows")
    yield from skipped
    others = [name for name in workbook.names if name != named] if named else workbook.names[MAX_SHEETS:]
    if others:
        yield Flag(named or read[0], "other_sheets", f"only {named or f'the first {MAX_SHEETS} sheets'!r} was read; there are also {', '.join(others)[:200]}")


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
        codes = [word for word in name.replace("_", " ").replace("-", " ").split() if len(word) == 3 and word.isupper() and known_currency(word)]
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


def _statements(name: str, rows: list[list[object]], layout: Layout, *, first: bool) -> Events:
    """The lines of one sheet; those of a later sheet have its name in front of their row."""
    start = layout.header_row + 1
    commas = _comma_columns(rows, layout)

    def body() -> Iterable[Row]:
        shown: dict[object, str] = {}  # days and moments come again and again
        for number, cells in enumerate(islice(rows, start, None), start + 1):
            row = [
                cell if type(cell) is str else f"{cell:.15g}" if type(cell) is float and -1e15 < cell < 1e15 and (cell > 1e-4 or cell < -1e-4)
                else shown.get(cell) or _shown(cell, shown) for cell in cells
            ]  # fmt: skip
            for at in commas:
                if at < len(row) and type(cells[at]) is str:
                    row[at] = row[at].translate(_TO_POINT)
            yield number, row

    for event in Table(layout, body).events():
        if not first:
            if isinstance(event, StatementStart | StatementEnd):
                event.number = event.number or name  # two sheets of one account are two statements
            if type(event) is not StatementEnd:
                event.position = f"{name}!{event.position}"
        yield event


def _shown(cell: object, shown: dict[object, str]) -> str:
    text = cell_text(cell)
    if isinstance(cell, date) and len(shown) < MAX_SHOWN:  # a datetime is one too
        shown[cell] = text
    return text


def _comma_columns(rows: list[list[object]], layout: Layout) -> list[int]:
    """Columns where numbers stand beside amounts typed as text with a decimal comma: the text is brought to the numbers' form."""
    places = {at for name in ("amount", "credit", "debit", "gross", "fee", "net", "balance") if (at := layout.columns.get(name)) is not None}
    sample = rows[layout.header_row + 1 :][:SAMPLE_ROWS]
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
