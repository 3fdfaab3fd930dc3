"""Streams a finished run as one JSON document; each match is a line of it, and none is held in memory.

Postgres writes the objects, so Python only passes blocks on. COPY's text format doubles backslashes; JSON text holds
no raw line ends or tabs, so undoing that is one replacement.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg

from payos.kernel import sqlfile

SECTIONS = {"matches": ("pairs", "groups"), "suggestions": ("suggestions",), "discrepancies": ("discrepancies",)}


def write(connection: psycopg.Connection, out: Callable[[bytes], object], summary: Callable[[], dict[str, Any]]) -> None:
    out(b"{")
    for section, parts in SECTIONS.items():
        out(f'"{section}":['.encode())
        first = True
        for part in parts:
            query = sqlfile.load(__file__, f"json_{part}.sql")
            with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT") as copy:  # type: ignore[arg-type]
                # Every block ends with a whole row.
                for block in copy:
                    lines = bytes(block).replace(b"\\\\", b"\\").rstrip(b"\n")
                    out((b"\n" if first else b",\n") + lines.replace(b"\n", b",\n"))
                    first = False
        out(b"\n],\n")
    out(b'"summary":' + json.dumps(summary(), sort_keys=True).encode() + b"}\n")
