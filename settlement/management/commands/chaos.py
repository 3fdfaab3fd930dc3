"""`manage.py chaos`: failure on purpose, by scenario. Exit 1 when anything that must hold does not."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from settlement.chaos import storms, trials
from settlement.chaos.run import Plan, run

SCENARIOS = ("settlement", "ingestion", "webhooks", "clock", "disk")


class Command(BaseCommand):
    help = "Transfers, payments and events while processes, the database and the cache die, the clock jumps and the disk fills up."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--scenario", choices=[*SCENARIOS, "all"], default="settlement")
        parser.add_argument(
            "--size", type=int, help="payments, events, transfers or files of the other scenarios; each has its own without it"
        )
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--transfers", type=int, default=2000)
        parser.add_argument("--kills", type=int, default=100)
        parser.add_argument("--seconds", type=float, help="how long the storm lasts; without it 2 seconds a kill")
        parser.add_argument("--timeout", type=float, default=900, help="how long to wait for quiet afterwards")
        parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # the child of the full disk
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--server", action="store_true", help="also where DATABASE_URL is set; it makes a partner and rails there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED and not options["server"]:
            raise CommandError("this is a server (DATABASE_URL is set); add --server if its processes may be killed")
        if options["transfers"] < 1 or options["kills"] < 0:
            raise CommandError("--transfers must be positive and --kills not negative")
        if options["inside"]:
            self.stdout.write(json.dumps(trials.fill(options["seed"], options["size"])))
            return
        names = SCENARIOS if options["scenario"] == "all" else (options["scenario"],)
        told = [self._one(name, options) for name in names]
        if options["json"]:
            self.stdout.write(json.dumps(told[0] if len(told) == 1 else {"ok": all(one["ok"] for one in told), "scenarios": told}))
        else:
            for result in told:
                for name, value in result.items():
                    self.stdout.write(f"{name}: {value}")
                self.stdout.write("")
        if not all(one["ok"] for one in told):
            sys.exit(1)

    def _one(self, name: str, options: dict[str, Any]) -> dict[str, Any]:
        def progress(text: str) -> None:
            print(f"{name}: {text}", file=sys.stderr, flush=True)

        seed, kills, size = options["seed"], options["kills"], options["size"]
        if name == "settlement":
            seconds = options["seconds"] or max(10.0, kills * 2.0)
            return run(Plan(seed, options["transfers"], kills, seconds, options["timeout"]), progress)
        if name in {"ingestion", "webhooks"}:
            kills = min(kills, 25)
            storm = storms.Storm(seed, size or 600, kills, options["seconds"] or max(10.0, kills * 2.0), options["timeout"])
            return (storms.ingestion_storm if name == "ingestion" else storms.webhook_storm)(storm, progress)
        if name == "clock":
            return trials.clock_jumps(seed=seed, size=size or 140, progress=progress)
        return trials.disk_full(seed=seed, size=size or 30, progress=progress)
