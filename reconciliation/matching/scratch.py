"""A place of a run's own in the database, so that two processors can work on it.

Postgres never uses a second process on temporary tables. Where the owner's role can be had (the embedded database),
a run over files takes a schema of unlogged tables instead: both files load side by side, and the big steps run in
parallel. The schema is named after its session; it is dropped at the end, and one left by a killed run is dropped by
the next. Elsewhere temporary tables serve, with the same results.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from reconciliation.matching import load
from reconciliation.matching.export import Writer

PREFIX = "recon_files_"
SHARED_MEMORY = "/dev/shm"  # nosec B108 # asked for its free space only
ROOM = 1 << 30
Connect = Callable[[], psycopg.Connection]


def processes() -> int:
    """How many helpers a step may use: none where a container grants little shared memory, for they would fail there."""
    try:
        free = os.statvfs(SHARED_MEMORY)
    except OSError:
        return 0
    return min(2, (os.cpu_count() or 1) - 1) if free.f_bavail * free.f_frsize >= ROOM else 0


@contextmanager
def schema(connect: Connect) -> Iterator[tuple[psycopg.Connection, str]]:
    """A session with a fresh schema first on its search path; gone afterwards, whatever happens."""
    with connect() as keeper:
        keeper.autocommit = True
        _drop_orphans(keeper)
        name = f"{PREFIX}{keeper.info.backend_pid}"
        keeper.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        try:
            with connect() as connection:
                connection.execute(sql.SQL("SET search_path = {}, pg_catalog").format(sql.Identifier(name)))
                connection.commit()
                yield connection, name
                connection.rollback()
        finally:
            keeper.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def _drop_orphans(keeper: psycopg.Connection) -> None:
    rows = keeper.execute(
        "SELECT nspname FROM pg_namespace n WHERE starts_with(nspname, %(prefix)s) AND NOT EXISTS"
        " (SELECT FROM pg_stat_activity a WHERE a.pid::text = substr(n.nspname, length(%(prefix)s) + 1))",
        {"prefix": PREFIX},
    ).fetchall()
    for (name,) in rows:
        keeper.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))


@contextmanager
def session(connect: Connect, name: str) -> Iterator[psycopg.Connection]:
    """Another session in the same schema: every statement is a transaction of its own, so nothing waits for it."""
    with connect() as connection:
        connection.autocommit = True
        connection.execute(sql.SQL("SET search_path = {}, pg_catalog").format(sql.Identifier(name)))
        connection.execute("SET idle_in_transaction_session_timeout = 0")
        yield connection


class Early:
    """Writes the matches that stand already in a session of their own, on the processor that the later levels leave."""

    def __init__(self, connect: Connect, name: str, writer: Writer) -> None:
        self.connect = connect
        self.name = name
        self.writer = writer
        self.pool = ThreadPoolExecutor(1)
        self.parts: list[Future[None]] = []

    def settled(self, part: str) -> None:
        self.parts.append(self.pool.submit(self._write, part))

    def wait(self) -> None:
        """Until all is written; raises what went wrong there."""
        self.pool.shutdown()
        for part in self.parts:
            part.result()

    def _write(self, part: str) -> None:
        with session(self.connect, self.name) as connection:
            connection.execute("SET work_mem = '256MB'")
            connection.execute("SET enable_nestloop = off")
            self.writer.part(connection, part)


def load_both(connect: Connect, name: str, paths: dict[str, Path], progress: load.Progress) -> dict[str, load.Loaded]:
    """Both files at once, each in a session and a processor of its own."""

    def one(side: str) -> load.Loaded:
        with connect() as connection:
            connection.execute(sql.SQL("SET search_path = {}, pg_catalog").format(sql.Identifier(name)))
            loaded = load.load_file(connection, side, paths[side], progress, shared=True)
            connection.commit()
            return loaded

    with ThreadPoolExecutor(2) as pool:
        return dict(zip(load.SIDES, pool.map(one, load.SIDES), strict=True))
