"""Blocks of rows read column by column must come out as rows read one by one do: on sample files, on changed ones, on made ones."""

from __future__ import annotations

import csv
import io
import random
from pathlib import Path

import pytest

from ingestion.parsers import corpus, processors, registry, tabular_bulk
from ingestion.parsers.records import Line, StatementEnd
from tests.ingestion.parsers.test_tables_quick import AMOUNTS, DAYS, events

ROOT = corpus.folder()


def is_table(path: Path) -> bool:
    head = path.read_bytes()[:8192]
    try:
        return registry.sniff(head, path.name) == "csv"
    except registry.Unreadable:
        return False


TABLES = [ROOT / sample.path for sample in corpus.samples(ROOT) if sample.is_input and is_table(ROOT / sample.path)] if ROOT else []


def compare(data: bytes, monkeypatch: pytest.MonkeyPatch, block: int = 1 << 14) -> int:
    slowly = events(data, monkeypatch, quick=False, plain=False, block=block)
    assert events(data, monkeypatch, quick=True, block=block) == slowly
    return 0 if isinstance(slowly, str) else sum(isinstance(event, Line) for event in slowly)


def longer(data: bytes, chance: random.Random) -> bytes:
    """A file with its later lines again and again, some of them changed."""
    lines = data.splitlines(keepends=True)
    head, body = (
        lines[: len(lines) // 2],
        [line if line.endswith((b"\n", b"\r")) else line + b"\n" for line in lines[len(lines) // 2 :]] or [b"\n"],
    )
    made = [chance.choice(body) for _ in range(300)]
    for _ in range(chance.choice([0, 0, 1, 20])):
        at = chance.randrange(len(made))
        line = bytearray(made[at])
        spot = chance.randrange(len(line))
        line[spot : spot + chance.choice([0, 1, 3])] = chance.choice(
            [b"", b",", b";", b'"', b" ", b"-", b".", b"0", b"\t", b"x", b"\xe9", b"\r\n", b"12"]
        )
        made[at] = bytes(line)
    return b"".join([*(line if line.endswith((b"\n", b"\r")) else line + b"\n" for line in head), *made])


@pytest.mark.skipif(not TABLES, reason="no sample files: set PAYOS_CORPORA or put them in ../shared/corpora")
def test_sample_files_and_changed_ones_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    for path in TABLES:
        data = path.read_bytes()
        chance = random.Random(path.name)
        read += compare(data, monkeypatch)
        for _ in range(6):
            read += compare(longer(data, chance), monkeypatch, block=chance.choice([700, 3000, 1 << 14]))
    assert read > 1000


@pytest.mark.parametrize("number", range(40))
def test_made_tables_come_out_the_same(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(number)
    mark, delimiter = chance.choice([(".", ","), (",", ";"), (".", ";"), (".", "\t"), (",", "|")])
    kinds = ["Date", "Description", "Amount"] + chance.sample(
        ["Value date", "Reference", "Name", "Currency", "Balance", "Account", "Type", "Fee", "Transaction ID", "Status", "Note"],
        chance.randrange(8),
    )
    if chance.random() < 0.4:
        kinds[kinds.index("Amount") : kinds.index("Amount") + 1] = chance.choice([["Debit", "Credit"], ["Amount", "Debit/Credit"]])
    amounts = chance.choice(
        [
            ["12.50", "-3.25", "1000.00"],
            ["1", "2.5", "-3.75", "120", "0.05"],
            [*AMOUNTS, "1_.00", "1._0", "12.0 ", "1. 00", " 7.00", "1\n2.00"],
            ["1,234.56", "0.10", "(5.00)"],
        ]
    )
    odd = chance.choice([0.0, 0.0, 0.002, 0.05])
    day = chance.choice(
        [
            ["2026-01-02", "2026-01-03"],
            ["02.01.2026", "13.01.2026"],
            ["01/02/2026", "01/13/2026"],
            ["2026-01-02 10:00:00", "2026-01-02T11:00:00Z"],
        ]
    )
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=delimiter, lineterminator=chance.choice(["\n", "\r\n"]), quoting=chance.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    )
    writer.writerow(kinds)
    for row in range(400):
        amount = lambda: chance.choice(amounts).replace(",", "").replace(".", mark)  # noqa: E731 - the same draw for several columns
        cells = {
            "Date": chance.choice(day), "Value date": chance.choice([*day, ""]) if odd else chance.choice(day), "Amount": amount(), "Debit": chance.choice(["", amount()]), "Credit": amount(),
            "Balance": amount(), "Fee": amount(), "Currency": chance.choice(["EUR"] * 60 + ["USD"]) if odd else "EUR", "Account": chance.choice(["1"] * 60 + ["2"]) if odd else "1",
            "Debit/Credit": chance.choice(["D", "C"]), "Reference": f"R{row}", "Transaction ID": f"T{row}", "Type": "TRF", "Status": "booked", "Note": chance.choice(["", " two  words "]),
            "Description": chance.choice(["Rent", " padded ", "", "ünïcode", f"number {row}", "tab\there"]), "Name": f"Customer {row % 7}",
        }  # fmt: skip
        line = [cells[kind] for kind in kinds]
        if chance.random() < odd:
            line = chance.choice([line[:2], [*line, "more"], [], ["Total", *line[1:]], [chance.choice(DAYS), *line[1:]], list(kinds)])
        writer.writerow(line)
    data = out.getvalue().encode(chance.choice(["utf-8", "utf-8-sig", "cp1252"]), "replace")
    compare(data, monkeypatch, block=chance.choice([500, 4000, 1 << 14]))


def test_most_blocks_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    read = tabular_bulk.Bulk.read

    def counted(self: tabular_bulk.Bulk, block: tabular_bulk.Block, currency: str, account: str) -> tabular_bulk.Read | None:
        found = read(self, block, currency, account)
        taken.append(len(found.lines) if found else 0)
        return found

    monkeypatch.setattr(tabular_bulk.Bulk, "read", counted)
    for header, row in (
        ("Date,Description,Amount,Currency", "2026-01-{day:02},x,{number}.5,EUR"), ("Date,Description,Debit,Credit,Balance", "2026-01-{day:02},x,,{number}.50,1.00"),
        ("Date;Verwendungszweck;Betrag;Kontonummer", "{day:02}.01.2026;x;{number},50;12345678"), ("Date,Description,Amount,Debit/Credit", '"2026-01-{day:02}","x","{number}.5","D"'),
    ):  # fmt: skip
        taken.clear()
        data = header + "\n" + "".join(row.format(day=number % 28 + 1, number=number) + "\n" for number in range(3000))
        found = events(data.encode(), monkeypatch, quick=True)
        assert sum(isinstance(event, Line) for event in found) == 3000 and sum(taken) > 2000


def test_processor_profiles_come_out_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(5)
    read = 0
    for profile in processors.PROFILES:
        names = list(
            dict.fromkeys([*profile.signature, *(names[0] for names in (*profile.columns.values(), *profile.references.values()))])
        )
        lines = [",".join(names)]
        for number in range(300):
            lines.append(",".join(
                f"2026-01-{number % 28 + 1:02}" if "date" in name or "time" in name or "created" in name else "usd" if "currency" in name else f"{number}.{number % 90 + 10}"
                if any(word in name for word in ("amount", "gross", "fee", "net", "debit", "credit", "balance", "paid")) else chance.choice(["paid", "charge", f"x{number}"]) for name in names
            ))  # fmt: skip
        read += compare("\n".join(lines).encode(), monkeypatch)
    assert read > 1000


@pytest.mark.parametrize("number", range(12))
def test_running_balances_come_out_the_same(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upwards, downwards, broken somewhere, missing somewhere."""
    chance = random.Random(number)
    balance, rows = 1000, []
    for row in range(300):
        amount = chance.choice([0, 5, -7, 1234])
        balance += amount
        rows.append([f"2026-{row // 28 + 1:02}-{row % 28 + 1:02}", f"text {row}", f"{amount / 100:.2f}", f"{balance / 100:.2f}"])
    if number % 3 == 1:
        rows.reverse()
    for _ in range(number % 4):
        chance.choice(rows)[3] = chance.choice(["", "0.01", "x"])
    text = "Date,Description,Amount,Balance\n" + "".join(",".join(row) + "\n" for row in rows)
    assert compare(text.encode(), monkeypatch, block=chance.choice([600, 3000, 1 << 14])) == 300
    found = [event for event in events(text.encode(), monkeypatch, quick=True) if isinstance(event, StatementEnd)]
    assert number % 4 or (found[0].balances_ok is True and found[0].opening_minor == 1000)
