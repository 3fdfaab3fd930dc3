"""`manage.py simulate_day`: a whole day in minutes, with faults, and the books proven at its end."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from console import simulation


class Command(BaseCommand):
    help = "Simulate a day against the sandbox bank. Exits 1 and names every violated invariant."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--partners", type=int, default=5)
        parser.add_argument("--payments", type=int, default=2_000)
        parser.add_argument("--transfers", type=int, default=300)
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(text: str) -> None:
            print(text, file=sys.stderr, flush=True)

        if settings.EMBEDDED:  # nobody need have run the product on this data before
            progress("bringing the database up to date")
            call_command("migrate", verbosity=0, interactive=False)
        day = simulation.simulate(
            seed=options["seed"],
            partner_count=options["partners"],
            payments=options["payments"],
            transfers=options["transfers"],
            progress=progress,
        )
        if not simulation.ledger_is_whole():
            day.violations.append("ledger_verify passes")
        if options["json"]:
            self.stdout.write(json.dumps(day.as_dict()))
        else:
            for name, value in day.as_dict().items():
                self.stdout.write(f"{name:<20} {value}")
        if day.violations:
            sys.exit(1)
