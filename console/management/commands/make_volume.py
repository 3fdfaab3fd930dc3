"""`manage.py make_volume`: a large set of made-up rows by COPY, to see how the console does with it."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console import volume


class Command(BaseCommand):
    help = "Fill the database with made-up cases (and payments, where ingestion is installed). Only for trying: refused on a server."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--cases", type=int, default=1_000_000)
        parser.add_argument("--payments", type=int, default=0)
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED:
            raise CommandError("this is a server (DATABASE_URL is set): made-up rows have no place here")
        for name, make in (("cases", volume.cases), ("payments", volume.payments)):
            count = options[name]
            if count <= 0:
                continue
            started = time.monotonic()
            make(count, options["seed"], lambda text: print(text, file=sys.stderr, flush=True))
            self.stdout.write(f"{count:,} {name} in {time.monotonic() - started:.1f} s")
