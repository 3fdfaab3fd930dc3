"""The call to `ledger_post`, as close to the server as the client library goes.

On the embedded server the statement is prepared once a connection and its values, which are text already, go out as they
are: no query to rewrite, no value to adapt, no row to make. Everything that makes a wait safe stays the library's own:
interruption, errors, the connection's lock. Poolers in transaction mode may not know prepared statements, and inside a
transaction the library has to begin it: there the call goes through an ordinary cursor.
"""

from __future__ import annotations

import uuid
import weakref
from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import errors, generators, pq

Parameters = Sequence[str | None]
Row = tuple[int, uuid.UUID, bool]

TYPES = (
    "text[]", "uuid[]", "uuid[]", "boolean[]", "text[]", "text[]", "timestamptz[]", "timestamptz", "text[]", "text[]", "text[]", "text[]",
    "uuid[]", "uuid[]", "timestamptz[]", "text[]", "int[]", "smallint[]", "uuid[]", "bigint[]", "smallint[]", "text",
)  # fmt: skip
CALL = f"SELECT ordinal, existing, same FROM ledger_post({', '.join(f'%s::{name}' for name in TYPES)})"  # nosec B608 # type names written above
NUMBERED = f"SELECT ordinal, existing, same FROM ledger_post({', '.join(f'${n}::{name}' for n, name in enumerate(TYPES, 1))})".encode()  # nosec B608 # type names written above
NAME = b"payos_ledger_post"
DONE = frozenset({pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK})

_prepared: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()


def prepared(raw: psycopg.Connection[Any], parameters: Parameters) -> list[Row]:
    """For a connection that commits by itself: the call is its own transaction."""
    values = [None if value is None else value.encode() for value in parameters]
    with raw.lock:
        try:
            return _run(raw, values)
        except errors.InvalidSqlStatementName:  # nothing was executed: somebody threw the connection's statements away
            _prepared.discard(raw)
            return _run(raw, values)


def _run(raw: psycopg.Connection[Any], values: list[bytes | None]) -> list[Row]:
    server = raw.pgconn
    if raw not in _prepared:
        server.send_prepare(NAME, NUMBERED)
        _result(raw)
        _prepared.add(raw)
    server.send_query_prepared(NAME, values)
    result = _result(raw)
    return [
        (int(result.get_value(row, 0) or 0), uuid.UUID((result.get_value(row, 1) or b"").decode()), result.get_value(row, 2) == b"t")
        for row in range(result.ntuples)
    ]


def _result(raw: psycopg.Connection[Any]) -> Any:
    result = raw.wait(generators.execute(raw.pgconn))[-1]
    if result.status not in DONE:
        raise errors.error_from_result(result)
    return result
