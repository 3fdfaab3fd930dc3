"""`manage.py bench_table`: the results of `make bench` as one Markdown table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

HEAD = """# Benchmarks

Written by `make bench`: do not edit. Measured on {cores} cores, {memory_gb} GB, {system} {arch}, Python {python}{took}.

How to read it:

- A **ratio** is what we do over what stands beside it, both measured in turns in one call, so that both meet the same machine and the
  same noise. It tells more than a rate. Above 1 is more of ours; whether more is better stands in the name, and the goal says which way.
- A **figure** is a median. Its spread is half the range over the median.
- {noise}
- Sizes are such that all of it ends within ten minutes on two cores. `manage.py bench NAME --help` shows larger ones.
- Run them on your own machine before you believe ours.
"""
NOISE = "**Noise of the machine**: the same work, measured again and again between the benchmarks, varied by ±{processor:.0%} (processor) and ±{database:.0%} (database). What differs by less says nothing."
NO_NOISE = "The noise of the machine was not measured in this run (`make bench` does)."


class Command(BaseCommand):
    help = "Write artifacts/bench/*.json as one Markdown table."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--folder", default=str(settings.BASE_DIR / "artifacts" / "bench"))
        parser.add_argument("--output", help="the file to write; standard output without it")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = []
        about: dict[str, Any] = {}
        for path in sorted(Path(options["folder"]).glob("*.json")):
            if path.name == "about.json":
                about = json.loads(path.read_text())
                continue
            lines = path.read_text().strip().splitlines()
            if lines:
                reports.append(json.loads(lines[-1]))
        if not reports:
            raise CommandError(f"there is no result in {options['folder']}: run `make bench` first")
        text = table(reports, about)
        if options["output"]:
            Path(options["output"]).write_text(text)
        else:
            self.stdout.write(text)


def table(reports: list[dict[str, Any]], about: dict[str, Any] | None = None) -> str:
    noise = (about or {}).get("noise")
    took = f", in {about['seconds'] // 60} min {about['seconds'] % 60} s" if about and "seconds" in about else ""
    parts = [HEAD.format(**reports[0]["machine"], noise=NOISE.format(**noise) if noise else NO_NOISE, took=took)]
    for report in reports:
        parts.append(f"\n## {report['bench']}\n")
        if report["ratios"]:
            parts.append("| what | ours | beside it | ratio | goal |\n|---|---:|---:|---:|---|")
            for row in report["ratios"]:
                goal = "" if row["goal"] is None else f"{row['goal']} {'met' if row['ok'] else '**missed**'}"
                parts.append(f"| {row['name']} | {row['ours']:,} | {row['against']:,} | {row['value']} | {goal} |")
            parts.append("")
        if report["figures"]:
            parts.append("| figure | value | spread |\n|---|---:|---:|")
            for row in report["figures"]:
                spread = "" if row["spread"] is None else f"±{row['spread']:.0%}"
                value = f"{row['value']:,}" if isinstance(row["value"], int | float) else row["value"]
                parts.append(f"| {row['name']} | {value} {row['unit']} | {spread} |")
        parts += [f"\n{note}" for note in report["notes"]]
    return "\n".join(parts) + "\n"
