"""Small hand-made files, matched by the real engine in a real Postgres session."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciliation.management.commands.reconcile_files import connect
from reconciliation.matching import engine, export, load
from reconciliation.matching.spec import Spec

COLUMNS = ["id", "date", "amount", "currency", "reference", "counterparty", "description", "type", "batch_id", "fee"]


@dataclass
class Outcome:
    raw: bytes
    data: dict[str, Any] = field(default_factory=dict)
    result: engine.Result = field(default_factory=engine.Result)

    def __post_init__(self) -> None:
        self.data = json.loads(self.raw)

    @property
    def matches(self) -> list[tuple[list[str], list[str]]]:
        return [(sorted(m["internal"]), sorted(m["external"])) for m in self.data["matches"]]

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The matches as "a b|x" texts are hard to read: one pair per one-to-one match."""
        return {(m["internal"][0], m["external"][0]) for m in self.data["matches"] if len(m["internal"]) == len(m["external"]) == 1}

    @property
    def discrepancies(self) -> list[tuple[str, list[str], list[str]]]:
        return sorted((d["type"], sorted(d["internal"]), sorted(d["external"])) for d in self.data["discrepancies"])

    @property
    def suggestions(self) -> list[tuple[list[str], list[str]]]:
        return [(s["internal"], s["external"]) for s in self.data["suggestions"]]

    def match_of(self, row: str) -> dict[str, Any]:
        found = [m for m in self.data["matches"] if row in m["internal"] or row in m["external"]]
        assert len(found) == 1, f"{row} is in {len(found)} matches"
        return found[0]

    def methods(self) -> list[tuple[int, str]]:
        return [(m["level"], m["method"]) for m in self.data["matches"]]


def as_csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({"date": "2026-03-10", "currency": "USD", **row} for row in rows)
    return out.getvalue()


@pytest.fixture(scope="session")
def session() -> Iterator[psycopg.Connection]:
    with connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def match(session: psycopg.Connection, tmp_path: Path) -> Iterator[Callable[..., Outcome]]:
    def run(internal: list[dict[str, Any]], external: list[dict[str, Any]], spec: Spec | None = None) -> Outcome:
        session.rollback()
        for side, rows in (("internal", internal), ("external", external)):
            path = tmp_path / f"{side}.csv"
            path.write_text(as_csv(rows))
            load.load_file(session, side, path, lambda _: None)
        result = engine.run(session, spec or Spec())
        out = io.BytesIO()
        export.write(session, out.write, dict)
        outcome = Outcome(out.getvalue(), result=result)
        _lawful(outcome, internal, external)
        return outcome

    yield run
    session.rollback()


def _lawful(outcome: Outcome, internal: list[dict[str, Any]], external: list[dict[str, Any]]) -> None:
    """What every run must obey: each row in one match or one discrepancy, never in two, never in none."""
    for side, rows in (("internal", internal), ("external", external)):
        seen: dict[str, int] = {}
        for section in ("matches", "discrepancies"):
            for item in outcome.data[section]:
                for row in item[side]:
                    seen[row] = seen.get(row, 0) + 1
        assert seen == {row["id"]: 1 for row in rows}, f"{side}: {seen}"
    for item in outcome.data["matches"]:
        assert item["internal"] and item["external"]
        assert 0 <= item["confidence"] <= 100
        assert item["reason"]
