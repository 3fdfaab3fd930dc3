"""`migrate` as the owner role; afterwards grants, row-level security, audit triggers and roles are made to agree."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate

from payos.kernel import security


class Command(migrate.Command):
    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        if options.get("plan") or options.get("check_unapplied"):
            return
        covered = security.synchronise(using=options["database"])
        if options["verbosity"] >= 1:
            self.stdout.write(f"  Access rules agree with the models on {covered} tables.")
