"""A database of its own for a benchmark: migrated, granted and dropped again, so that figures never depend on what was there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from payos.kernel.bench import Progress

ALIASES = ("default", "owner")


def superuser_url(database: str = "postgres") -> str:
    if settings.EMBEDDED:
        from payos import embedded

        return embedded.superuser_url(database)
    try:
        return os.environ["BENCH_SUPERUSER_URL"].format(database=database)
    except KeyError:
        raise CommandError(
            "this benchmark makes a database of its own and drops it again: set BENCH_SUPERUSER_URL to an address that may, "
            "with {database} where the name of the database stands, or run it on the embedded server"
        ) from None


@contextmanager
def database(name: str, progress: Progress) -> Iterator[str]:
    """Point every connection of this process at a fresh database for the block."""
    progress(f"making the database {name}")
    with psycopg.connect(superuser_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" OWNER payos_owner')
    with psycopg.connect(superuser_url(name), autocommit=True) as fresh:
        fresh.execute("ALTER SCHEMA public OWNER TO payos_owner")
        for extension in ("pg_trgm", "btree_gist", "pg_stat_statements"):
            fresh.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}")
    before = {alias: connections[alias].settings_dict["NAME"] for alias in ALIASES}
    try:
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
        call_command("migrate", verbosity=0, interactive=False)
        yield name
    finally:
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = before[alias]
        with psycopg.connect(superuser_url(), autocommit=True) as server:
            server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
