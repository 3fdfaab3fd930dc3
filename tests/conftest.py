"""Every test runs against real Postgres as the application role, and against real Valkey.

The test database is made by the owner; what a test may do is what the product may do. Tests that commit are
cleaned up by the superuser, because the application role can truncate nothing and append-only tables refuse
everyone else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase

ROOT = Path(__file__).resolve().parent.parent
# Rows that migrations make and tests only read.
REFERENCE_TABLES = {"django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}


def pytest_configure(config: pytest.Config) -> None:
    # Known also where the tests run without xdist.
    config.addinivalue_line("markers", "xdist_group(name): tests that one worker takes one after another")
    # A password costs half a second to hash, as it should; tests make hundreds.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # The same examples each time, and no clock: a busy machine fails no test.
    hypothesis.settings.register_profile("payos", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
    hypothesis.settings.load_profile("payos")


def superuser_url(database: str = "postgres") -> str:
    from payos import embedded

    return embedded.superuser_url(database) if settings.EMBEDDED else os.environ["TEST_SUPERUSER_URL"]


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """The database is made below."""


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any, request: pytest.FixtureRequest) -> Iterator[None]:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "")
    name = "_".join(part for part in ("test_payos", worker) if part)
    keep = bool(request.config.getoption("--reuse-db")) and not request.config.getoption("--create-db")
    with psycopg.connect(superuser_url(), autocommit=True) as server:
        known = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known and not keep:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            known = None
        if not known:
            server.execute(f'CREATE DATABASE "{name}" OWNER payos_owner')
            with psycopg.connect(superuser_url(name), autocommit=True) as fresh:
                fresh.execute("ALTER SCHEMA public OWNER TO payos_owner")
                for extension in ("pg_trgm", "btree_gist", "pg_stat_statements"):
                    fresh.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    for alias in ("default", "owner"):
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
    os.environ["PAYOS_TEST_DATABASE"] = name
    with django_db_blocker.unblock():
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        _empty(name)
        connections["owner"].close()
    yield
    for alias in ("default", "owner"):
        connections[alias].close()


def _empty(name: str) -> None:
    """Truncate what holds rows. As the superuser with triggers off: append-only tables refuse it otherwise."""
    with psycopg.connect(superuser_url(name), autocommit=True) as server:
        tables = [
            row[0]
            for row in server.execute(
                "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            )
            if row[0] not in REFERENCE_TABLES
        ]
        if not tables:
            return
        probe = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in tables)
        full = [row[0] for row in server.execute(probe)]
        kept = {row[0] for row in server.execute(KEPT)} if full else set()
        full = [table for table in full if table not in kept]
        if full:
            server.execute("SET session_replication_role = replica")
            for table in full:
                server.execute(f'DELETE FROM "{table}"')


# Tables that migrations fill and whose rows the product needs to start: marked with a comment 'reference'.
KEPT = "SELECT c.relname FROM pg_class c WHERE obj_description(c.oid, 'pg_class') LIKE 'reference%'"


def _teardown(self: Any) -> None:
    _empty(connections["default"].settings_dict["NAME"])


# For the whole session and not by a fixture: pytest-django tears down after every fixture of a test is gone.
# TestCase overrides it with its rollback; only committing tests come here.
TransactionTestCase._fixture_teardown = _teardown  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _fresh_calendars() -> None:
    """Days that another test's operators entered were rolled back; nobody may remember them."""
    from payos.kernel import calendars

    calendars.forget()


@pytest.fixture
def superuser(db: Any) -> Iterator[psycopg.Connection]:
    """A connection that may do everything, for tampering in tests that prove that tampering is found."""
    with psycopg.connect(superuser_url(connections["default"].settings_dict["NAME"]), autocommit=True) as connection:
        yield connection


@pytest.fixture
def platform() -> Iterator[None]:
    from payos.kernel import tenancy

    with tenancy.platform_scope(actor="test"):
        yield


@pytest.fixture
def partner(db: Any) -> Any:
    from partners import services

    return services.partner_create(name="Acme Lending", currencies=("USD",))


@pytest.fixture
def other_partner(db: Any) -> Any:
    from partners import services

    return services.partner_create(name="Boreal Payouts", country="MX", currencies=("MXN", "USD"))


@pytest.fixture
def api(partner: Any) -> Any:
    """A client that speaks /v1 with a test key of `partner`; a fresh Idempotency-Key with every write."""
    return client_for(partner)


def client_for(partner: Any, livemode: bool = False, scopes: tuple[str, ...] = ("*",)) -> Any:
    import uuid

    from rest_framework.test import APIClient

    from partners import services
    from payos.kernel import tenancy

    with tenancy.tenant_scope(partner.pk, livemode):
        key, secret = services.api_key_create(partner=partner, livemode=livemode, scopes=scopes)

    class Client(APIClient):
        def generic(self, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
            headers = dict(kwargs.pop("headers", None) or {})
            if method in {"POST", "PUT", "PATCH", "DELETE"}:
                headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
            headers.setdefault("Authorization", f"Bearer {secret}")
            return super().generic(method, path, *args, headers=headers, **kwargs)

    client = Client()
    client.key, client.secret = key, secret
    client.default_format = "json"
    return client


@pytest.fixture(scope="session")
def corpora() -> Path:
    path = Path(os.environ.get("PAYOS_CORPORA", ROOT.parent / "shared" / "corpora"))
    if not path.is_dir():
        pytest.skip("no corpora: set PAYOS_CORPORA to the folder of sample files")
    return path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs: list[Any]) -> None:
    """Servers of its own for each worker: a test may kill, fill or look through the whole of them."""
    for spec in specs:
        spec.env["PAYOS_HOME"] = str(settings.PAYOS_HOME / f"tests-{spec.id}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop in the main thread, beside which nobody can run another.

    A worker takes a file at a time, for what a module's fixtures make; its browser tests count as a file of their own.
    """

    def drives_a_browser(item: pytest.Item) -> bool:
        return "browser" in getattr(item, "fixturenames", ())

    items.sort(key=drives_a_browser)
    for item in items:
        item.add_marker(pytest.mark.xdist_group(f"{item.path}{':browser' if drives_a_browser(item) else ''}"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium through Playwright, one for the whole session."""
    path = os.environ.get("PAYOS_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.skip("no Chromium: `apt-get install chromium`, or set PAYOS_CHROMIUM to one")
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: run `make install-dev`")
    with api.sync_playwright() as playwright:
        # Its event loop runs in this thread, and Django would take the tests for asynchronous code.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        running = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--force-color-profile=srgb"]
        )
        yield running
        running.close()
        os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
