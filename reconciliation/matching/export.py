"""Streams a finished run as one JSON document; each match is a line of it, and none is held in memory.

Postgres writes whole JSON objects; Python only joins them. The parts stand in the order in which the levels run, so that
a run in a schema of its own writes what is settled in another session while it goes on matching the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from payos.kernel import sqlfile

SECTIONS = {"matches": ("exact", "plain", "similar", "groups"), "suggestions": ("suggestions",), "discrepancies": ("discrepancies",)}
JOINED = 1 << 19
Out = Callable[[bytes], object]


class Writer:
    """The parts of one document in order. `simple`: no id or reference holds a character that JSON escapes."""

    def __init__(self, out: Out, *, simple: bool = False) -> None:
        self.out = out
        self.simple = simple
        self.mark = b""
        self.written: set[str] = set()

    def part(self, connection: psycopg.Connection, part: str) -> None:
        """One part of a section; the first opens it."""
        section = next(name for name, parts in SECTIONS.items() if part in parts)
        if not self.written.intersection(SECTIONS[section]):
            self.out(f'{"" if self.written else "{"}"{section}":['.encode())
            self.mark = b"\n"
        self.written.add(part)
        for text in objects(connection, part, self.simple):
            self.out(self.mark + text)
            self.mark = b",\n"

    def finish(self, connection: psycopg.Connection, summary: Callable[[], dict[str, Any]]) -> None:
        for parts in SECTIONS.values():
            for part in parts:
                if part not in self.written:
                    self.part(connection, part)
            self.out(b"\n],\n")
        self.out(b'"summary":' + json.dumps(summary(), sort_keys=True).encode() + b"}\n")


def write(connection: psycopg.Connection, out: Out, summary: Callable[[], dict[str, Any]]) -> None:
    Writer(out).finish(connection, summary)


def objects(connection: psycopg.Connection, part: str, simple: bool = False) -> Iterator[bytes]:
    """JSON objects as Postgres wrote them, joined by commas, half a megabyte at a time."""
    name, table = {"exact": ("plain", "recon_exact"), "plain": ("plain", "ONLY recon_pair")}.get(part, (part, ""))
    query = sqlfile.load(__file__, f"json_{name}.sql")
    if name == "plain":
        cells = {cell: f"'\"' || {cell} || '\"'" if simple else f"to_json({cell})" for cell in ("i_id", "e_id", "reference")}
        query = query.format(table=table, **cells)
    # In the binary format nothing is escaped, so the text arrives as it will be written.
    with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:  # type: ignore[arg-type]
        copy.set_types(["text"])
        rows: list[str] = []
        size = 0
        for (row,) in copy.rows():
            rows.append(row)
            size += len(row)
            if size > JOINED:
                yield ",\n".join(rows).encode()
                rows, size = [], 0
        if rows:
            yield ",\n".join(rows).encode()
