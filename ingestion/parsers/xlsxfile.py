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
from typing import BinaryIO, cast

from python_calamine import CalamineError, load_workbook

from ingestion.parsers.layout import SAMPLE_ROWS, Layout, find
from ingestion.parsers.profiles import Profile
from ingestion.parsers.records import Events, Flag, Unreadable
from ingestion.parsers.tabular import Row, Table
from ingestion.parsers.values import Numbers, cell_text, decimal_mark

VERSION = "2"
MAX_FILE = 64 << 20
MAX_UNPACKED = 512 << 20
MAX_ENTRIES = 2000
MAX_CELLS = 40_000_000
MAX_OLD_XLS = 16 << 20
CHUNK = 1 << 20

_TO_POINT = str.maketrans({".": None, ",": "."})
_WIDE = re.compile(rb"""r\s*=\s*["']\$?([A-Za-z]{2,8})\$?\d""")
_TALL = re.compile(rb"""r\s*=\s*["']\$?[A-Za-z]{0,8}\$?(\d{6,12})["']""")
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
    """Events of a workbook: the first sheet that holds a table, or the one the profile names."""
    measure(file)
    workbook = Workbook(file)
    problem = ""
    for name in ([profile.sheet] if profile and profile.sheet else workbook.names)[:50]:
        try:
            rows = workbook.rows(name)
            layout = _layout(rows, profile) if rows else None
        except Unreadable as error:
            problem = problem or f"sheet {name!r}: {error}"
            continue
        if layout is not None:
            break
    else:
        raise Unreadable(problem or "the workbook has no sheet with rows")
    assert layout is not None
    start = layout.header_row + 1
    commas = _comma_columns(rows, layout)

    def body() -> Iterable[Row]:
        for number in range(start, len(rows)):
            row = [cell if type(cell) is str else cell_text(cell) for cell in rows[number]]
            for at in commas:
                if at < len(row) and type(rows[number][at]) is str:
                    row[at] = row[at].translate(_TO_POINT)
            yield number + 1, row

    yield from Table(layout, body).events()
    others = [other for other in workbook.names if other != name]
    if others:
        yield Flag(name, "other_sheets", f"only sheet {name!r} was read; there are also {', '.join(others)[:200]}")


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
