"""`manage.py process_staging`: work the staging table now, with a progress bar."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.management.base import BaseCommand

from ingestion import services, stats
from ingestion.services.staging import BATCH, BatchResult
from payos.kernel import tenancy

WIDTH = 30


class Command(BaseCommand):
    help = "Record every waiting row of payment_staging."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--batch", type=int, default=BATCH, help=f"rows per transaction, {BATCH} without it")
        parser.add_argument("--limit", type=int, help="stop after this many rows")

    def handle(self, *args: Any, **options: Any) -> None:
        with tenancy.platform_scope():
            waiting = stats.backlog(limit=10_000_000)
        started = time.perf_counter()

        def progress(done: BatchResult) -> None:
            share = min(1.0, done.total / waiting) if waiting else 1.0
            rate = done.total / max(time.perf_counter() - started, 1e-6)
            bar = "█" * int(WIDTH * share) + "·" * (WIDTH - int(WIDTH * share))
            end = "\r" if sys.stderr.isatty() else "\n"
            print(f"{bar} {done.total:,} of {waiting:,} rows, {rate:,.0f} rows/s", end=end, file=sys.stderr, flush=True)

        done = services.process_all(batch=options["batch"], limit=options["limit"], progress=progress)
        self.stdout.write(
            f"{done.total:,} rows: {done.created:,} recorded, {done.duplicates:,} duplicates, {done.conflicts:,} conflicts, "
            f"{done.rejected:,} rejected (see the exception queue)."
        )
