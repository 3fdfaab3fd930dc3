"""Workbooks with several sheets, and old .xls files that are really old."""

from __future__ import annotations

import io
from datetime import date

import openpyxl
import pytest

from ingestion.parsers.records import Flag, Unreadable
from tests.ingestion.parsers import xls
from tests.ingestion.parsers.helpers import Read

HEADER = ["Date", "Description", "Amount", "Balance"]
JANUARY = [HEADER, [date(2026, 1, 2), "Rent", -1200.5, 800.25], [date(2026, 1, 3), "Salary", 2500, 3300.25]]
FEBRUARY = [HEADER, [date(2026, 2, 2), "Rent", -1200.5, 2099.75]]


def book(sheets: dict[str, list[list[object]]]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        made = workbook.create_sheet(name)
        for row in rows:
            made.append(row)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def notes(read: Read, code: str) -> list[str]:
    return [event.detail for event in read.events if isinstance(event, Flag) and event.code == code]


def test_every_sheet_with_a_table_is_read() -> None:
    read = Read(book({"January": JANUARY, "February": FEBRUARY}))
    assert read.amounts == [-120050, 250000, -120050]
    assert [(end.line_count, end.opening_minor, end.closing_minor) for end in read.statements] == [(2, 200075, 330025), (1, 330025, 209975)]
    assert [line.position for line in read.lines] == [2, 3, "February!2"]
    assert [end.number for end in read.statements] == ["", "February"]
    assert not notes(read, "sheet_skipped") and not notes(read, "other_sheets")


def test_sheets_that_are_not_read_are_named_with_the_reason() -> None:
    read = Read(
        book(
            {
                "Cover": [["Statement of account"], ["Prepared for you"]],
                "Lines": JANUARY,
                "Chart": [],
                "Legend": [["Code", "Meaning"], ["TRF", "Transfer"]],
            }
        )
    )
    assert read.amounts == [-120050, 250000]
    said = notes(read, "sheet_skipped")
    assert [text.split("'")[1] for text in said] == ["Cover", "Chart", "Legend"] and "no rows" in said[1]


def test_a_sheet_without_header_goes_on_where_the_one_before_ended() -> None:
    read = Read(book({"Sheet1": JANUARY, "Sheet2": FEBRUARY[1:]}))
    assert read.amounts == [-120050, 250000, -120050] and read.lines[2].position == "Sheet2!1"
    assert read.flags.count("assumed") == 1


def test_numbers_beside_a_table_are_no_second_table() -> None:
    read = Read(book({"Lines": JANUARY, "Pivot": [["Rent", -2401.0], ["Salary", 2500.0]]}))
    assert len(read.lines) == 2 and "Pivot" in notes(read, "sheet_skipped")[0]


def test_a_sheet_named_after_its_account_is_that_accounts() -> None:
    read = Read(book({"EUR 12345678": JANUARY, "USD 87654321": FEBRUARY}))
    assert read.statements[1].account == "USD 87654321" and read.statements[1].currency == "USD"
    assert {line.currency for line in read.lines[2:]} == {"USD"}


def test_a_profile_that_names_a_sheet_reads_that_one_and_says_what_else_there_is() -> None:
    profile = {"name": "p", "columns": {"booking_date": ["Date"], "amount": ["Amount"]}, "sheet": "February"}
    read = Read(book({"January": JANUARY, "February": FEBRUARY}), profile=profile)
    assert read.amounts == [-120050] and "January" in notes(read, "other_sheets")[0]


def test_nothing_to_read_in_any_sheet_is_said() -> None:
    with pytest.raises(Unreadable, match="Cover"):
        Read(book({"Cover": [["Hello"]], "Empty": []}))


def test_an_old_xls_file_is_read_by_its_content() -> None:
    data = xls.workbook({"Umsätze": JANUARY, "Février": FEBRUARY})
    for name in ("statement.xls", "statement.csv", ""):
        read = Read(data, name=name)
        assert read.format == "xlsx" and read.amounts == [-120050, 250000, -120050]
    assert read.lines[0].booking_date == date(2026, 1, 2) and read.lines[0].description == "Rent"
    assert read.statements[0].balances_ok is True and read.statements[0].closing_minor == 330025


def test_old_xls_with_text_amounts_integers_and_gaps() -> None:
    rows = [
        ["Account:", "12345678 EUR"],
        [],
        ["Buchungstag", "Verwendungszweck", "Betrag", "Währung"],
        ["02.01.2026", "Miete", "-1.200,50", "EUR"],
        [None, None, None, None],
        ["03.01.2026", "Lohn", 2500, "EUR"],
    ]
    read = Read(xls.workbook({"Tabelle1": rows}))
    assert read.amounts == [-120050, 250000] and read.statements[0].account == "12345678" and read.statements[0].currency == "EUR"


@pytest.mark.parametrize("cut", [600, 1000, 1500, 2000, 3000, 4500])
def test_a_cut_off_xls_file_says_so(cut: int) -> None:
    data = xls.workbook({"Sheet1": JANUARY})
    try:
        read = Read(data[:cut])
    except Unreadable as error:
        assert len(str(error)) > 15
    else:
        assert read.amounts == [-120050, 250000]  # the padding alone was cut
