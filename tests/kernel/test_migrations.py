"""Migrations: each can be taken back or says that it cannot, old data come through all of them, and none locks a big table for long.

On a scratch database of the same server, made and dropped here.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connections, migrations, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from tests.conftest import superuser_url

OURS = [config.label for config in apps.get_app_configs() if (settings.BASE_DIR / config.name.replace(".", "/") / "migrations").is_dir()]
SCRATCH = "test_payos_migrations"

# Migrations that cannot be taken back, each with why. They raise when somebody tries; everything else is tried below.
ONE_WAY: dict[tuple[str, str], str] = {}
# Up to here every table was young and empty: what these do to a big table does not matter. Later ones are read by the test below.
YOUNG = {
    "kernel": 6,
    "partners": 1,
    "ledger": 4,
    "operations": 6,
    "webhooks": 5,
    "ingestion": 9,
    "settlement": 4,
    "reconciliation": 4,
    "console": 1,
}


@pytest.fixture
def scratch(django_db_setup: Any, django_db_blocker: Any) -> Iterator[str]:
    """An empty database for both roles; the connections of this process lead there meanwhile."""
    with psycopg.connect(superuser_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{SCRATCH}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{SCRATCH}" OWNER payos_owner')
    with psycopg.connect(superuser_url(SCRATCH), autocommit=True) as fresh:
        fresh.execute("ALTER SCHEMA public OWNER TO payos_owner")
        for extension in ("pg_trgm", "btree_gist", "pg_stat_statements"):
            fresh.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    names = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "owner")}

    def lead(to: dict[str, str]) -> None:
        for alias, name in to.items():
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name

    with django_db_blocker.unblock():
        lead(dict.fromkeys(names, SCRATCH))
        try:
            yield SCRATCH
        finally:
            lead(names)
    with psycopg.connect(superuser_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{SCRATCH}" WITH (FORCE)')


def migrate(*to: Any, **options: Any) -> None:
    call_command("migrate", *to, verbosity=0, interactive=False, **options)


def executor() -> MigrationExecutor:
    return MigrationExecutor(connections["owner"])


def schema() -> set[str]:
    """Columns, constraints, indexes, functions, triggers and views, each as text."""
    with psycopg.connect(superuser_url(SCRATCH)) as server:
        found = server.execute("""
            SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
              FROM information_schema.columns WHERE table_schema = 'public'
            UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
            UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
            UNION ALL SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
                AND p.prokind <> 'a' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
            UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
            UNION ALL SELECT 'view ' || viewname || definition FROM pg_views WHERE schemaname = 'public'
        """).fetchall()
    return {re.sub(r"_[0-9a-f]{8}(_|\b)", "_#\\1", row[0]) for row in found}


@pytest.mark.slow
def test_every_migration_can_be_taken_back_and_made_again(scratch: str) -> None:
    migrate()
    before = schema()
    # Only its own apps': what Django and others bring is theirs.
    plan = [key for key in executor().loader.graph._generate_plan(executor().loader.graph.leaf_nodes(), at_end=True) if key[0] in OURS]
    for app in reversed(list(dict.fromkeys(key[0] for key in plan))):
        one_way = [key for key in ONE_WAY if key[0] == app]
        if one_way:
            pytest.fail(f"{one_way}: teach this test to stop there")
        executor().migrate([(app, None)])
    rest = schema()
    left = [line.split("(")[0][:120] for line in rest if re.match(r"(column|function|view) (" + "|".join(OURS) + "|payment)", line)]
    assert not left, f"taken back and still there: {left}"
    migrate()
    after = schema()
    assert before - after == set() and after - before == set(), (sorted(before - after)[:5], sorted(after - before)[:5])


def test_every_migration_says_how_it_is_taken_back() -> None:
    """Whatever has no way back is named above, with its reason; and nothing is named that has one."""
    loader = MigrationLoader(None)
    without = {
        key for key, migration in loader.disk_migrations.items() if key[0] in OURS and not all(op.reversible for op in migration.operations)
    }
    assert without == set(ONE_WAY), "give it a way back, or name it in ONE_WAY with the reason"


# ---- data of the first schema ----

VALUES: dict[type[models.Field], Any] = {
    models.BooleanField: False, models.IntegerField: 1, models.DateTimeField: "2026-11-01T00:00:00Z", models.DateField: "2026-11-01",
    models.JSONField: {}, models.TimeField: "12:00", models.DurationField: "1 day", models.DecimalField: "1.00", models.FloatField: 1.0,
    models.BinaryField: b"x", models.GenericIPAddressField: "127.0.0.1",
}  # fmt: skip
# What a check of the first schema wants to see.
GIVEN: dict[str, dict[str, Any]] = {
    "ledger.account": {"kind": "asset", "code": "receivable:card", "currency": "USD"},
    "partners.partner": {"currencies": ["USD"], "country": "US", "timezone": "UTC", "active": True},
}


class Old:
    """Makes rows of the models as they were; a required relation is made too."""

    def __init__(self, state: Any) -> None:
        self.apps, self.made, self.refused = state.apps, {}, {}  # type: ignore[var-annotated]

    def make(self, label: str, **values: Any) -> Any:
        model = self.apps.get_model(label)
        given = {**GIVEN.get(label, {}), **values}
        for field in model._meta.concrete_fields:
            if (
                field.name in given
                or field.attname in given
                or field.has_default()
                or field.null
                or isinstance(field, models.AutoField | models.CompositePrimaryKey)
            ):
                continue
            if field.remote_field:
                other = field.remote_field.model._meta.label_lower
                given[field.name] = self.made.get(other) or self.make(other)
            elif isinstance(field, models.UUIDField):
                from payos.kernel import ids

                given[field.name] = ids.uuid7()
            elif isinstance(field, models.CharField | models.TextField):
                given[field.name] = "" if field.blank else f"{label[:6]}{len(self.made)}"[: field.max_length or 50]
            else:
                given[field.name] = next((value for kind, value in VALUES.items() if isinstance(field, kind)), None)
        row = model(**given)
        row.save(using="owner", force_insert=True)
        self.made[label] = row
        return row


def test_data_of_the_first_schema_come_through_to_the_newest(scratch: str) -> None:
    """Each app at its first migration, rows in every table that takes them, books that balance; then everything else on top."""
    # The last of an app that has several: to ask for its first as well would, once it is there, mean going back to it.
    firsts = sorted(dict(sorted(key for key in executor().loader.graph.nodes if key[0] in OURS and key[1].endswith("_initial"))).items())
    executor().migrate(firsts)
    old = Old(executor().loader.project_state(firsts))
    partner = old.make("partners.partner", name="Old Partner", slug="old-partner")
    _books(old, partner)
    for model in old.apps.get_models():
        label = model._meta.label_lower
        if model._meta.app_label in OURS and label not in old.made and model._meta.managed and not label.startswith("ledger."):
            try:
                with transaction.atomic(using="owner"):
                    old.make(label)
            except Exception as error:  # a check that made-up values cannot meet
                old.refused[label] = str(error).splitlines()[0]
    assert len(old.made) >= 25, f"too little of the old data could be made: {old.refused}"
    tables = {label: row._meta.db_table for label, row in old.made.items()}
    before = {label: _count(table) for label, table in tables.items()}

    migrate()

    current = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    for label, table in tables.items():
        if table in current:
            assert _count(table) >= before[label], f"rows of {table} went missing on the way"
    from ledger import sealing, selectors, verify
    from ledger.models import Account
    from payos.kernel import tenancy

    with tenancy.platform_scope():
        sealing.seal_all()
    verdict = verify.verify()
    assert verdict.ok and verdict.transactions == 2, verdict.problems
    with tenancy.platform_scope():
        account = Account.objects.get(code="receivable:card", partner_id=partner.pk)
        assert selectors.balance(account).posted_minor == 15_000
    _goes_on(partner.pk)
    assert verify.verify().ok


def _books(old: Old, partner: Any) -> None:
    """Two balanced transactions as the first schema kept them."""
    from payos.kernel import ids

    at = "2026-11-01T00:00:00Z"
    who = {"partner_id": partner.pk, "livemode": False}
    card = old.make("ledger.account", **who, code="receivable:card", kind="asset", currency="USD", name="Card")
    owed = old.make("ledger.account", **who, code="partner:available", kind="liability", currency="USD", name="Available")
    with connections["owner"].cursor() as cursor:
        for account, debit, credit in ((card, 15_000, 0), (owed, 0, 15_000)):
            cursor.execute("INSERT INTO ledger_balance (account_id, slot, partner_id, livemode, debits_posted, credits_posted, debits_pending, credits_pending, limit_side)"
                           " VALUES (%s, 0, %s, false, %s, %s, 0, 0, 0)", [account.pk, partner.pk, debit, credit])  # fmt: skip
        for amount in (10_000, 5_000):
            made = ids.uuid7()
            old.make("ledger.transaction", **who, id=made, kind="payment", effective_at=at, recorded_at=at)
            for line, (account, minor) in enumerate(((card, amount), (owed, -amount))):
                cursor.execute("INSERT INTO ledger_entry (transaction_id, line, partner_id, livemode, account_id, currency, amount_minor, layer, effective_at, recorded_at)"
                               " VALUES (%s, %s, %s, false, %s, 'USD', %s, 0, %s, %s)", [made, line, partner.pk, account.pk, minor, at, at])  # fmt: skip


def _goes_on(partner_id: Any) -> None:
    """The old partner's books take a new posting."""
    from ledger.services import Leg, account_for, post
    from payos.kernel import tenancy

    with tenancy.tenant_scope(partner_id, False):
        who: dict[str, Any] = {"partner_id": partner_id, "livemode": False}
        post(
            **who,
            kind="payment",
            legs=[
                Leg(account_for(**who, code="receivable:card", currency="USD"), 1),
                Leg(account_for(**who, code="partner:available", currency="USD"), -1),
            ],
        )


def _count(table: str) -> int:
    with psycopg.connect(superuser_url(SCRATCH)) as server:
        row = server.execute(f'SELECT count(*) FROM "{table}"').fetchone()
        return int(row[0]) if row else 0


# ---- locks ----

# What holds a lock on the whole table for as long as the table is large.
SLOW = {
    r"CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)": "use AddIndexConcurrently in a migration with atomic = False",
    r"ADD CONSTRAINT .* (CHECK|FOREIGN KEY)(?!.*NOT VALID)": "add it NOT VALID and validate it in the next migration",
    r"ADD CONSTRAINT .* UNIQUE \((?!.*USING INDEX)": "make the unique index concurrently, then ADD CONSTRAINT ... USING INDEX",
    r"ADD COLUMN .* (DEFAULT (clock_timestamp|gen_random_uuid|random)|GENERATED)": "a default that differs by row rewrites the table: add the column empty and fill it in batches",
    r"ADD COLUMN (?!.*DEFAULT).* NOT NULL": "a column that may not be empty needs a default that stands for old rows",
    r"ALTER COLUMN .* TYPE ": "rewrites the table: add a column, fill it, swap",
    r"ALTER COLUMN .* SET NOT NULL": "reads the whole table under a lock: add a NOT VALID check first",
    r"\b(VACUUM FULL|CLUSTER|LOCK TABLE)\b": "holds the table",
}  # fmt: skip


def slow(statements: list[str], known: set[str]) -> list[str]:
    """Statements that lock a table which stood before this migration."""
    made = {name for text in statements for name in re.findall(r'CREATE TABLE "?(\w+)', text)}
    found = []
    for text in statements:
        plain = " ".join(text.split())
        table = re.search(r'(?:ALTER TABLE(?: ONLY)?|(?:INDEX(?: CONCURRENTLY)?(?: IF NOT EXISTS)? \S+ ON)) "?(\w+)', plain)
        if table and (table[1] in made or table[1] not in known):
            continue
        found += [f"{plain[:160]}: {advice}" for pattern, advice in SLOW.items() if re.search(pattern, plain, re.IGNORECASE)]
    return found


def test_no_later_migration_holds_a_big_table(scratch: str) -> None:
    """The SQL of each migration that came after the first release, as Django would run it."""
    loader = executor().loader
    known: set[str] = set()
    wrong = []
    state = executor()._create_project_state()
    for key in loader.graph._generate_plan(loader.graph.leaf_nodes(), at_end=True):
        migration = loader.get_migration(*key)
        if key[0] not in OURS:
            state = migration.mutate_state(state, preserve=False)
            continue
        with connections["owner"].schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            state = migration.apply(state, editor, collect_sql=True)
        statements = [text for text in editor.collected_sql if not text.startswith("--")]
        if int(re.match(r"\d+", key[1])[0]) > YOUNG.get(key[0], 0):  # type: ignore[index]
            wrong += [f"{key[0]}.{key[1]}: {text}" for text in slow(statements, known)]
        known |= {name for text in statements for name in re.findall(r'CREATE TABLE "?(\w+)', text)}
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("statement", "bad"),
    [
        ('CREATE INDEX "x" ON "big" ("a")', True),
        ('CREATE INDEX CONCURRENTLY "x" ON "big" ("a")', False),
        ('CREATE UNIQUE INDEX "x" ON "big" ("a")', True),
        ('CREATE INDEX "x" ON "new" ("a")', False),
        ('ALTER TABLE "big" ADD CONSTRAINT "c" CHECK (a > 0)', True),
        ('ALTER TABLE "big" ADD CONSTRAINT "c" CHECK (a > 0) NOT VALID', False),
        ('ALTER TABLE "big" VALIDATE CONSTRAINT "c"', False),
        ('ALTER TABLE "big" ADD COLUMN "a" integer NULL', False),
        ('ALTER TABLE "big" ADD COLUMN "a" integer DEFAULT 0 NOT NULL', False),
        ('ALTER TABLE "big" ADD COLUMN "a" integer NOT NULL', True),
        ('ALTER TABLE "big" ALTER COLUMN "a" TYPE bigint USING "a"::bigint', True),
        ('ALTER TABLE "big" ALTER COLUMN "a" SET NOT NULL', True),
        ('ALTER TABLE "big" ADD CONSTRAINT "c" UNIQUE ("a")', True),
    ],
)
def test_the_judge_of_locks_can_tell(statement: str, bad: bool) -> None:
    assert bool(slow(['CREATE TABLE "new" ("a" integer)', statement], {"big"})) is bad


def test_a_migration_waits_for_a_lock_only_so_long(scratch: str) -> None:
    """Somebody reads in a long transaction: migrating gives up with a clear word and changes nothing, instead of queueing everybody behind it."""
    executor().migrate([*executor().loader.graph.leaf_nodes("kernel"), ("ledger", "0002_laws")])
    before = schema()
    holding, enough = threading.Event(), threading.Event()

    def read_for_long() -> None:
        with psycopg.connect(superuser_url(SCRATCH)) as server:
            server.execute("SELECT count(*) FROM ledger_checkpoint")
            holding.set()
            enough.wait(60)

    reader = threading.Thread(target=read_for_long)
    reader.start()
    try:
        assert holding.wait(20)
        with pytest.raises(CommandError, match="lock.*0.2 s.*again"):
            migrate("ledger", lock_timeout=0.2)
    finally:
        enough.set()
        reader.join()
    assert schema() == before
    migrate("ledger")
    assert schema() != before


def test_the_operations_that_take_sql_from_files_name_files_that_exist() -> None:
    loader = MigrationLoader(None)
    assert (
        sum(isinstance(op, migrations.RunSQL) for key, one in loader.disk_migrations.items() if key[0] in OURS for op in one.operations)
        >= 8
    )
