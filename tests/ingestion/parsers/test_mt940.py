"""MT940 and MT942 traps, each as small as it can be."""

from __future__ import annotations

from datetime import date

import pytest

from ingestion.parsers.records import Unreadable
from tests.ingestion.parsers.helpers import Read

HEAD = ":20:START\r\n:25:DE89370400440532013000\r\n:28C:1/1\r\n:60F:C260101EUR100,00\r\n"


def statement(lines: str, closing: str = "C260131EUR100,00", head: str = HEAD) -> Read:
    return Read(head + lines + f":62F:{closing}\r\n-\r\n")


@pytest.mark.parametrize(
    ("mark", "signed"), [("C", 1000), ("D", -1000), ("RC", -1000), ("RD", 1000), ("CR", 1000), ("DR", -1000), ("RDR", 1000)]
)
def test_marks_and_reversals(mark: str, signed: int) -> None:
    read = statement(f":61:2601020102{mark}10,NTRFNONREF\r\n", closing=f"C260131EUR{(10000 + signed) // 100},00")
    assert read.amounts == [signed] and read.statements[0].balances_ok is True


def test_february_the_thirtieth_is_clamped_and_flagged() -> None:
    read = statement(":61:2602300301C1,00N024NONREF\r\n", "C260301EUR101,00")
    assert read.lines[0].value_date == date(2026, 2, 28) and read.lines[0].booking_date == date(2026, 3, 1)
    assert "value_date" in read.flags and read.statements[0].balances_ok is True


def test_entry_date_in_the_year_nearest_to_the_value_date() -> None:
    read = statement(":61:2601011229C1,00NTRFNONREF\r\n:61:2512310102C1,00NTRFNONREF\r\n", "C260131EUR102,00")
    assert [line.booking_date for line in read.lines] == [date(2025, 12, 29), date(2026, 1, 2)]


@pytest.mark.parametrize("clock", [":26:37", ":25:11", ":20:37", ":28:59", ":13:00"])
def test_a_wrapped_time_is_no_field(clock: str) -> None:
    read = statement(f":61:260102D1,00NTRFNONREF\r\n:86:106?00CARD?20AT 12-09-2026T16\r\n{clock} MORE?3012345\r\n", "C260131EUR99,00")
    assert len(read.statements) == 1 and read.amounts == [-100]
    assert "16" + clock in read.lines[0].description and read.statements[0].balances_ok is True


def test_statement_number_over_two_lines_and_long_reference() -> None:
    read = Read(
        ":20:A\n:25:1\n:28C:00001\n/001\n:60F:C260101EUR0,\n:61:2601020102C5,NTRFREFERENCE-LONGER-THAN-SIXTEEN//BANKREF\nsupplement\n:62F:C260102EUR5,\n"
    )
    assert read.statements[0].number == "00001/001"
    line = read.lines[0]
    assert line.references == {"owner": "REFERENCE-LONGER-THAN-SIXTEEN", "bank": "BANKREF"} and line.description == "supplement"


def test_several_statements_each_with_its_own_balances() -> None:
    read = Read(
        HEAD
        + ":61:260102C1,00NTRFA\n:62F:C260102EUR101,00\n-\n:20:B\n:25:OTHER\n:28C:2\n:60F:D260101USD5,00\n:62F:D260101USD6,00\n-}{5:}\n"
    )
    assert [(item.account, item.currency, item.balances_ok) for item in read.statements] == [
        ("DE89370400440532013000", "EUR", True), ("OTHER", "USD", False),
    ]  # fmt: skip
    assert (read.statements[1].opening_minor, read.statements[1].closing_minor) == (-500, -600)


def test_swift_blocks_and_balances_without_a_new_reference() -> None:
    read = Read(
        "{1:F01BANKDEFFAXXX0000000000}{2:I940BANKDEFFXXXXN}{4:\r\n"
        + HEAD
        + ":62M:C260101EUR100,00\r\n:60M:C260101EUR100,00\r\n:61:260102C1,NTRFX\r\n:62F:C260102EUR101,\r\n-}"
    )
    assert [item.balances_ok for item in read.statements] == [True, True]
    assert read.statements[1].account == read.statements[0].account


def test_garbage_in_an_available_balance_costs_nothing() -> None:
    read = statement(":61:260102C1,00NTRFX\r\n", "C260131EUR101,00\r\n:65F:Dnullnull7414,3")
    assert read.amounts == [100] and "available_balance" in read.flags and not read.rejects


def test_german_narrative_gives_party_account_and_references() -> None:
    read = statement(
        ":61:260102C1,00NTRFX\r\n:86:166?00GUTSCHRIFT?109248?20EREF+E2E-1?21MREF+M-1?22SVWZ+Rechnung 4?23711 vom Mai\r\n?30DEUTDEFF?31DE02120300000000202051?32Muster?33mann GmbH\r\n",
        "C260131EUR101,00",
    )
    line = read.lines[0]
    assert (line.counterparty, line.counterparty_account) == ("Mustermann GmbH", "DE02120300000000202051")
    assert line.references["end_to_end"] == "E2E-1" and line.references["mandate"] == "M-1"
    assert line.description == "GUTSCHRIFT Rechnung 4711 vom Mai"


def test_dutch_narrative_wrapped_inside_a_key() -> None:
    read = statement(
        ":61:260102C1,00NTRFX\r\n:86:/EREF/ORDER-9//CNTP/NL02ABNA0123456789/ABNANL2A/J. JANSEN///RE\r\nMI/USTD//Invoice 42/\r\n",
        "C260131EUR101,00",
    )
    line = read.lines[0]
    assert (line.references["end_to_end"], line.counterparty, line.counterparty_account, line.description) == (
        "ORDER-9", "J. JANSEN", "NL02ABNA0123456789", "Invoice 42",
    )  # fmt: skip


def test_a_second_narrative_is_added() -> None:
    read = statement(":61:260102C1,00NTRFX\r\n:86:First\r\n:86:Second\r\n", "C260131EUR101,00")
    assert read.lines[0].description == "First Second"


def test_not_utf8() -> None:
    assert statement(":61:260102C1,00NTRFX\r\n:86:Müller\r\n").lines[0].description == "Müller"
    assert (
        Read((HEAD + ":61:260102C1,00NTRFX\r\n:86:Müller\r\n:62F:C260131EUR101,00\r\n").encode("cp1252")).lines[0].description == "Müller"
    )


def test_an_unreadable_line_is_rejected_and_does_not_lend_its_narrative() -> None:
    read = statement(":61:260102C1,00NTRFX\r\n:86:Mine\r\n:61:garbage\r\n:86:Lost\r\n:61:260103C2,00NTRFY\r\n", "C260131EUR103,00")
    assert [(line.amount_minor, line.description) for line in read.lines] == [(100, "Mine"), (200, "")]
    assert [reject.position for reject in read.rejects] == [7]


def test_mt942_totals() -> None:
    text = (
        ":20:R\n:25:1\n:28C:1\n:34F:EURD0,\n:13D:2601021200+0100\n:61:260102C10,NTRFX\n:61:260102D4,NTRFY\n:90D:1EUR4,\n:90C:2EUR10,\n-\n"
    )
    read = Read(text)
    assert read.format == "mt942" and read.amounts == [1000, -400] and read.lines[0].currency == "EUR"
    assert read.flags.count("control_total") == 1, "one debit is right, two credits are not"


def test_currency_with_no_and_three_places() -> None:
    assert Read(":20:A\n:25:1\n:28C:1\n:60F:C260101JPY100,\n:61:260102C5,NTRFX\n:62F:C260102JPY105,\n").statements[0].balances_ok is True
    assert Read(":20:A\n:25:1\n:28C:1\n:60F:C260101KWD1,000\n:61:260102C0,005NTRFX\n:62F:C260102KWD1,005\n").amounts == [5]


@pytest.mark.parametrize("text", ["1\n2\n3\n", ":20:ONLY\n", ":86:text\n-\n"])
def test_nothing_to_read(text: str) -> None:
    try:
        read = Read(text, format="mt940")
    except Unreadable:
        return
    assert not read.statements and not read.lines


def test_the_mt940_library_agrees() -> None:
    import mt940 as library

    text = HEAD + "".join(
        f":61:26{month:02d}{day:02d}{month:02d}{day:02d}{mark}{day},{month:02d}NTRFREF{day}//BANK{month}\r\n:86:Payment {day}\r\n"
        for month, day, mark in [(1, 5, "C"), (2, 28, "D"), (3, 9, "C"), (4, 30, "D")]
    ) + ":62F:C260430EUR55,00\r\n-\r\n"  # fmt: skip
    theirs = library.parse(text)
    ours = Read(text)
    assert [int(item.data["amount"].amount * 100) for item in theirs] == ours.amounts
    assert [item.data["date"] for item in theirs] == [line.value_date for line in ours.lines]
    assert [item.data["customer_reference"] for item in theirs] == [line.references["owner"] for line in ours.lines]


def test_a_dash_inside_a_narrative_ends_nothing() -> None:
    read = statement(":61:260102C1,00NTRFX\r\n:86:A\r\n-\r\nB\r\n", "C260131EUR101,00")
    assert len(read.statements) == 1 and read.lines[0].description == "A - B" and not read.rejects


def test_indented_fields() -> None:
    read = Read("".join("  " + line + "\n" for line in (HEAD + ":61:260102C1,00NTRFX\n:62F:C260131EUR101,00").splitlines()))
    assert read.amounts == [100] and read.statements[0].balances_ok is True


def test_an_account_under_the_line_is_the_other_sides_and_a_pointer_is_no_reference() -> None:
    """As Dutch banks write it: the reference field only says that the reference is in the narrative."""
    read = statement(
        ":61:260102C000000000001,00N541EREF\r\nNL91ABNA0417164300\r\n:86:/EREF/E2E-2/ORDP//NAME/PAYER/REMI/Salary\r\n", "C260131EUR101,00"
    )
    line = read.lines[0]
    assert (line.counterparty, line.counterparty_account, line.description, line.references) == (
        "PAYER",
        "NL91ABNA0417164300",
        "Salary",
        {"end_to_end": "E2E-2"},
    )
    plain = statement(":61:260102C1,00NTRFX\r\nPAYMENT DETAILS\r\n:86:more\r\n", "C260131EUR101,00").lines[0]
    assert plain.description == "PAYMENT DETAILS more" and plain.references == {"owner": "X"}
