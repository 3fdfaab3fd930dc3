"""The schema of a file run: the same results as temporary tables, and nothing left behind."""

from __future__ import annotations

import hashlib
import json
from functools import partial

import psycopg
import pytest
from django.conf import settings

from reconciliation.management.commands.reconcile_files import connect, reconcile
from reconciliation.matching import engine, export, load, scratch
from reconciliation.matching.spec import Spec
from tests.reconciliation.matching.conftest import as_csv

pytestmark = pytest.mark.skipif(not settings.EMBEDDED, reason="only the embedded database lends its owner's role")


def orphans() -> list[str]:
    """Schemas whose session is gone; runs of others, going on beside this test, do not count."""
    with connect() as connection:
        rows = connection.execute(
            "SELECT nspname FROM pg_namespace n WHERE starts_with(nspname, %(prefix)s) AND NOT EXISTS"
            " (SELECT FROM pg_stat_activity a WHERE a.pid::text = substr(n.nspname, length(%(prefix)s) + 1))",
            {"prefix": scratch.PREFIX},
        )
        return [row[0] for row in rows]


def test_both_kinds_of_tables_give_the_same_bytes(tmp_path):
    rows = [
        {
            "id": f"i{n}",
            "amount": f"{n % 40}.{n % 7}0",
            "reference": f"R-{n // 3:06d}" if n % 5 else "",
            "counterparty": f"Customer {n % 11}",
        }
        for n in range(1, 600)
    ]
    paths = {"internal": tmp_path / "i.csv", "external": tmp_path / "e.csv"}
    paths["internal"].write_text(as_csv(rows))
    paths["external"].write_text(
        as_csv([{**row, "id": "e" + row["id"][1:], "date": "2026-03-11"} for row in rows if int(row["id"][1:]) % 13])
    )
    reconcile(paths["internal"], paths["external"], Spec(), lambda _: None, out=str(tmp_path / "shared.json"))
    with connect() as connection:
        for side, path in paths.items():
            load.load_file(connection, side, path, lambda _: None)
        engine.run(connection, Spec())
        with (tmp_path / "temporary.json").open("wb") as file:
            export.write(connection, file.write, dict)
        connection.rollback()
    one, two = (
        hashlib.sha256((tmp_path / f"{name}.json").read_bytes().rpartition(b'"summary":')[0]).hexdigest()
        for name in ("shared", "temporary")
    )
    assert one == two
    assert orphans() == []


def test_a_failed_run_leaves_no_schema_and_the_next_clears_what_a_killed_one_left():
    owner = partial(connect, "owner")
    with owner() as connection:
        connection.execute(f"CREATE SCHEMA {scratch.PREFIX}999999999")
        connection.commit()
    assert orphans() == [f"{scratch.PREFIX}999999999"]
    with pytest.raises(psycopg.errors.DivisionByZero), scratch.schema(owner) as (connection, _):
        connection.execute("SELECT 1 / 0")
    assert orphans() == []


def test_signs_that_json_escapes_come_through_both_ways(tmp_path):
    odd = ['R"1"-0001', "R\\n-0002", "R-\u20ac-0003", "R-0004"]
    rows = [{"id": f"i{n}", "amount": f"{n + 10}.25", "reference": text} for n, text in enumerate(odd)]
    paths = {"internal": tmp_path / "i.csv", "external": tmp_path / "e.csv"}
    for name in ("odd", "plain"):
        kept = rows if name == "odd" else rows[2:]
        paths["internal"].write_text(as_csv(kept))
        paths["external"].write_text(as_csv([{**row, "id": "e" + row["id"][1:]} for row in kept]))
        reconcile(paths["internal"], paths["external"], Spec(), lambda _: None, out=str(tmp_path / "out.json"))
        found = json.loads((tmp_path / "out.json").read_text())
        assert [(m["internal"], m["reason"]["reference"]) for m in found["matches"]] == [([row["id"]], row["reference"]) for row in kept]
    with connect() as connection:
        for side, path in paths.items():
            load.load_file(connection, side, path, lambda _: None)
        engine.run(connection, Spec())
        again = tmp_path / "again.json"
        with again.open("wb") as file:
            export.write(connection, file.write, dict)
        connection.rollback()
    assert again.read_bytes().rpartition(b'"summary":')[0] == (tmp_path / "out.json").read_bytes().rpartition(b'"summary":')[0]


def test_a_run_that_fails_while_its_first_matches_are_written_leaves_no_document(tmp_path):
    rows = [{"id": f"i{n}", "amount": f"{n}.25", "reference": f"R-{n:06d}"} for n in range(1, 50)]
    for name in ("i", "e"):
        (tmp_path / f"{name}.csv").write_text(as_csv(rows))
    seen = []

    def stop(text: str) -> None:
        seen.append(text)
        if text.startswith("texts"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reconcile(tmp_path / "i.csv", tmp_path / "e.csv", Spec(), stop, out=str(tmp_path / "out.json"))
    assert seen and not (tmp_path / "out.json").exists()
    assert orphans() == []


def test_no_table_of_a_run_is_left_to_autovacuum_which_could_hold_it_when_the_schema_goes(tmp_path):
    """ANALYZE of recon_pair locks recon_exact as well: one that starts while the schema is dropped is a deadlock."""
    for name in ("internal", "external"):
        (tmp_path / f"{name}.csv").write_text(as_csv([{"id": f"{name}1", "amount": "1.25", "reference": "R-000001"}]))
    owner = partial(connect, "owner")
    with scratch.schema(owner) as (connection, name), scratch.session(owner, name) as helper:
        scratch.load_both(owner, name, {side: tmp_path / f"{side}.csv" for side in load.SIDES}, lambda _: None)
        engine.run(connection, Spec(), helper=helper)
        watched = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            " AND relname IN ('recon_internal', 'recon_external', 'recon_exact', 'recon_pair', 'recon_open_i', 'recon_rest_e')"
            " AND NOT coalesce(reloptions, '{}') @> '{autovacuum_enabled=off}'"
        ).fetchall()
    assert watched == []
    assert orphans() == []
