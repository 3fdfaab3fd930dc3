"""`migrate` as the owner role; afterwards grants, row-level security, audit triggers and roles are made to agree.

It never waits long for a lock: while a migration waits for one, everybody else on that table waits behind it.
"""

from __future__ import annotations

import contextlib
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DatabaseError, OperationalError, connections
from psycopg.errors import LockNotAvailable

from payos.kernel import security

LOCK_SECONDS = 5.0


class Command(migrate.Command):
    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
        parser.add_argument(
            "--lock-timeout",
            type=float,
            default=LOCK_SECONDS,
            help="seconds to wait for a lock before giving up; 0 waits for ever",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options.get("plan") or options.get("check_unapplied"):
            super().handle(*args, **options)
            return
        wait = options["lock_timeout"]
        _bound(options["database"], wait)
        try:
            super().handle(*args, **options)
            covered = security.synchronise(using=options["database"])
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            raise CommandError(
                f"another transaction held a lock for more than {wait:g} s: {str(error).splitlines()[0]}. The step that waited changed"
                " nothing and those before it stand. Run migrate again when it is quieter, or with a longer --lock-timeout."
            ) from error
        finally:
            # A connection that broke took its setting with it, and what broke it is what the person must read.
            with contextlib.suppress(DatabaseError):
                _bound(options["database"], 0)
        if options["verbosity"] >= 1:
            self.stdout.write(f"  Access rules agree with the models on {covered} tables.")


def _bound(alias: str, seconds: float) -> None:
    if not connections[alias].in_atomic_block or not connections[alias].needs_rollback:
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{int(seconds * 1000)}ms"])
