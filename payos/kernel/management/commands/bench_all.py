"""`manage.py bench_all`: every benchmark at a size that ends within ten minutes on two cores, and the page made of them.

Between the benchmarks the same two pieces of work are measured again and again: how much they vary is the noise of the
machine, and a difference smaller than that says nothing.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from payos.kernel.bench import machine
from payos.kernel.management.commands.bench import names

# What each is run with, to end in time. A bench without an entry runs at its own size; the large ones say theirs in `--help`.
SIZES: dict[str, list[str]] = {
    "ingest": ["--rows", "200000"],
    "ledger": ["--entries", "200000", "--rounds", "7", "--seconds", "0.5"],
    "parse": ["--rows", "30000"],
    "recon": ["--rows", "150000"],
    "settlement": ["--transfers", "3000", "--sent", "600"],
    "web_server": ["--rounds", "5", "--seconds", "1.5"],
    "webhook": ["--rounds", "4", "--seconds", "2.5"],
    "webhooks_out": ["--events", "1500", "--rounds", "4"],
}
LONGEST = 240.0  # a benchmark that takes longer is stopped and named
BLOCK = b"payos" * 200_000


class Command(BaseCommand):
    help = "Run every benchmark and write docs/benchmarks.md. Run it where nothing else runs."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--folder",
            default=str(settings.BASE_DIR / "artifacts" / "bench"),
            help="where the results lie, one JSON object a file",
        )
        parser.add_argument("--output", default=str(settings.BASE_DIR / "docs" / "benchmarks.md"), help="the page to write")
        parser.add_argument("--only", action="append", choices=names(), help="only this one; may be given more than once")
        parser.add_argument("--own-sizes", action="store_true", help="each at its own, larger size")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(options["folder"])
        folder.mkdir(parents=True, exist_ok=True)
        started, failed = time.monotonic(), []
        noise: dict[str, list[float]] = {"processor": [], "database": []}
        _control(noise)
        for name in options["only"] or names():
            self._say(f"{name} ...")
            began = time.monotonic()
            why = _one(name, [] if options["own_sizes"] else SIZES.get(name, []), folder)
            self._say(f"{name}: {why or f'{time.monotonic() - began:.0f} s'}")
            if why:
                failed.append(name)
            _control(noise)
        about = {
            "machine": machine(),
            "noise": {kind: _spread(values) for kind, values in noise.items()},
            "seconds": round(time.monotonic() - started),
        }
        (folder / "about.json").write_text(json.dumps(about))
        from django.core.management import call_command

        call_command("bench_table", folder=str(folder), output=options["output"])
        self._say(f"{options['output']} is written; {about['seconds']} s in all" + (f"; without {', '.join(failed)}" if failed else ""))
        if failed:
            sys.exit(1)

    def _say(self, text: str) -> None:
        self.stderr.write(f"  {text}")


def _one(name: str, size: list[str], folder: Path) -> str:
    """Run it; why not, when it did not. What an earlier run left does not stand for this one."""
    result = folder / f"{name}.json"
    result.unlink(missing_ok=True)
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", "bench", name, "--json", *size],
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
    except subprocess.TimeoutExpired:
        return f"stopped after {LONGEST:.0f} s"
    if done.returncode or not done.stdout.strip():
        return f"failed: {(done.stderr.strip().splitlines() or ['without a word'])[-1][:200]}"
    result.write_text(done.stdout.strip().splitlines()[-1] + "\n")
    return ""


def _control(noise: dict[str, list[float]]) -> None:
    """The same work every time: hashing for the processor, counting for the database."""
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(40):
            hashlib.sha256(BLOCK).digest()
        noise["processor"].append(time.perf_counter() - began)
        began = time.perf_counter()
        with connection.cursor() as cursor:
            cursor.execute("SELECT sum(n % 7) FROM generate_series(1, 300000) AS n")
        noise["database"].append(time.perf_counter() - began)
    connection.close()


def _spread(values: list[float]) -> float:
    """Half of what lies between the tenth and the ninetieth of a hundred, over the median."""
    tenths = statistics.quantiles(values, n=10)
    return round((tenths[8] - tenths[0]) / 2 / statistics.median(values), 3)
