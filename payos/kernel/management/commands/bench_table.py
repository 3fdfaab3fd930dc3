"""`manage.py bench_table`: the results of `make bench` as one Markdown table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

HEAD = """# Benchmarks

Made by `make bench` and `manage.py bench_table`, on {cores} cores, {memory_gb} GB, Python {python}. Each ratio was taken from
interleaved runs in one call: what we do over what stands beside it, medians, and in brackets half the range over the median. A ratio
tells more than a rate: both sides meet the same machine and the same noise. Run them on your own machine before you believe ours.
"""


class Command(BaseCommand):
    help = "Write artifacts/bench/*.json as one Markdown table."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--folder", default=str(settings.BASE_DIR / "artifacts" / "bench"))
        parser.add_argument("--output", help="the file to write; standard output without it")

    def handle(self, *args: Any, **options: Any) -> None:
        reports = []
        for path in sorted(Path(options["folder"]).glob("*.json")):
            lines = path.read_text().strip().splitlines()
            if lines:
                reports.append(json.loads(lines[-1]))
        if not reports:
            raise CommandError(f"there is no result in {options['folder']}: run `make bench` first")
        text = table(reports)
        if options["output"]:
            Path(options["output"]).write_text(text)
        else:
            self.stdout.write(text)


def table(reports: list[dict[str, Any]]) -> str:
    parts = [HEAD.format(**reports[0]["machine"])]
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
