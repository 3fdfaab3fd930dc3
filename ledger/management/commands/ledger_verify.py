"""`manage.py ledger_verify`: prove the ledger, or name the first broken transaction."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ledger import sealing, verify
from payos.kernel import ids


class Command(BaseCommand):
    help = "Check zero-sum, balances, holds and the hash chain. Exits 1 and names the first broken transaction."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--partner", metavar="ID", help="only this partner (par_...)")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        parser.add_argument("--no-seal", action="store_true", help="do not seal what is waiting first")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            partner_id = ids.decode("par", options["partner"]) if options["partner"] else None
        except ids.InvalidId as error:
            raise CommandError(str(error)) from error
        if not options["no_seal"]:
            sealing.seal_all()

        def progress(text: str) -> None:
            print(text, file=sys.stderr, flush=True)

        verdict = verify.verify(partner_id, progress)
        if options["json"]:
            self.stdout.write(json.dumps(verdict.as_dict()))
        elif verdict.ok:
            self.stdout.write(
                f"The ledger is whole: {verdict.transactions:,} transactions, {verdict.sealed:,} sealed in "
                f"{verdict.partners} chains, {verdict.accounts:,} accounts."
            )
        else:
            for problem in verdict.problems:
                where = problem.get("transaction") or problem.get("account") or f"position {problem.get('position')}"
                self.stdout.write(f"{problem['kind']}: {where}: {problem['detail']}")
        if not verdict.ok:
            sys.exit(1)
