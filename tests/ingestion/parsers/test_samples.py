"""Unusual and valid files of every format read as they mean it, whole, with nothing rejected."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.parsers import registry
from ingestion.parsers.records import Line, Reject, StatementEnd, Unreadable
from tests.ingestion.parsers.samples import SAMPLES

REPOSITORY = Path(__file__).resolve().parents[3]


def read(data: bytes, name: str = "") -> tuple[list[StatementEnd], list[list[Line]], list[Reject]]:
    ends, lines, rejects = [], [[]], []
    for event in registry.open_file(io.BytesIO(data), name=name).events:
        if isinstance(event, Line):
            lines[-1].append(event)
        elif isinstance(event, StatementEnd):
            ends.append(event)
            lines.append([])
        elif isinstance(event, Reject):
            rejects.append(event)
    return ends, lines[:-1], rejects


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_reads_as_it_means(name: str) -> None:
    data, expected = SAMPLES[name]
    ends, lines, rejects = read(data, name)
    assert rejects == []
    assert len(ends) == len(expected)
    for end, got, (account, currency, opening, closing, ok, wanted) in zip(ends, lines, expected, strict=True):
        assert [(line.amount_minor, str(line.value_date)) for line in got] == [(amount, day) for amount, day, _ in wanted]
        for line, (_, _, reference) in zip(got, wanted, strict=True):
            assert reference is None or line.reference == reference
        assert account is None or end.account == account
        assert currency is None or end.currency == currency
        assert (end.opening_minor, end.closing_minor, end.balances_ok) == (opening, closing, ok)


@pytest.mark.parametrize("reason", ["2.005", "99999999999999999999999999", "1e300", "1e999999999", "9" * 5000])
def test_a_number_that_no_amount_can_be_costs_its_own_record_only(reason: str) -> None:
    for data in (
        f"Date,Amount,Currency\n2026-11-01,{reason},USD\n2026-11-02,1.00,USD\n",
        f'[{{"date":"2026-11-01","amount":{reason},"currency":"USD"}},{{"date":"2026-11-02","amount":1.00,"currency":"USD"}}]',
        f'{{"date":"2026-11-01","amount":{reason},"currency":"USD"}}\n{{"date":"2026-11-02","amount":1.00,"currency":"USD"}}\n',
    ):
        _, lines, rejects = read(data.encode())
        assert [line.amount_minor for line in lines[0]] == [100] and len(rejects) == 1


def test_a_summary_without_rows_is_said_to_be_none() -> None:
    with pytest.raises(Unreadable, match="no header with a date and an amount"):
        read(b"category,description,net_amount,currency\nstarting_balance,Starting balance,100.00,usd\npayouts,Payouts,-1.00,usd\n")


CHILD = """
import io, json, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
import django
django.setup()
from django.core.management import call_command
from ingestion.management.commands import parse_file
for path in sys.argv[1:]:
    out, err, code = io.StringIO(), io.StringIO(), 0
    try:
        call_command(parse_file.Command(stdout=out, stderr=err), path, "--json")
    except SystemExit as stop:
        code = stop.code
    print(json.dumps([path.rsplit("/", 1)[1], code, err.getvalue()[:300], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10]), flush=True)
"""

# The beginning of a line that goes on for two gigabytes.
ENDLESS = {
    "text.csv": b"Date,Amount\n2026-11-01,1.00\n", "swift.sta": b":20:X\n:25:1\n:28C:1\n:60F:C261120EUR10,00\n:61:2611211121C5,00NTRFA\n:86:",
    "cash.bai": b"01,A,B,261121,0600,1,,,2/\n02,A,B,1,261121,,USD,2/\n03,1,USD,010,100,,/\n16,142,100,0,B1,C1,",
    "money.ofx": b"<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>GBP<BANKTRANLIST><STMTTRN><MEMO>",
    "iso.xml": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt><Id>', "one.json": b'{"a":"',
    "lines.ndjson": b'{"date":"2026-11-01","amount":"1.00"}\n{"a":"',
}  # fmt: skip


def test_the_command_ends_soon_and_says_why(tmp_path: Path) -> None:
    """Everything at once in one process with little memory: what has a readable beginning is read up to the fault, all else is refused."""
    refused = {
        "empty": b"", "nul.csv": bytes(5000), "noise": bytes(range(256)) * 400, "noise.xlsx": b"PK\x03\x04" + bytes(range(256)) * 100,
        "noise.xls": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(range(256)) * 100, "deep.json": b"[" * 200_000, "deep.ofx": b"<OFX>" + b"<A>" * 2_100_000,
        "deep.xml": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02">' + b"<a>" * 100_000, "lines.csv": b"\n" * 1_000_000,
        "commas.csv": (b"," * 1000 + b"\n") * 2000, "wide.csv": b"Date,Amount" + b"," * 900_000 + b"\n2026-11-01,1.00\n", "page.xls": b"<html><body><table></table></body></html>",
        "doc.pdf": b"%PDF-1.7\n", "laughs.xml": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><Document>&b;</Document>',
    }  # fmt: skip
    for name, content in refused.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder").mkdir()
    for name, start in ENDLESS.items():
        with (tmp_path / name).open("wb") as file:
            file.write(start)
            file.truncate(2 << 30)
    names = [*refused, "folder", "missing", *ENDLESS]
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "payos.settings"}
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, *(str(tmp_path / name) for name in names)],
        cwd=REPOSITORY,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )
    said = {name: (code, why, memory) for name, code, why, memory in map(json.loads, ran.stdout.splitlines())}
    assert list(said) == names, ran.stderr[-2000:]
    for name in [*refused, "folder", "missing", "text.csv", "one.json"]:
        assert said[name][0] == 2 and said[name][1].startswith("parse_file: ") and len(said[name][1]) > 25, (name, said[name])
    assert all(said[name][0] in (0, 2) for name in ENDLESS)
    assert said[names[-1]][2] < 900, "megabytes"


def test_a_workbook_by_any_name_is_a_workbook(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["Date", "Description", "Amount"], ["2026-11-01", "A", 1.5], ["2026-11-02", "B", -2]):
        book.active.append(row)
    book.save(tmp_path / "statement.xlsx")
    data = (tmp_path / "statement.xlsx").read_bytes()
    for name in ("statement.xls", "statement.csv", "statement"):
        ends, lines, rejects = read(data, name)
        assert [line.amount_minor for line in lines[0]] == [150, -200] and rejects == [] and len(ends) == 1


def test_amounts_typed_as_text_beside_numbers_are_read_as_they_are_meant(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for row in (
        ["Datum", "Betrag", "Saldo", "Text"],
        ["01.11.2026", 1234.56, 1234.56, "x"],
        ["02.11.2026", "-1.000,00", "234,56", "y"],
        ["03.11.2026", -4.56, 230, "z"],
    ):
        book.active.append(row)
    book.save(tmp_path / "mixed.xlsx")
    ends, lines, rejects = read((tmp_path / "mixed.xlsx").read_bytes())
    assert [line.amount_minor for line in lines[0]] == [123456, -100000, -456] and rejects == []
    assert (ends[0].opening_minor, ends[0].closing_minor, ends[0].balances_ok) == (0, 23000, True)


def test_rows_without_the_unique_value_are_rows_in_every_currency() -> None:
    profile = {"name": "p", "columns": {"booking_date": "d", "amount": "a", "currency": "c"}, "references": {"id": "i"}, "unique": "id"}
    data = b"d,a,c,i\n2026-11-01,1.00,EUR,1\n2026-11-01,2.00,EUR,\n2026-11-01,3.00,EUR,\n2026-11-01,4.00,USD,\n2026-11-01,5.00,USD,\n2026-11-01,6.00,USD,1\n"
    events = list(registry.open_file(io.BytesIO(data), None, profile).events)
    assert [event.amount_minor for event in events if isinstance(event, Line)] == [100, 200, 300, 400, 500]
    assert [event.position for event in events if isinstance(event, Reject)] == [7]


def test_little_memory_was_used() -> None:
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10 < 2000
