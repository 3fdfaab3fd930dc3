"""Advisory locks that end with the transaction, taken in sorted order. They work behind PgBouncer."""

from __future__ import annotations

import hashlib

from django.db import connection


def number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def advisory_xact_lock(*names: str) -> None:
    """Wait for all of them; sorted, so that two callers never wait for each other."""
    with connection.cursor() as cursor:
        for value in sorted({number(name) for name in names}):
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [value])


def try_advisory_xact_lock(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number(name)])
        return bool(cursor.fetchone()[0])
