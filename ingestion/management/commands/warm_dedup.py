"""`manage.py warm_dedup`: fill the caches of known references, as every worker does when it starts."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from ingestion import dedup
from payos.kernel import tenancy


class Command(BaseCommand):
    help = "Tell Redis the newest payment references, after it was lost or emptied. Costs time only, and only saves time."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--limit", type=int, default=dedup.CAPACITY, help=f"how many, the newest first; {dedup.CAPACITY} without it")

    def handle(self, *args: Any, **options: Any) -> None:
        with tenancy.platform_scope(actor="command:warm_dedup"), transaction.atomic():
            count = dedup.warm_up(max(1, min(options["limit"], 10_000_000)))
        self.stdout.write(f"{count:,} references are known to the caches.")
