"""Exit 0 while a kind of process says that it lives, 1 otherwise. For the health checks of containers."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from payos.kernel import heartbeat


class Command(BaseCommand):
    help = "Exit 1 when the last heartbeat of worker or beat is too old."
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("kind", choices=["worker", "beat"])
        parser.add_argument("--limit", type=float, default=60.0, help="seconds")

    def handle(self, *args: Any, **options: Any) -> None:
        kind, limit = options["kind"], options["limit"]
        age = heartbeat.age_seconds(kind)
        if age is None:
            self.stdout.write(f"no {kind} has said yet that it lives")
        else:
            self.stdout.write(f"the last {kind} heartbeat is {age:.0f} s old (limit {limit:.0f} s)")
        if age is None or age > limit:
            sys.exit(1)
