"""Print what the readers make of every sample file: expected, found, verdict. Touches no database."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion.parsers import corpus


class Command(BaseCommand):
    help = "Read every sample file of the corpora and compare with the manifest. Exit 1 where something differs."
    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--folder", help="the folder with MANIFEST.tsv; default PAYOS_CORPORA or ../shared/corpora")
        parser.add_argument("--format", help="only this format of the manifest")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--all", action="store_true", help="also list files that are expected output, not input")

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(options["folder"]) if options["folder"] else corpus.folder()
        if root is None or not (root / "MANIFEST.tsv").is_file():
            raise CommandError("no sample files: name a folder with MANIFEST.tsv by --folder or PAYOS_CORPORA", returncode=2)
        verdicts: Counter[str] = Counter()
        rows = []
        for sample in corpus.samples(root):
            if options["format"] and sample.format != options["format"]:
                continue
            if not sample.is_input:
                verdicts["not input"] += 1
                if options["all"]:
                    rows.append((sample, "", "", "not input"))
                continue
            found = corpus.read(root / sample.path)
            wrong = corpus.differences(sample, found)
            kind = ("refused" if found.error else "differs") if wrong else "ok"
            verdict = f"{kind}: {'; '.join(wrong)}" if kind == "differs" else kind
            verdicts[kind] += 1
            rows.append((sample, corpus.expected(sample), found.summary(), verdict))
        if options["json"]:
            self.stdout.write(json.dumps({
                "files": [{"format": sample.format, "path": sample.path, "validity": sample.validity, "expected": wanted, "found": got,
                           "verdict": verdict} for sample, wanted, got, verdict in rows],
                "verdicts": dict(verdicts),
            }))  # fmt: skip
        else:
            for sample, wanted, got, verdict in rows:
                self.stdout.write(f"{sample.format:9} {sample.path}  [{sample.validity}]")
                self.stdout.write(f"          expected  {wanted or '-'}")
                self.stdout.write(f"          found     {got}")
                self.stdout.write(f"          verdict   {verdict}")
            self.stdout.write(", ".join(f"{count} {name}" for name, count in sorted(verdicts.items())))
        if verdicts["differs"]:
            sys.exit(1)
