"""parse_file and corpus_report as commands: exact output, exit codes, and no database anywhere near."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command

from ingestion.management.commands import corpus_report, parse_file
from ingestion.parsers import corpus, registry

REPOSITORY = Path(__file__).resolve().parents[3]
MT940 = ":20:A\n:25:NL1\n:28C:1\n:60F:C260101EUR1,00\n:61:2601020102C2,50NTRFREF1\n:86:Hello\n:61:bad\n:62F:C260102EUR3,50\n"


def run(*args: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(parse_file.Command(stdout=out, stderr=err), *args)
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, out.getvalue(), err.getvalue()


def test_exact_json(tmp_path: Path) -> None:
    path = tmp_path / "a.sta"
    path.write_text(MT940)
    code, out, err = run(str(path), "--json")
    assert code == 0 and err == ""
    assert json.loads(out) == {
        "format": "mt940", "parser_version": registry.FORMATS["mt940"].version,
        "statements": [{"account": "NL1", "currency": "EUR", "opening_minor": 100, "closing_minor": 350, "balances_ok": True,
                        "lines": [{"amount_minor": 250, "currency": "EUR", "value_date": "2026-01-02", "reference": "REF1", "description": "Hello"}]}],
        "rejects": [{"position": 7, "reason": "the line (61) cannot be read: date, C or D, amount, type, reference"}],
    }  # fmt: skip


def test_several_statements_and_none_of_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Date,Amount,Currency\n2026-01-01,1.00,EUR\n2026-01-01,2.00,USD\n")
    _, out, _ = run(str(path), "--json")
    assert [statement["currency"] for statement in json.loads(out)["statements"]] == ["EUR", "USD"]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02" * 100, b"1\n2\n3\n", b"%PDF-1.7"])
def test_nothing_readable_exits_2_and_says_why(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    code, out, err = run(str(path), "--json")
    assert code == 2 and json.loads(out)["error"] in err
    code, out, err = run(str(path))
    assert code == 2 and out == "" and err.startswith("parse_file: ")


def test_missing_file_and_unknown_format(tmp_path: Path) -> None:
    assert run(str(tmp_path / "none"), "--json")[0] == 2
    path = tmp_path / "a.sta"
    path.write_text(MT940)
    code, out, _ = run(str(path), "--format", "telex", "--json")
    assert code == 2 and "choose from" in json.loads(out)["error"]
    assert json.loads(run(str(path), "--format", "MT940", "--json")[1])["format"] == "mt940"


def test_profile_and_text_output(tmp_path: Path) -> None:
    path, profile = tmp_path / "a.csv", tmp_path / "p.json"
    path.write_text("x;y\n01.02.2026;1,50\n")
    profile.write_text(json.dumps({"name": "mine", "columns": {"booking_date": "x", "amount": "y"}, "currency": "CHF"}))
    code, out, _ = run(str(path), "--profile", str(profile))
    assert code == 0 and "profile mine" in out and "1.50 CHF" in out and "2026-02-01" in out
    profile.write_text('{"name": "mine", "columns": {}}')
    assert run(str(path), "--profile", str(profile), "--json")[0] == 2


def test_corpus_report_on_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "good.sta").write_text(MT940.replace(":61:bad\n", ""))
    (tmp_path / "MANIFEST.tsv").write_text(
        'format\tpath\tsource\tlicence\tbytes\tvalidity\tfacts\nmt940\tgood.sta\town\t-\t1\tvalid\t"{""stmts"": 1, ""tx"": 1, ""sum"": ""2.50"", ""bal_checkable"": 1, ""bal_ok"": 1}"\n'
    )
    out = io.StringIO()
    call_command(corpus_report.Command(stdout=out), "--folder", str(tmp_path))
    assert "1 ok" in out.getvalue()
    (tmp_path / "good.sta").write_text(MT940.replace(":61:bad\n", "").replace("2,50", "2,60"))
    with pytest.raises(SystemExit):
        call_command(corpus_report.Command(stdout=out), "--folder", str(tmp_path))
    assert "differs: sum 2.60 instead of 2.50" in out.getvalue()


def test_manifest_arithmetic_notices_every_kind_of_difference() -> None:
    sample = corpus.Sample("mt940", "x", "valid", {"stmts": 2, "tx": 3, "sum": "1.00", "bal_checkable": 2, "bal_ok": 2})
    assert len(corpus.differences(sample, corpus.Found(statements=1, lines=2, agree=1, disagree=1))) == 4
    assert corpus.differences(sample, corpus.Found(error="no")) == ["refused: no"]


def test_manage_py_starts_no_database(tmp_path: Path) -> None:
    path, home = tmp_path / "a.sta", tmp_path / "home"
    path.write_text(MT940)
    env = {**os.environ, "PAYOS_HOME": str(home)}
    for name in ("DATABASE_URL", "PAYOS_DATABASE_URL"):
        env.pop(name, None)
    done = subprocess.run(
        [sys.executable, "manage.py", "parse_file", str(path), "--json"],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["statements"][0]["balances_ok"] is True
    assert not any("postgres" in item.name or "pgdata" in item.name or item.name == "PG_VERSION" for item in home.rglob("*"))
