"""`manage.py loadtest`: the API under many partners at once. Exit 1 on any error and on memory that grew by over 5 %."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console import loadtest


class Command(BaseCommand):
    help = "Start an installation on this data, ask it as many partners do, and say how it answered and what it held in memory."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--minutes", type=float, default=10.0, help="how long is measured; warming up comes before it")
        parser.add_argument("--partners", type=int, default=50)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--workers", type=int, default=1, help="web server processes")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("this is a server (DATABASE_URL is set): made-up load has no place here")
        told = loadtest.run(
            seconds=options["minutes"] * 60, partner_count=options["partners"], seed=options["seed"], workers=options["workers"],
            progress=lambda text: print(text, file=sys.stderr, flush=True),
        )  # fmt: skip
        if options["json"]:
            self.stdout.write(json.dumps(told))
        else:
            self._show(told)
        if not told["ok"]:
            sys.exit(1)

    def _show(self, told: dict[str, Any]) -> None:
        self.stdout.write(f"{told['requests']:,} requests in {told['seconds']} s: {told['rate']} a second, {told['errors']} errors")
        for name, row in {**told["by_request"], "all": {"count": told["requests"], **told}}.items():
            self.stdout.write(
                f"  {name:<18} {row['count']:>8,}   p50 {row['p50_ms']:>8} ms   p95 {row['p95_ms']:>8} ms   p99 {row['p99_ms']:>8} ms"
            )
        for text, count in told["by_error"].items():
            self.stdout.write(f"  {count} x {text}")
        for row in told["processes"]:
            growth = "gone" if row["growth"] is None else f"{row['growth']:+.1%}"
            self.stdout.write(
                f"  {row['name']:<18} {row['start_mb']:>8} MB -> {row['end_mb']:>8} MB   {growth:>7}   {row['cpu_seconds']:>7} s of processor{'   LOOK' if row['flagged'] else ''}"
            )
