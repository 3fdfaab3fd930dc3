"""Calls of database functions that run thousands of times a second: bound by the server and prepared where that is safe."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings


def cursor(connection: Any) -> psycopg.Cursor:
    """A cursor beside Django's own, which bind on the client and are not touched by this."""
    # These calls may come from outside Django's request cycle, which looks after broken and aged connections otherwise.
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
    connection.ensure_connection()
    raw = connection.connection
    if settings.EMBEDDED and raw.prepare_threshold is None:
        # Poolers in transaction mode may not know prepared statements; our own server does.
        raw.prepare_threshold = 5
    return psycopg.Cursor(raw)
