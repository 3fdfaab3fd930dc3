"""How fast, how complete and how right the matching engine is, on files whose truth is known.

    manage.py bench recon --json [--rows N] [--seed S] [--mix clean|realistic|hostile]

Each run is the real command in a process of its own, from two CSV files to a finished OUT.json, so that loading,
matching, evidence and writing all count and its memory is its own. DuckDB's exact join on the same files runs in turn
with it; splink runs once, on at most 100,000 rows.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import recon_peers
from bench.recon_generator import MIXES, generate
from bench.recon_truth import Known, Verdict, gather, judge
from payos.kernel.bench import Report

ROOT = Path(__file__).resolve().parent.parent
SPLINK_ROWS = 100_000
Progress = Callable[[str], None]


def add_arguments(parser: Any) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows a side, about (1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same files (1)")
    parser.add_argument("--mix", choices=sorted(MIXES), default="realistic", help="what happens in the files")
    parser.add_argument("--repeat", type=int, default=1, help="timed runs; the median counts (1)")
    parser.add_argument("--scaling", action="store_true", help="also run a tenth of the rows and compare")
    parser.add_argument("--no-peers", action="store_true", help="without DuckDB and splink")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="leave the files here")


def run(options: dict[str, Any], progress: Progress) -> Report:
    folder = options.get("keep") or Path(tempfile.mkdtemp(prefix="payos-recon-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return _run(options, progress, folder)
    finally:
        if not options.get("keep"):
            shutil.rmtree(folder, ignore_errors=True)


def _run(options: dict[str, Any], progress: Progress, folder: Path) -> Report:
    report = Report("recon")
    known = _files(folder, options["rows"], options["seed"], options["mix"], progress)
    rates, summaries, keyed = [], [], []
    for turn in range(max(1, options["repeat"])):
        summary, memory = reconcile(folder, progress)
        summaries.append(summary)
        rates.append(summary["records_per_second"])
        progress(f"run {turn + 1}: {summary['records_per_second']:,} records/s")
        if not options["no_peers"] and importlib.util.find_spec("duckdb"):
            keyed.append(recon_peers.duckdb_keyed(folder))
    progress("judging")
    verdict = judge(known, folder / "out.json")
    _accuracy(report, verdict, options["mix"])
    summary = summaries[-1]
    records = summary["internal"] + summary["external"]
    report.figure("records", records, "rows")
    report.figure("end to end", [s["seconds"] for s in summaries], "s")
    report.figure("throughput", rates, "records/s")
    for name in summary["phases"]:
        report.figure(f"phase {name}", [s["phases"][name] for s in summaries], "s")
    report.figure("peak memory of the Python process", memory, "MB")
    middle = sorted(rates)[len(rates) // 2]
    report.ratio("records/s against the goal of 100,000", middle, 100_000, 1.0)
    if keyed:
        seconds = sorted(s for s, _ in keyed)[len(keyed) // 2]
        report.figure("DuckDB exact join, files to file", [s for s, _ in keyed], "s")
        report.ratio("time against DuckDB's exact join (the limit)", records / middle, seconds)
        report.figure("DuckDB matches", keyed[-1][1], "matches")
    if options["scaling"]:
        _scaling(report, options, progress, folder / "tenth", summary)
    if not options["no_peers"] and importlib.util.find_spec("splink"):
        _splink(report, options, progress, folder / "splink")
    return report


def _files(folder: Path, rows: int, seed: int, mix: str, progress: Progress) -> Known:
    progress(f"writing two files of about {rows:,} rows, mix {mix}, seed {seed}")
    return gather(generate(folder, rows, seed, mix))


def reconcile(folder: Path, progress: Progress) -> tuple[dict[str, Any], float]:
    """The command as anyone would run it; returns its summary and its peak memory in MB."""
    command = [
        sys.executable, str(ROOT / "manage.py"), "reconcile_files", str(folder / "internal.csv"),
        str(folder / "external.csv"), "--json", str(folder / "out.json"), "--quiet",
    ]  # fmt: skip
    # wait4 tells this child's memory; RUSAGE_CHILDREN would tell the largest child ever.
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stderr is not None
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"reconcile_files failed:\n{said}")
    with (folder / "out.json").open("rb") as file:
        file.seek(max(0, (folder / "out.json").stat().st_size - 1_000_000))
        tail = file.read()
    summary: dict[str, Any] = json.loads(tail.rpartition(b'\n],\n"summary":')[2].strip()[:-1])
    return summary, usage.ru_maxrss / 1024


def _accuracy(report: Report, verdict: Verdict, mix: str) -> None:
    made = sum(verdict.right.values()) + verdict.false_matches
    report.figure("false confirmed matches", verdict.false_matches, "matches")
    report.figure("recall of what is decidable", verdict.recall * 100, "%")
    report.figure("suggestions: truth among the first three", verdict.suggestion_rate * 100, "%")
    for kind, offered in sorted(verdict.firsts.items()):
        report.figure(f"first suggestions right, {kind}", verdict.firsts_right[kind] / offered * 100, "%")
    report.figure("discrepancy types right", verdict.type_rate * 100, "%")
    for event in sorted(set(verdict.wanted) | set(verdict.wrong)):
        right, wrong, wanted = verdict.right[event], verdict.wrong[event], verdict.wanted[event]
        if wanted:
            report.figure(f"recall of {event}", right / wanted * 100, "%")
        if right + wrong:
            report.figure(f"precision of {event}", right / (right + wrong) * 100, "%")
    for name, asked in sorted(verdict.types_asked.items()):
        report.figure(f"type {name} right", verdict.types_right[name] / asked * 100, "%")
    allowed = 0 if mix != "hostile" else made / 100_000
    report.ratio("false matches against what is allowed", verdict.false_matches, max(allowed, 1), 1.0 if allowed else 0.0, at_most=True)
    report.ratio("recall against its goal", verdict.recall, 0.995, 1.0)
    report.ratio("suggestions against their goal", verdict.suggestion_rate, 0.95, 1.0)
    report.ratio("discrepancy types against their goal", verdict.type_rate, 0.97, 1.0)
    for event, item in verdict.false_examples[:5]:
        report.notes.append(f"false match ({event}): {json.dumps(item)[:300]}")


def _scaling(report: Report, options: dict[str, Any], progress: Progress, folder: Path, whole: dict[str, Any]) -> None:
    folder.mkdir(exist_ok=True)
    for _ in generate(folder, options["rows"] // 10, options["seed"], options["mix"]):
        pass
    tenth, memory = reconcile(folder, progress)
    report.figure("a tenth of the rows", tenth["seconds"], "s")
    report.figure("peak memory with a tenth of the rows", memory, "MB")
    report.ratio("time of all rows against a tenth", whole["seconds"], tenth["seconds"], 12.0, at_most=True)


def _splink(report: Report, options: dict[str, Any], progress: Progress, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    rows = min(options["rows"], SPLINK_ROWS)
    progress(f"splink on {rows:,} rows")
    known = _files(folder, rows, options["seed"], options["mix"], progress)
    ours, _ = reconcile(folder, progress)
    verdict = judge(known, folder / "out.json")
    try:
        theirs = recon_peers.splink_link(folder, known)
    except Exception as error:  # a peer that fails is a note, not the end of the benchmark
        report.notes.append(f"splink did not finish: {type(error).__name__}: {str(error)[:200]}")
        return
    report.figure(f"splink on {rows:,} rows", theirs["seconds"], "s")
    report.figure("splink false matches", theirs["wrong"], "matches")
    report.figure("splink recall of one-to-one pairs", theirs["recall_of_pairs"] * 100, "%")
    report.figure("ours on the same rows", ours["seconds"], "s")
    report.figure("our false matches on the same rows", verdict.false_matches, "matches")
    report.ratio("our time against splink's", ours["seconds"], theirs["seconds"])
