"""`manage.py seed_demo`: partners, branches, one login for each role and an API key, to look around with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from payos.kernel import demo
from payos.kernel.errors import Problem


class Command(BaseCommand):
    help = "Make the demo data. A second run changes nothing and keeps every password."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--file", help="where logins and key are kept; PAYOS_HOME/demo.json without it")
        parser.add_argument("--server", action="store_true", help="also on a server (DATABASE_URL is set): it makes logins there")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.EMBEDDED and not options["server"]:
            raise CommandError("this is a server (DATABASE_URL is set) and demo data makes logins: add --server if you mean it")
        path = Path(options["file"] or settings.PAYOS_HOME / "demo.json")
        try:
            facts = demo.seed(path, lambda text: print(text, file=sys.stderr, flush=True))
        except (Problem, RuntimeError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(f"Demo logins and a test key are in {path}.")
