"""Rows read in one step, and lines taken in blocks, must come out as the slower ways have them."""

from __future__ import annotations

import csv
import io
import random

import pytest

from ingestion.parsers import csvfile, registry, tabular, tabular_bulk
from ingestion.parsers.records import Event, Line
from tests.ingestion.parsers.helpers import Read


def events(data: bytes, monkeypatch: pytest.MonkeyPatch, *, quick: bool, plain: bool = True, block: int = 1 << 14) -> list[Event] | str:
    with monkeypatch.context() as patch:
        patch.setattr(csvfile, "BLOCK", block)
        if not quick:
            patch.setattr(tabular, "quick", lambda table: None)
            patch.setattr(tabular_bulk.Bulk, "read", lambda self, block, currency, account: None)
        if not plain:
            patch.setattr(csvfile._Source, "_columns", lambda self, text, done: None)
            patch.setattr(csvfile._Source, "_rows", lambda self, text, done: None)
        try:
            return list(registry.open_file(io.BytesIO(data)).events)
        except registry.Unreadable as error:
            return str(error)


AMOUNTS = ["1.00", "-1.00", "+1.00", "1", "-12.5", "1.", ".5", "-.50", "1,234.56", "(5.00)", "5.00-", "0.00", "-0.00", "007.10", "1_0.00", "١.00", " 3.00 ", "1e2", "", "9" * 17 + ".00",
           "12.345", "12.340", "$4.00", "4.00 DR", "-", "--1.00", "1.0.0", "1234567890123.45"]  # fmt: skip
DAYS = ["2026-01-02", "2026-01-03T10:00:00", "02 Jan 2026", "", "nonsense", "2026-02-30"]


@pytest.mark.parametrize(("mark", "currency"), [(".", "EUR"), (",", "EUR"), (".", "JPY"), (".", "KWD")])
@pytest.mark.parametrize(
    "header", ["Date,Description,Reference,Name,Amount,Currency,Balance", "Date,Memo,Details,Reference,Transaction ID,Amount,Currency"]
)
def test_one_step_and_many_give_the_same(mark: str, currency: str, header: str, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(f"{mark}{currency}{header}")
    out = io.StringIO()
    writer = csv.writer(out)
    names = header.split(",")
    writer.writerow(names)
    for _ in range(700):
        row = {name: chance.choice(["x", " y ", "", "a, b", 'q"q']) for name in names} | {
            "Date": chance.choice(DAYS[: chance.choice([1, 2, len(DAYS)])])
        }
        row |= {
            name: chance.choice(AMOUNTS if chance.random() < 0.3 else AMOUNTS[:5]).replace(".", mark)
            for name in ("Amount", "Balance")
            if name in names
        }
        row |= {"Currency": chance.choice([currency] * 20 + ["USD", currency.lower(), "EURO", ""])}
        cells = [row[name] for name in names]
        writer.writerow(cells[: chance.choice([len(cells)] * 9 + [3])] + ["more"] * chance.choice([0] * 9 + [1]))
    data = out.getvalue().encode()
    once, slowly = events(data, monkeypatch, quick=True), events(data, monkeypatch, quick=False)
    assert once == slowly and sum(isinstance(event, Line) for event in once) > 300


TEXTS = {
    "lines in cells": 'Date,Description,Amount\n' + '2026-01-02,"a\nb",1.00\n2026-01-03,c,2.00\n' * 40,
    "old line ends": "Date,Description,Amount\r" + "2026-01-02,a,1.00\r2026-01-03,c,2.00\r" * 40,
    "windows line ends": "Date,Description,Amount\r\n" + "2026-01-02,a,1.00\r\n\r\n2026-01-03,c,2.00\r\n" * 40,
    "a quote that never ends": "Date,Description,Amount\n" + "2026-01-02,a,1.00\n" * 30 + '2026-01-03,"c,2.00\n' + "2026-01-04,d,3.00\n" * 30,
    "quotes inside": "Date,Description,Amount\n" + '2026-01-02,"a ""x"" b",1.00\n2026-01-03,5" pipe,2.00\n' * 30,
    "kept as text": "Date,Description,Reference,Amount\n" + '2026-01-02,a,="0012",1.00\n="2026-01-03",b,="7",2.00\n' * 30,
    "nothing at the end": "Date,Description,Amount\n" + "2026-01-02,a,1.00\n" * 30 + "2026-01-03,b,2.00",
    "zero bytes": "Date,Description,Amount\n" + "2026-01-02,a,1.00\n" * 250 + "2026-01-02,a\0,1.00\n" * 3,
    "separators of other kinds": "Date,Description,Amount\n" + "2026-01-02,a\x0b\u2028\x85b,1.00\n" * 30,
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTS)
def test_blocks_and_single_rows_give_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = TEXTS[name].encode()
    wanted = events(data, monkeypatch, quick=True, plain=False, block=1 << 20)
    assert sum(isinstance(event, Line) for event in wanted) >= 30
    for block in (7, 19, 64, 333, 1 << 14):
        assert events(data, monkeypatch, quick=True, block=block) == wanted
        assert events(data, monkeypatch, quick=True, plain=False, block=block) == wanted


def test_positions_are_physical_lines_whatever_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csvfile, "BLOCK", 50)
    read = Read(
        'preamble,,\n\nDate,Description,Amount\n2026-01-02,a,1.00\n2026-01-02,"b\nc",2.00\n\n2026-01-03,d,3.00\n2026-01-03,e,oops\n'
    )
    assert [line.position for line in read.lines] == [4, 5, 8] and [reject.position for reject in read.rejects] == [9]


def test_most_rows_take_the_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    slow: list[int] = []
    plain = tabular.Table._row
    monkeypatch.setattr(tabular.Table, "_row", lambda self, number, row: slow.append(number) or plain(self, number, row))
    read = Read(
        "Date,Description,Amount,Currency\n" + "".join(f"2026-01-{number % 28 + 1:02},x,{number}.5,EUR\n" for number in range(1000))
    )
    assert len(read.lines) == 1000 and len(slow) <= 28
