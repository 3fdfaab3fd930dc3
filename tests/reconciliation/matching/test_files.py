"""The file command: what it reads, what it refuses, what it prints."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from reconciliation.management.commands.reconcile_files import Command, reconcile
from reconciliation.matching import load
from reconciliation.matching.spec import Spec

HEADER = "id,date,amount,currency,reference,counterparty,description,type,batch_id,fee\n"


def files(folder: Path, mine: str, theirs: str) -> tuple[Path, Path]:
    one, two = folder / "books.csv", folder / "bank.csv"
    one.write_text(mine)
    two.write_text(theirs)
    return one, two


def run(folder: Path, mine: str, theirs: str, spec: Spec | None = None) -> dict:
    one, two = files(folder, mine, theirs)
    reconcile(one, two, spec or Spec(), lambda _: None, out=str(folder / "out.json"))
    return json.loads((folder / "out.json").read_text())


def test_the_shape_of_the_result(tmp_path):
    result = run(
        tmp_path,
        HEADER + "a,2026-03-10,10.00,USD,R-10001,,,,,\nb,2026-03-10,5.00,USD,,,,,,\n",
        HEADER + "x,2026-03-10,10.00,USD,R-10001,,,,,\n",
    )
    assert list(result) == ["matches", "suggestions", "discrepancies", "summary"]
    assert set(result["matches"][0]) == {"internal", "external", "level", "method", "confidence", "reason", "difference_minor"}
    assert result["discrepancies"] == [
        {"type": "missing_settlement", "internal": ["b"], "external": [], "expected_minor": 500, "actual_minor": 0, "reason": {}}
    ]
    summary = result["summary"]
    assert (summary["internal"], summary["external"], summary["matched_internal"], summary["matched_external"]) == (2, 1, 1, 1)
    assert summary["match_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert summary["seconds"] > 0 and summary["records_per_second"] >= 0


def test_only_four_columns_are_required_in_any_order_and_others_are_passed_over(tmp_path):
    mine = "currency,note,amount,date,id,counterparty\nUSD,x,10.00,2026-03-10,a,Acme Ltd\n"
    theirs = "id;date;amount;currency;counterparty\nx;2026-03-11;10.00;USD;ACME LTD\n"
    assert [m["external"] for m in run(tmp_path, mine, theirs)["matches"]] == [["x"]]


def test_bad_rows_are_named_and_the_good_ones_stay(tmp_path):
    mine = HEADER + (
        "a,2026-03-10,10.00,USD,R-10001,,,,,\n"
        "b,2026-02-31,10.00,USD,R-10002,,,,,\n"
        "c,2026-03-10,ten,USD,R-10003,,,,,\n"
        "d,2026-03-10,10.005,USD,R-10004,,,,,\n"
        "e,2026-03-10,10.00,XXX,R-10005,,,,,\n"
        ",2026-03-10,10.00,USD,R-10006,,,,,\n"
        "g,2026-03-10,10.00\n"
        "h,2026-03-10,1e3,USD,R-10007,,,,,\n"
    )
    result = run(tmp_path, mine, HEADER + "x,2026-03-10,10.00,USD,R-10001,,,,,\n")
    assert len(result["matches"]) == 1
    summary = result["summary"]
    assert (summary["internal"], summary["rejected"]) == (1, 7)
    assert [reject["line"] for reject in summary["rejects"]] == [3, 4, 5, 6, 7, 8, 9]
    errors = " / ".join(reject["error"] for reject in summary["rejects"])
    for words in ("no date", "no decimal number", "more than the 2 decimal places", "no currency", "the id is empty", "3 cells"):
        assert words in errors


@pytest.mark.parametrize("amount", ["10", "10.0", "10.00", "10.000", "+10.00", "010.00"])
def test_one_amount_written_in_many_ways(tmp_path, amount):
    result = run(tmp_path, HEADER + f"a,2026-03-10,{amount},USD,R-10001,,,,,\n", HEADER + "x,2026-03-10,10.00,USD,R-10001,,,,,\n")
    assert result["matches"][0]["difference_minor"] == 0


def test_awkward_text_survives_the_way_through(tmp_path):
    mine = HEADER + '"a""1\\x",2026-03-10,10.00,USD,"R-1 ""q"" \\ ü",,,,,\n'
    theirs = HEADER + '"tab\there",2026-03-10,10.00,USD,"R-1 ""q"" \\ ü",,,,,\n'
    [found] = run(tmp_path, mine, theirs)["matches"]
    assert (found["internal"], found["external"]) == (['a"1\\x'], ["tab\there"])
    assert found["reason"]["reference"] == 'R-1 "q" \\ ü'


@pytest.mark.parametrize(
    ("mine", "words"),
    [
        ("id,date,amount\na,2026-03-10,1.00\n", "no column currency"),
        ("", "no column id"),
        ("id,id,date,amount,currency\n", "the column id twice"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, mine, words):
    one, two = files(tmp_path, mine, HEADER)
    with pytest.raises(load.LoadError, match=words):
        reconcile(one, two, Spec(), lambda _: None)


def test_a_missing_file_and_a_wrong_option_are_plain_errors(tmp_path):
    one, two = files(tmp_path, HEADER, HEADER)
    with pytest.raises(CommandError, match="there is no file"):
        call_command(Command(), str(tmp_path / "nothing.csv"), str(two))
    with pytest.raises(CommandError, match="0 to 60 days"):
        call_command(Command(), str(one), str(two), "--window", "99")


def test_empty_files_reconcile_to_nothing(tmp_path):
    result = run(tmp_path, HEADER, HEADER)
    assert result["matches"] == result["discrepancies"] == [] and result["summary"]["match_rate"] == 0


def test_json_on_standard_output_is_alone_there(tmp_path, capfdbinary):
    one, two = files(tmp_path, HEADER + "a,2026-03-10,10.00,USD,R-10001,,,,,\n", HEADER + "x,2026-03-10,10.00,USD,R-10001,,,,,\n")
    code = (
        "import os, sys, django; django.setup();"
        "from reconciliation.management.commands.reconcile_files import Command;"
        "from django.core.management import call_command;"
        f"call_command(Command(), {str(one)!r}, {str(two)!r}, '--json', '-')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert json.loads(done.stdout)["summary"]["matched_internal"] == 1
    assert b"load" in done.stderr


def test_the_summary_reads_well(tmp_path, capsys):
    one, two = files(tmp_path, HEADER + "a,2026-03-10,10.00,USD,R-10001,,,,,\n", HEADER + "x,2026-03-10,11.00,USD,R-10001,,,,,\n")
    call_command(Command(), str(one), str(two), "--quiet")
    said = capsys.readouterr().out
    assert "1 internal and 1 external rows" in said and "amount mismatch" in said
