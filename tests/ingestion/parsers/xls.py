"""Old Excel files (.xls: BIFF8 records in an OLE2 container), written by hand because no writer of them is left."""

from __future__ import annotations

import struct
from datetime import date

Cell = str | int | float | date | None
SECTOR = 512
GENERAL, DAY = 0, 1
END_OF_CHAIN, FREE, FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def text(value: str, width: str = "<H") -> bytes:
    return struct.pack(width, len(value)) + b"\x01" + value.encode("utf-16-le")


def begin(kind: int) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", 0x0600, kind, 0x0DBB, 0x07CC, 0, 6))


def cell(row: int, column: int, value: Cell, strings: list[str]) -> bytes:
    at = struct.pack("<HHH", row, column, DAY if isinstance(value, date) else GENERAL)
    if isinstance(value, str):
        if value not in strings:
            strings.append(value)
        return record(0x00FD, at + struct.pack("<I", strings.index(value)))  # LABELSST
    if isinstance(value, date):
        return record(0x0203, at + struct.pack("<d", (value - date(1899, 12, 30)).days))  # NUMBER
    if isinstance(value, int):
        return record(0x027E, at + struct.pack("<I", (value << 2 | 2) & 0xFFFFFFFF))  # RK, an integer
    return record(0x0203, at + struct.pack("<d", value))


def sheet(rows: list[list[Cell]], strings: list[str]) -> bytes:
    wide = max(map(len, rows), default=0)
    cells = b"".join(cell(y, x, value, strings) for y, row in enumerate(rows) for x, value in enumerate(row) if value is not None)
    return begin(0x0010) + record(0x0200, struct.pack("<IIHHH", 0, len(rows), 0, wide, 0)) + cells + record(0x000A)


def workbook(sheets: dict[str, list[list[Cell]]]) -> bytes:
    strings: list[str] = []
    bodies = [sheet(rows, strings) for rows in sheets.values()]
    styles = b"".join(
        record(0x00E0, struct.pack("<HHHBBBBIIH", 0, number, 0, 0, 0, 0, 0, 0, 0, 0)) for number in (0, 14)
    )  # XF: general, a date
    table = record(0x00FC, struct.pack("<II", len(strings), len(strings)) + b"".join(map(text, strings)))
    head = begin(0x0005) + record(0x0042, struct.pack("<H", 1200)) + record(0x0022, b"\0\0") + styles
    bounds = sum(len(record(0x0085, struct.pack("<IH", 0, 0) + text(name, "<B"))) for name in sheets)
    place = len(head) + bounds + len(table) + 4
    names = b""
    for name, body in zip(sheets, bodies, strict=True):
        names += record(0x0085, struct.pack("<IH", place, 0) + text(name, "<B"))
        place += len(body)
    return container(head + names + table + record(0x000A) + b"".join(bodies))


def container(stream: bytes) -> bytes:
    """One stream named Workbook in an OLE2 file: header, allocation table, directory, then the stream."""
    stream = stream.ljust(max(4096, -(-len(stream) // SECTOR) * SECTOR), b"\0")
    count = len(stream) // SECTOR
    if count + 2 > SECTOR // 4:
        raise ValueError("the sample is too large for one allocation sector")
    chain = [FAT, END_OF_CHAIN, *range(3, count + 2), END_OF_CHAIN]
    table = struct.pack(f"<{SECTOR // 4}I", *(chain + [FREE] * (SECTOR // 4 - len(chain))))
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH6xIIIIIIIII", 0x3E, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, END_OF_CHAIN, 0, END_OF_CHAIN, 0)
    )
    header += struct.pack("<109I", 0, *([FREE] * 108))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        wide = (name + "\0").encode("utf-16-le") if name else b""
        return wide.ljust(64, b"\0") + struct.pack("<HBBIII16xIQQIQ", len(wide), kind, 1, FREE, FREE, child, 0, 0, 0, start, size)

    directory = entry("Root Entry", 5, 1, END_OF_CHAIN, 0) + entry("Workbook", 2, FREE, 2, len(stream)) + entry("", 0, FREE, 0, 0) * 2
    return header + table + directory + stream
