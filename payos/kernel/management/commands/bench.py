"""`manage.py bench NAME --json`: measure one part beside its controls in the same run."""

from __future__ import annotations

import gc
import importlib
import json
import pkgutil
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


def names() -> list[str]:
    """Benchmarks are the modules of the folder `bench` that have a `run`."""
    folder = settings.BASE_DIR / "bench"
    return sorted(m.name for m in pkgutil.iter_modules([str(folder)]) if "def run(" in (folder / f"{m.name}.py").read_text())


class Command(BaseCommand):
    help = "Run a benchmark. It informs and does not gate: the exit code is 0 when it ran, whatever the figures."

    def run_from_argv(self, argv: list[str]) -> None:
        # The name comes first because each benchmark adds options of its own.
        self._name = argv[2] if len(argv) > 2 and not argv[2].startswith("-") else ""
        super().run_from_argv(argv)

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("name", choices=names(), metavar="NAME", help=", ".join(names()))
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        chosen = getattr(self, "_name", "")
        if chosen in names():
            add = getattr(importlib.import_module(f"bench.{chosen}"), "add_arguments", None)
            if add:
                add(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        def progress(text: str) -> None:
            print(text, file=sys.stderr, flush=True)

        gc.collect()
        gc.freeze()  # as the web server and the workers do
        try:
            report = importlib.import_module(f"bench.{options['name']}").run(options, progress).as_dict()
        except ModuleNotFoundError as error:
            raise CommandError(f"this benchmark needs the package {error.name}: run `make install-dev`") from error
        if options["json"]:
            self.stdout.write(json.dumps(report))
            return
        for figure in report["figures"]:
            spread = f"  ±{figure['spread']:.0%}" if figure["spread"] is not None else ""
            self.stdout.write(f"{figure['name']:<58} {figure['value']:>14,} {figure['unit']}{spread}")
        for ratio in report["ratios"]:
            goal = "" if ratio["goal"] is None else f"  goal {ratio['goal']} {'met' if ratio['ok'] else 'MISSED'}"
            self.stdout.write(f"{ratio['name']:<58} {ratio['value']:>14} x{goal}")
        for note in report["notes"]:
            self.stdout.write(f"note: {note}")
