"""Turns the declarations on the models into grants, row-level security and audit triggers.

Run by `manage.py migrate` as the owner, after the migrations, every time: it is idempotent, so a policy can
never drift from its model. The application role gets nothing that a model does not declare, and no grant at
all on partitions (a partition read directly would obey its own policies, not its parent's).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections, models, transaction
from psycopg import sql

# Evaluated once per statement, not per row: each current_setting stands in a scalar subselect. After
# SET LOCAL an unset setting reads '' and not NULL in the same session, hence NULLIF.
POLICY = """
    (SELECT current_setting('payos.platform', true)) = 'on'
    OR ({column} = (SELECT NULLIF(current_setting('payos.tenant', true), '')::uuid){mode})
"""
MODE = """
    AND ((SELECT COALESCE(current_setting('payos.livemode', true), '')) = ''
         OR livemode = (SELECT NULLIF(current_setting('payos.livemode', true), '')::boolean))
"""
AUDITED_UPDATE = "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS was NEW TABLE AS now FOR EACH STATEMENT"


def secured_models() -> list[type[models.Model]]:
    """Every table of the project, each once, in a stable order."""
    seen: dict[str, type[models.Model]] = {}
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and not getattr(model, "is_view", False):
            seen.setdefault(model._meta.db_table, model)
    return [seen[table] for table in sorted(seen)]


def tenant_models() -> list[type[models.Model]]:
    return [model for model in secured_models() if getattr(model, "rls", None)]


_after: list[Callable[[str], None]] = []


def after_synchronise(function: Callable[[str], None]) -> None:
    """Call `function(alias)` after each synchronisation: roles are made to agree with the matrix that way."""
    if function not in _after:
        _after.append(function)


def synchronise(using: str = "owner", tables: Iterable[type[models.Model]] | None = None) -> int:
    """Apply every declaration; returns how many tables were covered."""
    role = settings.PAYOS_APP_ROLE
    covered = 0
    with connections[using].cursor() as cursor:
        cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(role)))
        cursor.execute(sql.SQL("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {}").format(sql.Identifier(role)))
        # What /readyz compares with the migrations on disk.
        cursor.execute(sql.SQL("GRANT SELECT ON django_migrations TO {}").format(sql.Identifier(role)))
        existing = set(connections[using].introspection.table_names(cursor, include_views=True))
        for model in tables or secured_models():
            if model._meta.db_table in existing:
                # One transaction a table: no moment without its policy, and no long queue of locks.
                with transaction.atomic(using=using):
                    _secure(cursor, model, role)
                covered += 1
    for function in _after:
        function(using)
    return covered


def _secure(cursor: Any, model: type[models.Model], role: str) -> None:
    table = sql.Identifier(model._meta.db_table)
    who = sql.Identifier(role)
    rights = getattr(model, "grants", None)
    if rights is None:
        rights = "SELECT, INSERT" if getattr(model, "append_only", False) else "SELECT, INSERT, UPDATE, DELETE"
    cursor.execute(sql.SQL("REVOKE ALL ON {} FROM {}").format(table, who))
    if rights:
        cursor.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(rights), table, who))
    column = getattr(model, "rls", None)
    cursor.execute(sql.SQL("DROP POLICY IF EXISTS payos_tenant ON {}").format(table))
    if column:
        has_mode = any(field.column == "livemode" for field in model._meta.local_concrete_fields)
        condition = POLICY.format(column=f'"{column}"', mode=MODE if has_mode else "")
        cursor.execute(sql.SQL("ALTER TABLE {} ENABLE ROW LEVEL SECURITY").format(table))
        open_insert = getattr(model, "rls_open_insert", False)
        cursor.execute(
            sql.SQL("CREATE POLICY payos_tenant ON {} FOR {} TO {} USING ({}) {}").format(
                table,
                sql.SQL("SELECT" if open_insert else "ALL"),
                who,
                sql.SQL(condition),
                sql.SQL("" if open_insert else f"WITH CHECK ({condition})"),
            )
        )
        cursor.execute(sql.SQL("DROP POLICY IF EXISTS payos_add ON {}").format(table))
        if open_insert:
            cursor.execute(sql.SQL("CREATE POLICY payos_add ON {} FOR INSERT TO {} WITH CHECK (true)").format(table, who))
    else:
        cursor.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table))
    _audit(cursor, model, table)


def _audit(cursor: Any, model: type[models.Model], table: sql.Identifier) -> None:
    for event in ("insert", "update", "delete"):
        name = sql.Identifier(f"payos_audit_{event}")
        cursor.execute(sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(name, table))
    mode = getattr(model, "audit", None)
    if not mode:
        return
    state = getattr(model, "audit_field", "state")
    run = sql.SQL("EXECUTE FUNCTION kernel_audit_{}({}, {})")
    arguments = (sql.Literal(mode), sql.Literal(state))
    cursor.execute(
        sql.SQL("CREATE TRIGGER payos_audit_update " + AUDITED_UPDATE + " ").format(table=table) + run.format(sql.SQL("update"), *arguments)
    )
    if mode == "all":
        for event, alias in (("insert", "NEW TABLE AS now"), ("delete", "OLD TABLE AS was")):
            cursor.execute(
                sql.SQL("CREATE TRIGGER {} AFTER {} ON {} REFERENCING {} FOR EACH STATEMENT ").format(
                    sql.Identifier(f"payos_audit_{event}"), sql.SQL(event.upper()), table, sql.SQL(alias)
                )
                + run.format(sql.SQL(event), *arguments)
            )
