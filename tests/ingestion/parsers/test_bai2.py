"""BAI2 traps, each as small as it can be."""

from __future__ import annotations

import io
from datetime import date

import pytest

from ingestion.parsers.records import Unreadable
from tests.ingestion.parsers.helpers import Read

HEAD = "01,122099999,123456789,260621,0200,1,80,1,2/\n02,031001234,122099999,1,260620,2359,USD,2/\n"


def test_the_sample_of_the_specification() -> None:
    read = Read(
        HEAD + "03,0123456789,,010,+4350000,,,040,2830000,,/\n88,072,1020000,,,074,500000,,/\n"
        "16,115,450000,S,100000,200000,150000,,,/\n49,9150000,4/\n98,9150000,1,6/\n99,9150000,1,8/\n"
    )
    assert read.format == "bai2"
    statement = read.statements[0]
    assert (statement.account, statement.opening_minor, statement.balances_ok) == ("0123456789", 4350000, True)
    assert read.amounts == [450000] and read.lines[0].type_code == "115"
    assert read.flags == [] and read.rejects == []


def test_credits_and_debits_both_add_to_the_control_total() -> None:
    body = "03,1,USD,010,100,,/\n16,165,50,Z,B1,C1,IN/\n16,475,30,Z,,4711,CHECK/\n"
    good = Read(HEAD + body + "49,180,4/\n98,180,1,6/\n99,180,1,8/\n")
    assert good.amounts == [50, -30] and good.statements[0].balances_ok is True
    netted = Read(HEAD + body + "49,120,4/\n98,120,1,6/\n99,120,1,8/\n")
    assert netted.amounts == [50, -30], "wrong totals lose no line"
    assert netted.statements[0].balances_ok is False and "control_total" in netted.flags


def test_several_records_on_one_physical_line() -> None:
    read = Read(
        HEAD.replace("\n", "   ") + "03,1,USD,010,100,,/ 16,165,50,Z,,,ONE/ 16,165,60,Z,,,TWO 1/2/  49,210,4/ 98,210,1,6/ 99,210,1,8/"
    )
    assert read.amounts == [50, 60]
    assert [line.description for line in read.lines] == ["ONE", "TWO 1/2"]
    assert read.statements[0].balances_ok is True


def test_text_that_looks_a_little_like_a_record_is_text() -> None:
    read = Read(HEAD + "03,1,USD,010,100,,/\n16,165,50,Z,,,PAID 11/16, THANKS/\n49,150,3/\n98,150,1,5/\n99,150,1,7/\n")
    assert read.amounts == [50] and read.lines[0].description == "PAID 11/16, THANKS"


def test_continuation_may_split_a_field_group_anywhere() -> None:
    read = Read(
        HEAD
        + "03,1,USD,010\n88,500,,,015/\n88,700,,,100,200\n88,1,S,1,2,3,400,0,,/\n16,165\n88,200,Z,REF\n88,CUST,TEXT\n88,MORE/\n49,1600,8/\n98,1600,1,10/\n99,1600,1,12/\n"
    )
    statement = read.statements[0]
    assert (statement.opening_minor, statement.closing_minor) == (500, 700)
    line = read.lines[0]
    assert (line.amount_minor, line.references, line.description) == (200, {"bank": "REF", "customer": "CUST"}, "TEXT MORE")
    assert statement.controls["account_total"]["ok"] is True


def test_wrapped_line_without_88_continues_the_record() -> None:
    read = Read(HEAD + "03,1,USD,,,,/\n16,165,50,Z,,,FIRST HALF\nSECOND HALF   /\n49,50,3/\n98,50,1,5/\n99,50,1,7/\n")
    assert read.lines[0].description == "FIRST HALF SECOND HALF" and not read.rejects


@pytest.mark.parametrize(
    ("funds", "references", "value_date"),
    [
        ("0", {"bank": "B", "customer": "C"}, date(2026, 6, 20)),
        ("", {"bank": "B", "customer": "C"}, date(2026, 6, 20)),
        ("S,10,20,30", {"bank": "B", "customer": "C"}, date(2026, 6, 20)),
        ("V,260622,", {"bank": "B", "customer": "C"}, date(2026, 6, 22)),
        ("V,20260622,1200", {"bank": "B", "customer": "C"}, date(2026, 6, 22)),
        ("D,2,0,30,1,30", {"bank": "B", "customer": "C"}, date(2026, 6, 20)),
    ],
)
def test_funds_types_take_as_many_fields_as_they_say(funds: str, references: dict[str, str], value_date: date) -> None:
    read = Read(HEAD + f"03,1,USD,,,,/\n16,165,60,{funds},B,C,TEXT/\n49,60,3/\n")
    line = read.lines[0]
    assert (line.references, line.value_date, line.description) == (references, value_date, "TEXT")


def test_missing_trailers_lose_nothing_and_are_flagged() -> None:
    read = Read(HEAD + "03,1,USD,010,100,,/\n16,165,50,Z,,,ONE")
    assert read.amounts == [50] and read.statements[0].balances_ok is None
    assert {"missing_account_trailer", "missing_group_trailer", "missing_file_trailer"} <= set(read.flags)


def test_blank_total_is_not_wrong() -> None:
    read = Read(HEAD + "03,1,USD,010,100,,/\n49,,2/\n98,0,1,4/\n99,0,1,6/\n")
    assert read.statements[0].balances_ok is None and "control_total_blank" in read.flags


def test_windows_1252_and_eight_digit_dates() -> None:
    text = (HEAD.replace("260620", "20260620") + "03,1,USD,,,,/\n16,475,100,Z,,,Café/\n49,100,3/\n").encode("cp1252")
    read = Read(text)
    assert read.lines[0].description == "Café" and read.lines[0].booking_date == date(2026, 6, 20)


def test_currency_and_decimal_point() -> None:
    read = Read(
        HEAD.replace("USD", "JPY") + "03,1,,,,,/\n16,165,1500,Z,,,YEN/\n49,1500,3/\n03,2,USD,,,,/\n16,165,12.50,Z,,,POINT/\n49,1250,3/\n"
    )
    assert [(line.currency, line.amount_minor) for line in read.lines] == [("JPY", 1500), ("USD", 1250)]


def test_what_cannot_be_read_is_rejected_with_its_line() -> None:
    read = Read(HEAD + "03,1,USD,,,,/\n16,165,5O,Z,,,LETTER O/\n16,012,5,Z,,,STATUS/\n16,165,7,Z,,,FINE/\nhello\n49,7,3/\n")
    assert read.amounts == [7]
    assert sorted((reject.position, reject.raw[:6]) for reject in read.rejects) == [(4, "16,165"), (5, "16,012"), (7, "hello")]
    assert read.statements[0].balances_ok is False


def test_line_without_an_account_is_kept() -> None:
    read = Read("01,S,R,260615,0800,1,80,1,2/\n02,R,S,1,260615,0800,USD,2/\n16,475,100,Z,,,X/\n99,0,1,3/\n")
    assert read.amounts == [-100] and "missing_account" in read.flags


def test_no_bai2_at_all() -> None:
    with pytest.raises(Unreadable, match="two-digit code"):
        Read("00,0004,1/2/345,06/0321,0829,001,80,1,2/\n", format="bai2")


def test_the_bai2_library_agrees_where_it_can_read() -> None:
    from bai2 import bai2 as library

    text = (
        HEAD + "03,0975312468,USD,010,500000,,,015,510000,,/\n16,165,15000,Z,BANKREF,CUSTREF,LOCKBOX/\n"
        "16,475,5000,Z,BANK2,CHECK1,PAID/\n49,1030000,4/\n98,1030000,1,6/\n99,1030000,1,8/\n"
    )
    theirs = library.parse_from_file(io.StringIO(text), check_integrity=True).children[0].children[0]
    ours = Read(text)
    assert [item.amount for item in theirs.children] == [abs(amount) for amount in ours.amounts] == [15000, 5000]
    assert [item.bank_reference for item in theirs.children] == [line.references["bank"] for line in ours.lines]
    assert ours.statements[0].balances_ok is True


def test_lines_that_a_mainframe_put_on_top() -> None:
    read = Read("$$ADD ID=TEST BATCHID='X'\n" + HEAD + "03,1,USD,,,,/\n16,165,50,Z,,,ONE/\n49,50,3/\n98,50,1,5/\n99,50,1,7/\n")
    assert read.format == "bai2" and read.amounts == [50] and len(read.rejects) == 1


def test_a_whole_file_on_one_line_without_a_space() -> None:
    text = HEAD + "03,1,USD,010,100,,/\n88,100,50,1,,/\n16,165,50,Z,,,TEXT/\n49,200,4/\n98,200,1,6/\n99,200,1,8/"
    read = Read(text.replace("\n", ""))
    assert read.amounts == [50] and read.statements[0].balances_ok is True and read.flags == []
