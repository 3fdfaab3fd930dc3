"""Re-encrypts what older field keys wrote, so that they can be taken out of PAYOS_FIELD_KEYS.

Every `EncryptedTextField` of every table is walked in bounded batches, each its own transaction with its rows locked:
it can run beside the product, be stopped at any moment and be started again. What is kept elsewhere (a secret
inside a JSON column of a library) is added with `register`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.apps import apps
from django.db import connection, transaction
from psycopg import sql

from payos.kernel import crypto, tenancy

BATCH = 500
Extra = Callable[[], int]
_extras: dict[str, Extra] = {}


@dataclass(frozen=True, slots=True)
class Column:
    table: str
    key: str
    name: str
    append_only: bool


def register(name: str, function: Extra) -> None:
    """`function()` re-encrypts what it keeps and returns how many values it changed."""
    _extras[name] = function


def columns() -> Iterator[Column]:
    for model in apps.get_models(include_auto_created=True):
        if model._meta.proxy or not model._meta.managed:
            continue
        for field in model._meta.local_concrete_fields:
            if isinstance(field, crypto.EncryptedTextField):
                key = str(model._meta.pk.column) if model._meta.pk else "id"
                yield Column(model._meta.db_table, key, str(field.column), bool(getattr(model, "append_only", False)))


def rotate(tell: Callable[[str], None]) -> dict[str, int]:
    """Re-encrypt everything under the newest key; returns what is left under older ones, by column."""
    left: dict[str, int] = {}
    with tenancy.platform_scope(actor="command:rotate_field_keys", reason="field key rotation"):
        for column in columns():
            name = f"{column.table}.{column.name}"
            if column.append_only:
                # Nobody may rewrite these, this command neither: their key stays in PAYOS_FIELD_KEYS.
                left[name] = _count_old(column)
                continue
            total = 0
            while changed := _batch(column):
                total += changed
            left[name] = _count_old(column)
            tell(f"{name}: {total} re-encrypted")
        for name, function in _extras.items():
            tell(f"{name}: {function()} re-encrypted")
    return {name: count for name, count in left.items() if count}


def _old(column: Column) -> sql.Composed:
    current = f"{crypto.MARK}{crypto.current_key_id()}:%"
    return sql.SQL("{} LIKE {} AND {} NOT LIKE {}").format(
        sql.Identifier(column.name), sql.Literal(crypto.MARK + "%"), sql.Identifier(column.name), sql.Literal(current)
    )


def _count_old(column: Column) -> int:
    statement = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(sql.Identifier(column.table), _old(column))
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def _batch(column: Column) -> int:
    names = {"table": sql.Identifier(column.table), "key": sql.Identifier(column.key), "name": sql.Identifier(column.name)}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT {key}, {name} FROM {table} WHERE {old} ORDER BY {key} LIMIT {limit} FOR UPDATE").format(
                **names, old=_old(column), limit=sql.Literal(BATCH)
            )
        )
        rows = cursor.fetchall()
        update = sql.SQL("UPDATE {table} SET {name} = %s WHERE {key} = %s").format(**names)
        for key, value in rows:
            cursor.execute(update, [crypto.encrypt(crypto.decrypt(value)), key])
        return len(rows)
