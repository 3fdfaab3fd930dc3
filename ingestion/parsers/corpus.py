"""Hold the readers against a folder of sample files with a manifest of independently computed facts.

The manifest is tab-separated: format, path, source, licence, bytes, validity, facts (JSON). Facts are what another
reader counted (statements, transactions, sums, how many balances agree); a disagreement is a reason to look.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from ingestion.parsers.amounts import currency_exponent
from ingestion.parsers.records import Flag, Line, Reject, StatementEnd, Unreadable
from ingestion.parsers.registry import open_file

FORMATS = ("bai2", "mt940", "camt", "ofx", "bankcsv", "stripe", "paypal", "mpesa", "psp-other")
REPOSITORY = Path(__file__).resolve().parents[2]


def folder() -> Path | None:
    """Where the samples are: PAYOS_CORPORA, or `shared/corpora` beside the repository; None where neither exists."""
    named = os.environ.get("PAYOS_CORPORA")
    path = Path(named) if named else REPOSITORY.parent / "shared" / "corpora"
    return path if (path / "MANIFEST.tsv").is_file() else None


@dataclass
class Sample:
    """One line of the manifest."""

    format: str
    path: str
    validity: str
    facts: dict[str, Any]

    @property
    def is_input(self) -> bool:
        """What other projects expect of their own parsers (JSON beside a statement) is not input."""
        return self.format in ("mpesa", "stripe") or not self.path.endswith(".json")


@dataclass
class Found:
    """What reading a sample gave."""

    error: str = ""
    format: str = ""
    statements: int = 0
    lines: int = 0
    total: Decimal = Decimal(0)
    agree: int = 0
    disagree: int = 0
    unknown: int = 0
    rejects: list[Reject] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def summary(self) -> str:
        if self.error:
            return f"refused: {self.error}"
        return (f"{self.statements} statements, {self.lines} lines, sum {self.total.normalize():f}, balances {self.agree} agree"
                f" {self.disagree} not {self.unknown} not stated, {len(self.rejects)} rejects")  # fmt: skip


def samples(root: Path) -> Iterator[Sample]:
    with (root / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["format"] in FORMATS:
                yield Sample(row["format"], row["path"], row["validity"], json.loads(row["facts"]) if row["facts"] else {})


def read(path: Path) -> Found:
    """Read one file and count what is in it."""
    found = Found()
    try:
        parsed = open_file(path)
        found.format = parsed.format
        for event in parsed.events:
            if isinstance(event, Line):
                found.lines += 1
                found.total += Decimal(event.amount_minor).scaleb(-currency_exponent(event.currency))
            elif isinstance(event, StatementEnd):
                found.statements += 1
                found.agree += event.balances_ok is True
                found.disagree += event.balances_ok is False
                found.unknown += event.balances_ok is None
            elif isinstance(event, Reject):
                found.rejects.append(event)
            elif isinstance(event, Flag):
                found.flags.append(event.code)
    except Unreadable as error:
        found.error = str(error)
    return found


def expected(sample: Sample) -> str:
    keys = ("stmts", "accounts", "tx", "invtx", "badamt", "sum", "bal_checkable", "bal_ok", "acct_ctl", "acct_ctl_ok", "lines")
    return ", ".join(f"{key} {sample.facts[key]}" for key in keys if key in sample.facts)


def differences(sample: Sample, found: Found) -> list[str]:
    """Where what was read departs from what the manifest states; empty means as expected."""
    facts = sample.facts
    invalid = sample.validity == "intentionally-invalid"
    transactions = int(facts.get("tx") or 0)
    if found.error:
        stated = transactions or int(facts.get("stmts") or facts.get("accounts") or 0)
        return [] if invalid or (sample.validity == "fragment" and not stated) else [f"refused: {found.error}"]
    if "oracle_error" in facts:
        return [] if found.rejects else ["nothing was rejected"]
    wrong: list[str] = []
    # The account of a line without a statement around it is counted by us and not by them.
    statements = facts.get("stmts", facts.get("accounts"))
    if statements is not None and found.statements != statements and (statements or not found.lines):
        wrong.append(f"statements {found.statements} instead of {statements}")
    if "tx" in facts:
        wanted = transactions + int(facts.get("invtx") or 0)
        if found.lines + len(found.rejects) != wanted:
            wrong.append(f"lines {found.lines} and rejects {len(found.rejects)} instead of {wanted}")
        if "sum" in facts and not found.rejects and found.total != Decimal(facts["sum"]):
            wrong.append(f"sum {found.total} instead of {facts['sum']}")
    for checkable, ok in (("bal_checkable", "bal_ok"), ("acct_ctl", "acct_ctl_ok")):
        if checkable in facts:
            if found.agree < facts[ok] or found.disagree > facts[checkable] - facts[ok]:
                wrong.append(f"balances {found.agree} agree, {found.disagree} not, instead of {facts[ok]} of {facts[checkable]}")
    if sample.format in ("bankcsv", "stripe", "psp-other") and "lines" in facts:
        rows = found.lines + len(found.rejects) + found.flags.count("totals_row") + found.flags.count("note_row")
        if not facts["lines"] - 2 <= rows <= facts["lines"]:
            wrong.append(f"{rows} rows accounted for, the file has {facts['lines']} lines with its header")
    if invalid and "tx" not in facts and sample.format in ("stripe", "bankcsv") and not found.rejects:
        wrong.append("an invalid file was read without a reject")
    return wrong
