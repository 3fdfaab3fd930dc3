"""Many rows in one statement, handed over as one JSON document that Postgres takes apart.

Django's bulk_create prepares every value of every row by itself and bulk_update writes a CASE per field and row; an array
of JSON texts is escaped quote by quote. One document costs a fraction of either, and the table's own types read it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection, models

from payos.kernel.crypto import EncryptedTextField, encrypt


def insert(model: type[models.Model], objects: Iterable[Any]) -> None:
    """Insert unsaved objects with all their columns; the caller has set what databases or save() would fill in."""
    fields: list[tuple[str, str, bool]] = [
        (str(field.column), field.attname, isinstance(field, EncryptedTextField))
        for field in model._meta.concrete_fields
        if not _own(field)
    ]
    rows = [
        {column: encrypt(value) if sealed and value else value for column, name, sealed in fields for value in (getattr(one, name),)}
        for one in objects
    ]
    insert_rows(model, rows, [column for column, _, _ in fields])


def _own(field: Any) -> bool:
    return isinstance(field, models.BigAutoField)


@contextmanager
def together() -> Iterator[None]:
    """Statements in here are sent without waiting for each other: the server works on one while the next is written.

    What one of them is refused is raised at the end of the block, and nothing in it may ask for an answer.
    """
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    connection.apply_scope()  # type: ignore[attr-defined]
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


def insert_rows(
    model: type[models.Model], rows: Sequence[dict[str, Any]], columns: Sequence[str], same: dict[str, Any] | None = None
) -> None:
    """Rows by column name, in this order. What is the same in all of them (`same`, and what is found to be) is sent and read once."""
    if not rows:
        return
    table, alike = model._meta.db_table, same or {}
    own = [column for column in columns if column not in alike]
    if len(rows) > 1:
        alike = alike | {column: rows[0][column] for column in own if _everywhere(column, rows)}
        own = [column for column in own if column not in alike]
        rows = [{column: row[column] for column in own} for row in rows]
    names = ", ".join(f'"{column}"' for column in [*own, *alike])
    taken = ", ".join([*(f'n."{column}"' for column in own), *(f'c."{column}"' for column in alike)])
    execute(
        f'INSERT INTO "{table}" ({names}) SELECT {taken} FROM json_populate_recordset(NULL::"{table}", %s::json) WITH ORDINALITY AS n,'  # nosec B608 # table and columns come from the model
        f' json_populate_record(NULL::"{table}", %s::json) AS c ORDER BY n.ordinality',
        [json.dumps(rows, default=str), json.dumps(alike, default=str)],
    )


def _everywhere(column: str, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether all rows have one value there. Documents are compared only when empty: to Python 1 and true are equal inside them."""
    value = rows[0][column]
    if isinstance(value, list | dict) and value:
        return False
    return all(row[column] == value for row in rows)


def execute(sql: str, parameters: Sequence[Any] | Mapping[str, Any]) -> None:
    """Bound by the server: a document of a megabyte is not quoted into a statement and lexed out of it again."""
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    connection.apply_scope()  # type: ignore[attr-defined]
    with connection.wrap_database_errors:
        psycopg.Cursor(connection.connection).execute(sql, parameters)


def update(model: type[models.Model], objects: Iterable[Any], names: Sequence[str]) -> None:
    """Write these fields of objects that exist; the caller holds their rows."""
    fields = [model._meta.get_field(name) for name in names]
    rows = [{"id": one.pk} | {field.column: getattr(one, field.attname) for field in fields} for one in objects]  # type: ignore[union-attr]
    if not rows:
        return
    table = model._meta.db_table
    sets = ", ".join(f'"{field.column}" = n."{field.column}"' for field in fields)  # type: ignore[union-attr]
    execute(
        f'UPDATE "{table}" AS t SET {sets} FROM json_populate_recordset(NULL::"{table}", %s::json) AS n WHERE t.id = n.id',  # nosec B608 # table and columns come from the model
        [json.dumps(rows, default=str)],
    )
