"""What a workbook may be at most, measured before anybody reads it: archives that unpack to more than `MAX_UNPACKED`, and sheets
whose corner cells would make a table of more than `MAX_CELLS`, are refused.

Every part is unpacked once for this, in pieces; the pieces of a sheet are handed to a `SheetReader` on the way.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from typing import BinaryIO

from ingestion.parsers.records import Unreadable
from ingestion.parsers.sheet_shapes import MAX_HELD, SheetReader

MAX_FILE = 64 << 20
MAX_UNPACKED = 512 << 20
MAX_ENTRIES = 2000
MAX_CELLS = 40_000_000
MAX_OLD_XLS = 16 << 20
CHUNK = 1 << 17

_WIDE = re.compile(rb"""r\s*=\s*["']\$?([A-Za-z]{2,8})\$?\d""")
_TALL = re.compile(rb"""r\s*=\s*["']\$?[A-Za-z]{0,8}\$?(\d{6,12})["']""")
# As every program writes it; anything else is looked at twice.
_FAR = re.compile(rb"""r="\$?(?:[A-Za-z]{2}|[A-Za-z]?\$?\d{6})|r=\s|r\s+=""")
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml\Z", re.IGNORECASE)


def measure(file: BinaryIO) -> dict[str, SheetReader]:
    """Refuse a workbook that would not fit, without unpacking more than the bound; the sheets that could be read on the way, by part."""
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
        return {}
    try:
        sheets = _measure_archive(file)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise Unreadable(f"not a workbook: {error}") from None
    file.seek(0)
    return sheets


def _measure_archive(file: BinaryIO) -> dict[str, SheetReader]:
    archive = zipfile.ZipFile(file)
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Unreadable(f"the workbook has {len(entries)} parts, at most {MAX_ENTRIES} are read")
    if sum(entry.file_size for entry in entries) > MAX_UNPACKED:
        raise Unreadable(f"the workbook unpacks to more than {MAX_UNPACKED >> 20} MiB; it is refused")
    if not any(entry.filename.lower().startswith("xl/") for entry in entries):
        raise Unreadable("a zip archive, but not an Excel workbook: extract it first")
    budget = MAX_UNPACKED
    sheets: dict[str, SheetReader] = {}
    held = 0
    once = len({entry.filename.lower() for entry in entries}) == len(entries)
    for entry in entries:
        # The stated size may lie: what counts is what comes out.
        reader = SheetReader() if once and _SHEET.search(entry.filename) else None
        if reader is not None and held > MAX_HELD:
            reader.fail("others are large already")
        budget -= _unpack(file, entry, budget, reader)
        if reader is not None and reader.close():
            held += reader.held
            sheets[entry.filename] = reader
    return sheets


def _unpack(file: BinaryIO, entry: zipfile.ZipInfo, budget: int, sheet: SheetReader | None) -> int:
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
    check = 0
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
        if sheet is not None and text:
            sheet.feed(text)
            check = zlib.crc32(text, check)
            text = tail + text
            tail = text[-64:]
            if sheet.reading:  # its rows are known to the cell
                wide, tall = max(wide, sheet.widest), max(tall, int(sheet.highest))
                text = b""
            if _FAR.search(text) or b" =" in text or b"= " in text or b"='" in text:
                for match in _WIDE.finditer(text):
                    wide = max(wide, _column(match[1]))
                for match in _TALL.finditer(text):
                    tall = max(tall, int(match[1]))
            if wide * tall > MAX_CELLS and (wide > 702 or tall > 1_048_576 or wide * tall > 20 * MAX_CELLS):
                raise Unreadable(f"the sheet spans {wide} columns and up to {tall} rows; a statement does not: export it as CSV")
        if not stored and inflate.eof:
            break
    if sheet is not None and (check != entry.CRC or total != entry.file_size or not (stored or inflate.eof)):
        sheet.fail("the part is not what the archive says")
    return total


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
