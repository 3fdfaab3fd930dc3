"""`manage.py demo_day` (`make demo`): fills a fresh console with a day's real work of the demo partners."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console import demo_day
from payos.kernel.errors import Problem


class Command(BaseCommand):
    help = "Play a day with the demo partners and the running sandbox bank: payments, transfers, statements, cases."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--seed", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = demo_day.play(seed=options["seed"], progress=lambda text: print(f"  {text} ...", file=sys.stderr, flush=True))
        except Problem as problem:
            raise CommandError(problem.detail) from None
        self.stdout.write(
            f"{found['payments']} payments, {found['transfers']} transfers; {found['cases']} cases wait for a person in the exception queue."
        )
