"""Streams a finished run as one JSON document; each match is a line of it, and none is held in memory.

Most matches are plain pairs: Postgres sends their bare cells and Python writes the JSON around them, each on its own
processor. Everything else Postgres writes as whole JSON objects.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from payos.kernel import sqlfile

SECTIONS = {"matches": ("similar", "groups"), "suggestions": ("suggestions",), "discrepancies": ("discrepancies",)}
REFERENCE_IS = ("", "the same", "the same but for form", "our id", "in the text", "the same but for a prefix")
JOINED = 1 << 19
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
ESCAPE = re.compile(r"\\(.)")
ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def write(connection: psycopg.Connection, out: Callable[[bytes], object], summary: Callable[[], dict[str, Any]]) -> None:
    out(b"{")
    for section, parts in SECTIONS.items():
        out(f'"{section}":['.encode())
        mark = b"\n"
        if section == "matches":
            for text in plain_pairs(connection):
                out(mark + text)
                mark = b",\n"
        for part in parts:
            for text in objects(connection, part):
                out(mark + text)
                mark = b",\n"
        out(b"\n],\n")
    out(b'"summary":' + json.dumps(summary(), sort_keys=True).encode() + b"}\n")


def objects(connection: psycopg.Connection, part: str) -> Iterator[bytes]:
    """JSON objects as Postgres wrote them, joined by commas. COPY doubles backslashes; JSON text has no raw line ends."""
    for block in _lines(connection, part):
        yield block.replace(b"\\\\", b"\\").replace(b"\n", b",\n")


def _lines(connection: psycopg.Connection, part: str) -> Iterator[bytes]:
    """Whole rows of COPY's text format, half a megabyte at a time."""
    query = sqlfile.load(__file__, f"json_{part}.sql")
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:  # type: ignore[arg-type]
        rows: list[bytes] = []
        size = 0
        for row in copy:
            rows.append(bytes(row))
            size += len(row)
            if size > JOINED:
                yield b"".join(rows)[:-1]
                rows, size = [], 0
        if rows:
            yield b"".join(rows)[:-1]


def plain_pairs(connection: psycopg.Connection) -> Iterator[bytes]:
    for block in _lines(connection, "plain"):
        text = block.decode()
        # Only a null fee is written with a backslash in a block that needs no escapes.
        simple = '"' not in text and text.count("\\") == text.count("\\N") and not CONTROL.search(text)
        yield ",\n".join(_plain(row.split("\t"), simple) for row in text.split("\n")).encode()


def _plain(cells: list[str], simple: bool) -> str:
    mine, theirs, reference, level, method, confidence, kind, days, rivals, difference, fee = cells
    if simple:
        mine, theirs, reference = f'"{mine}"', f'"{theirs}"', f'"{reference}"'
    else:
        mine, theirs, reference = _quoted(mine), _quoted(theirs), _quoted(reference)
    cost = "" if fee == "\\N" else f',"fee_minor":{fee}'
    return (
        f'{{"internal":[{mine}],"external":[{theirs}],"level":{level},"method":"{method}","confidence":{confidence},'
        f'"reason":{{"reference":{reference},"reference_is":"{REFERENCE_IS[int(kind)]}","days":{days},"rivals":{rivals}{cost}}},'
        f'"difference_minor":{difference}}}'
    )


def _quoted(cell: str) -> str:
    return json.dumps(ESCAPE.sub(lambda found: ESCAPED.get(found[1], found[1]), cell), ensure_ascii=False)
