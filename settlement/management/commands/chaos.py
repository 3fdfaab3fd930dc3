"""`manage.py chaos`: transfers under fire. Exit 1 when anything that must hold does not."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from settlement.chaos.run import Plan, run


class Command(BaseCommand):
    help = "Send transfers while processes are killed and the bank misbehaves; then compare the bank's books with ours."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--transfers", type=int, default=2000)
        parser.add_argument("--kills", type=int, default=100)
        parser.add_argument("--seconds", type=float, help="how long the storm lasts; without it 2 seconds a kill")
        parser.add_argument("--timeout", type=float, default=900, help="how long to wait for quiet afterwards")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--server", action="store_true", help="also where DATABASE_URL is set; it makes a partner and rails there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED and not options["server"]:
            raise CommandError("this is a server (DATABASE_URL is set); add --server if its processes may be killed")
        if options["transfers"] < 1 or options["kills"] < 0:
            raise CommandError("--transfers must be positive and --kills not negative")
        plan = Plan(
            options["seed"], options["transfers"], options["kills"], options["seconds"] or max(10.0, options["kills"] * 2.0), options["timeout"]
        )
        result = run(plan, lambda text: print(text, file=sys.stderr, flush=True))
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            for name, value in result.items():
                self.stdout.write(f"{name}: {value}")
        if not result["ok"]:
            sys.exit(1)
