"""Law 7 over every table with a tenant, with rows of two tenants in each: raw SQL, as the application role.

The rows are made up by the superuser in one transaction that is rolled back: foreign keys, checks and triggers
are off, so that a row can stand in any table. What is tested is what the application role may then do.
"""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest
from django.conf import settings
from django.db import connections
from psycopg import sql

from payos.kernel import ids, security
from tests.conftest import superuser_url

pytestmark = pytest.mark.django_db
TABLES = sorted(model._meta.db_table for model in security.tenant_models())
VALUES = {
    "uuid": lambda: ids.uuid7(),
    "bool": lambda: False,
    "date": lambda: "2026-11-01",
    "timestamptz": lambda: "2026-11-01T00:00:00Z",
    "jsonb": lambda: "{}",
    "inet": lambda: "127.0.0.1",
    "bytea": lambda: uuid.uuid4().bytes,
    "int2": lambda: 1,
    "int4": lambda: 1,
    "numeric": lambda: 1,
    "float8": lambda: 1.0,
    "interval": lambda: "1 day",
    "time": lambda: "12:00",
    "daterange": lambda: "[2026-01-01,2026-02-01)",
    "tstzrange": lambda: "[2026-01-01,2026-02-01)",
    "bpchar": lambda: "x",
}
counter = iter(range(1, 10**6))


@pytest.fixture
def server(db):
    name = connections["default"].settings_dict["NAME"]
    with psycopg.connect(superuser_url(name)) as connection:
        connection.execute("SET LOCAL lock_timeout = '20s'")
        connection.execute("SET LOCAL session_replication_role = replica")
        yield connection
        connection.rollback()


def columns(server, table):
    return server.execute(
        "SELECT a.attname, t.typname, a.atttypmod, a.attnotnull, a.atthasdef OR a.attgenerated <> '' OR a.attidentity <> ''"
        " FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid"
        " WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped",
        [table],
    ).fetchall()


def add_row(server, table, column, tenant):
    values = {}
    for name, kind, size, required, has_default in columns(server, table):
        if name == column:
            values[name] = tenant
        elif name == "livemode":
            values[name] = False
        elif required and not has_default:
            if kind.startswith("_"):
                values[name] = []
            elif kind in {"text", "varchar"}:
                text = f"x{next(counter)}"
                values[name] = text[: size - 4] if size > 4 else text
            elif kind == "int8":
                values[name] = next(counter)
            else:
                values[name] = VALUES[kind]()
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, values)), sql.SQL(", ").join(sql.Placeholder() * len(values))
    )
    server.execute(statement, list(values.values()))
    return values


def free_of_checks(server, table):
    rows = server.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass AND contype IN ('c', 'x')", [table]).fetchall()
    for (name,) in rows:
        server.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(sql.Identifier(table), sql.Identifier(name)))


def act(server, *, tenant="", platform="", livemode=""):
    server.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(settings.PAYOS_APP_ROLE)))
    for name, value in (("tenant", tenant), ("platform", platform), ("livemode", livemode)):
        server.execute("SELECT set_config(%s, %s, true)", [f"payos.{name}", str(value)])


def attempt(server, statement, params=()):
    """How many rows it touched, or None where it was refused."""
    server.execute("SAVEPOINT attempt")
    try:
        count = server.execute(statement, params).rowcount
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.CheckViolation):
        server.execute("ROLLBACK TO SAVEPOINT attempt")
        return None
    server.execute("ROLLBACK TO SAVEPOINT attempt")
    return count


@pytest.mark.parametrize("table", TABLES)
def test_nothing_of_another_tenant_is_seen_or_touched(server, table):
    model = next(m for m in security.tenant_models() if m._meta.db_table == table)
    column = model.rls
    mine, other = ids.uuid7(), ids.uuid7()
    free_of_checks(server, table)
    made = add_row(server, table, column, mine)
    add_row(server, table, column, other)
    name, key = sql.Identifier(table), sql.Identifier(column)
    select = sql.SQL("SELECT {} FROM {}").format(key, name)

    act(server, tenant=mine)
    assert {row[0] for row in server.execute(select).fetchall()} == {mine}
    assert not server.execute(select + sql.SQL(" WHERE {} = %s").format(key), [other]).fetchall()
    assert server.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()[0] >= 1
    foreign = sql.SQL(" WHERE {} = %s").format(key)
    assert attempt(server, sql.SQL("UPDATE {} SET {} = {}").format(name, key, key) + foreign, [other]) in {0, None}
    assert attempt(server, sql.SQL("DELETE FROM {}").format(name) + foreign, [other]) in {0, None}
    if not getattr(model, "rls_open_insert", False):
        # Its own row cannot be given away.
        assert attempt(server, sql.SQL("UPDATE {} SET {} = %s").format(name, key), [other]) is None

    if any(row[0] == "livemode" for row in columns(server, table)) and "livemode" in made:
        act(server, tenant=mine, livemode="true")
        assert not server.execute(select).fetchall()
        act(server, tenant=mine, livemode="false")
        assert server.execute(select).fetchall()

    for nothing in ({}, {"tenant": uuid.uuid4()}, {"platform": "off"}, {"platform": "true"}):
        act(server, **nothing)
        assert not server.execute(select).fetchall(), nothing
        assert attempt(server, sql.SQL("DELETE FROM {}").format(name)) in {0, None}

    act(server, platform="on")
    assert {row[0] for row in server.execute(select).fetchall()} >= {mine, other}


# The audit trail takes a line from anyone.
OPEN = {model._meta.db_table for model in security.tenant_models() if getattr(model, "rls_open_insert", False)}


@pytest.mark.parametrize("table", sorted(set(TABLES) - OPEN))
def test_a_row_for_another_tenant_is_refused_by_every_table(server, table):
    model = next(m for m in security.tenant_models() if m._meta.db_table == table)
    free_of_checks(server, table)
    mine, other = ids.uuid7(), ids.uuid7()
    act(server, tenant=mine)
    for tenant in (other, None):
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.NotNullViolation)), server.transaction():
            add_row(server, table, model.rls, tenant)


# Functions that run as their owner, each read for how it keeps tenants apart; a new one is added here after reading it.
DEFINERS = {
    "ledger_post": "refuses accounts of a tenant other than payos.tenant unless payos.platform is on",
    "ledger_seal_next": "works on whole chains, takes no tenant and gives back a count",
    "webhooks_forget": "deletes by age alone and gives back a count",
    "ingestion_make_partition": "makes a table and reads no row",
    "ingestion_detach_partition": "detaches a table and reads no row",
}


def test_no_view_and_no_function_walks_past_the_policies(server):
    """A view runs as its owner unless it says otherwise, and a SECURITY DEFINER function always does."""
    views = server.execute(
        "SELECT c.relname, c.reloptions FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = 'public' AND c.relkind IN ('v', 'm') AND has_table_privilege(%s, c.oid, 'SELECT')"
        " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')",
        [settings.PAYOS_APP_ROLE],
    ).fetchall()
    for name, options in views:
        assert "security_invoker=true" in (options or []), f"the view {name} shows every tenant's rows"
    definers = server.execute(
        "SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'public' AND p.prosecdef AND has_function_privilege(%s, p.oid, 'EXECUTE')"
        " AND p.prorettype <> 'trigger'::regtype",
        [settings.PAYOS_APP_ROLE],
    ).fetchall()
    unread = {name for (name,) in definers} - set(DEFINERS)
    assert not unread, f"runs as its owner, past every policy, and nobody has read it: {unread}"


def test_partitions_are_not_open_beside_their_parent(server):
    open_ones = server.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relispartition AND c.relkind IN ('r', 'p') AND has_table_privilege(%s, c.oid, 'SELECT')",
        [settings.PAYOS_APP_ROLE],
    ).fetchall()
    assert not open_ones, json.dumps([name for (name,) in open_ones])
