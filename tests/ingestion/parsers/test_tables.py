"""CSV, XLSX and JSON traps, with and without mapping profiles."""

from __future__ import annotations

import io
from datetime import date, datetime

import pytest

from ingestion.parsers.profiles import Profile, ProfileError
from ingestion.parsers.records import AmountError, Unreadable
from ingestion.parsers.values import Numbers, date_order, decimal_mark
from tests.ingestion.parsers.helpers import Read


def workbook(rows: list[list[object]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "mark", "minor"),
    [("1.234,56", ",", 123456), ("1,234.56", ".", 123456), ("(12.00)", ".", -1200), ("12,00-", ",", -1200), ("€ 5,5", ",", 550), ("1 234,50", ",", 123450),
     ("12.50 DR", ".", -1250), ("KES 1,000.00", ".", 100000), ("1,00,000.00", ".", 10000000), ("1'234.50", ".", 123450), ("−3.00", ".", -300), ("$-5.00", ".", -500)],
)  # fmt: skip
def test_numbers_as_people_write_them(text: str, mark: str, minor: int) -> None:
    assert Numbers(mark).read(text, 2) == minor


@pytest.mark.parametrize(
    ("text", "mark"), [("12,50", "."), ("12.50", ","), ("1.2.3", "."), ("abc", "."), ("", "."), ("12.345", "."), ("9" * 30, ".")]
)
def test_numbers_that_mean_something_else_are_refused(text: str, mark: str) -> None:
    with pytest.raises(AmountError):
        Numbers(mark).read(text, 2)


def test_marks_and_orders_come_from_all_samples() -> None:
    assert decimal_mark(["1.000", "2.500", "3,50"]) == "," and decimal_mark(["29.000", "111.550"]) == "."
    assert date_order(["01/02/2026", "13/02/2026"]) == ("dmy", True)
    assert date_order(["01/02/2026", "02/13/2026"]) == ("mdy", True)
    assert date_order(["01/30/2026"] * 2)[0] == "mdy"
    assert date_order(["03/01/2026", "04/01/2026", "05/01/2026"], "mdy") == ("mdy", False)
    assert date_order(["10/01/2026", "11/01/2026", "12/01/2026", "01/02/2026"], "mdy") == ("dmy", True), "statements run one way"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_unknown_bank_with_a_preamble(delimiter: str) -> None:
    rows = [["First Bank"], ["IBAN:", "DE89370400440532013000"], [], ["Buchungstag", "Valuta", "Verwendungszweck", "Betrag", "Saldo", "Währung"],
            ["31.01.2026", "01.02.2026", "Miete", "-1.000,00", "234,50", "EUR"], ["01.02.2026", "01.02.2026", "Gehalt", "2.000,00", "2.234,50", "EUR"]]  # fmt: skip
    text = "\n".join(delimiter.join(f'"{cell}"' if delimiter == "," else cell for cell in row) for row in rows)
    read = Read(text.encode("cp1252"))
    statement = read.statements[0]
    assert read.amounts == [-100000, 200000]
    assert (statement.account, statement.currency, statement.opening_minor, statement.closing_minor, statement.balances_ok) == (
        "DE89370400440532013000", "EUR", 123450, 223450, True,
    )  # fmt: skip
    assert (read.lines[0].booking_date, read.lines[0].value_date) == (date(2026, 1, 31), date(2026, 2, 1))


def test_newest_first_and_a_balance_that_does_not_follow() -> None:
    head = "Date,Description,Amount,Balance\n"
    down = Read(head + "2026-01-03,C,5.00,115.00\n2026-01-02,B,10.00,110.00\n2026-01-01,A,-1.00,100.00\n")
    assert (down.statements[0].opening_minor, down.statements[0].closing_minor, down.statements[0].balances_ok) == (10100, 11500, True)
    broken = Read(head + "2026-01-01,A,5.00,105.00\n2026-01-02,B,10.00,999.00\n2026-01-03,C,1.00,1000.00\n")
    assert broken.statements[0].balances_ok is False and "running_balance" in broken.flags and len(broken.lines) == 3


def test_credit_and_debit_columns_whatever_their_signs() -> None:
    read = Read("Date;Libellé;Débit;Crédit\n2026-01-01;A;-5,00;\n2026-01-02;B;7,00;\n2026-01-03;C;;9,00\n")
    assert read.amounts == [-500, -700, 900]


def test_direction_column() -> None:
    read = Read(
        '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EUR)","Mutatiesoort","Mededelingen"\n"20260102","J","NL1","NL2","GT","Af","12,50","x","m"\n"20260103","J","NL1","NL2","GT","Bij","1,00","x","m"\n'
    )
    assert read.amounts == [-1250, 100] and read.lines[0].currency == "EUR" and read.statements[0].account == "NL1"


def test_blank_short_totals_and_note_rows() -> None:
    read = Read(
        "Date,Description,Amount,Currency\n\n2026-01-01,A,5.00,EUR\n,,,\n2026-01-02,B\nTotal,,5.00,\nEnd of report\n2026-01-03,C,x1,EUR\n"
    )
    assert read.amounts == [500]
    assert [reject.position for reject in read.rejects] == [5, 8]
    assert read.flags.count("totals_row") == 2


def test_a_stray_quote_swallows_no_rows() -> None:
    read = Read('Date,Description,Amount\n2026-01-02,"Bob,12.00\n2026-01-03,Jane,13.00\n2026-01-05,Joe,15.00\n')
    assert read.amounts == [1200, 1300, 1500]
    multi = Read('Date,Description,Amount\n2026-01-02,"Bob\nSmith",12.00\n2026-01-03,Jane,13.00\n')
    assert multi.lines[0].description == "Bob\nSmith" and multi.lines[1].position == 4


def test_several_accounts_and_currencies_stay_apart() -> None:
    read = Read("Account,Date,Amount,Currency\nA,2026-01-01,1.00,EUR\nB,2026-01-01,2.00,EUR\nA,2026-01-02,3.00,EUR\nA,2026-01-02,400,JPY\n")
    assert [(item.account, item.currency, item.line_count, item.sum_minor) for item in read.statements] == [
        ("A", "EUR", 2, 400), ("B", "EUR", 1, 200), ("A", "JPY", 1, 400),
    ]  # fmt: skip


def test_without_a_header() -> None:
    read = Read("2026-01-01,Rent,-500.00\n2026-01-02,Pay,900.25\n")
    assert read.amounts == [-50000, 90025] and "assumed" in read.flags
    with pytest.raises(Unreadable, match="mapping profile"):
        Read("a,b,c\nd,e,f\n")


def test_utf16_and_nul_bytes() -> None:
    assert Read("Date\tDescription\tAmount\n2026-01-01\tZażółć\t1.00\n".encode("utf-16")).lines[0].description == "Zażółć"


PROFILE = Profile(
    name="odd_bank", columns={"booking_date": ("When",), "direction": ("Kind",), "amount": ("How much",), "description": ("What", "Why")},
    references={"customer": ("Our no",)}, delimiter=";", decimal=",", date_order="mdy", currency="EUR", account="X1",
)  # fmt: skip


def test_a_mapping_profile_decides() -> None:
    text = "Some bank;;\nreport;;\nWhen;Kind;How much;What;Why;Our no\n02/03/2026;D;1.000,50;Rent;May;R1\n02/04/2026;C;2;Gift;;R2\n"
    for profile in (PROFILE, PROFILE.as_dict()):
        read = Read(text, profile=profile)
        assert read.amounts == [-100050, 200] and read.profile == "odd_bank"
        assert (read.lines[0].description, read.lines[0].reference, read.lines[0].booking_date) == ("Rent May", "R1", date(2026, 2, 3))
        assert (read.statements[0].account, read.statements[0].currency) == ("X1", "EUR")
    with pytest.raises(Unreadable, match="odd_bank"):
        Read("a;b\n1;2\n", profile=PROFILE)


def test_profiles_that_cannot_work_say_so() -> None:
    for wrong in (
        {"columns": {"nonsense": ["x"]}},
        {"columns": {"booking_date": ["x"]}},
        {"columns": {"amount": ["x"]}, "decimal": "x"},
        {"columns": {"amount": ["x"]}, "what": 1},
    ):
        with pytest.raises(ProfileError):
            Profile.from_dict({"name": "p", **wrong})


def test_computed_amount() -> None:
    profile = Profile.from_dict(
        {
            "name": "net",
            "columns": {"booking_date": ["d"], "gross": ["g"], "fee": ["f"], "currency": ["c"]},
            "amount_terms": [[1, "gross"], [-1, "fee"]],
        }
    )
    line = Read("d,g,f,c\n2026-01-01,10.00,0.30,USD\n", profile=profile).lines[0]
    assert line.amount_minor == 970 and line.extra == {"gross_minor": 1000, "fee_minor": 30}


def test_workbook_by_content_whatever_its_name() -> None:
    rows: list[list[object]] = [["Bank of Test"], [], ["Date", "Description", "Amount", "Balance", "Currency"],
            [datetime(2026, 1, 2), "A", 0.1 + 0.2, 100.3, "USD"], [date(2026, 1, 3), "B", -1234.56, -1134.26, "USD"], ["Total", None, -1234.26]]  # fmt: skip
    read = Read(workbook(rows), name="statement.xls")
    assert read.format == "xlsx" and read.amounts == [30, -123456] and read.statements[0].balances_ok is True
    assert read.statements[0].opening_minor == 10000 and read.lines[1].value_date == date(2026, 1, 3)
    assert "totals_row" in read.flags and not read.rejects


def test_json_by_path_keeps_exact_numbers() -> None:
    profile = Profile.from_dict(
        {
            "name": "api",
            "records": "result.items",
            "columns": {"booking_date": ["at"], "amount": ["money.value"], "currency": ["money.code"]},
            "references": {"id": ["id"]},
        }
    )
    text = '{"result":{"items":[{"id":1,"at":"2026-01-02T10:00:00Z","money":{"value":1234567890123.45,"code":"usd"}},{"id":2,"at":"2026-01-02","money":{"value":1e2,"code":"USD"}},3]}}'
    read = Read(text, profile=profile)
    assert read.amounts == [123456789012345, 10000] and [line.reference for line in read.lines] == ["1", "2"]
    assert [reject.position for reject in read.rejects] == ["record 3"]


def test_ndjson_goes_on_after_a_bad_line() -> None:
    read = Read(
        '{"date":"2026-01-01","amount":"1.50","currency":"EUR"}\nnot json\n{"date":"2026-01-02","amount":"-2.50","currency":"EUR"}\n'
    )
    assert read.amounts == [150, -250] and [reject.position for reject in read.rejects] == [2]


def test_json_amounts_without_a_point_are_not_guessed() -> None:
    with pytest.raises(Unreadable, match="minor units"):
        Read('[{"date":"2026-01-01","amount":100,"currency":"EUR"}]')


def test_unsigned_amounts_take_their_sign_from_a_debit_credit_column() -> None:
    read = Read(
        "Account Number,Transaction Description,Transaction Date,Transaction Type,Transaction Amount,Balance\n1,A,01/31/26,Debit,5.00,95.00\n1,B,02/01/26,Credit,7.00,102.00\n"
    )
    assert read.amounts == [-500, 700] and read.statements[0].balances_ok is True


def test_american_bank_with_a_summary_on_top() -> None:
    read = Read(
        'Description,,Summary Amt.\nBeginning balance as of 01/01/2026,,"1,000.00"\nTotal credits,,"2,500.00"\n\nDate,Description,Amount,Running Bal.\n'
        '01/01/2026,Beginning balance as of 01/01/2026,,"1,000.00"\n01/14/2026,"PAYROLL, INC","2,500.00","3,500.00"\n01/15/2026,RENT,"-1,200.00","2,300.00"\n'
    )
    assert read.amounts == [250000, -120000] and read.statements[0].balances_ok is True


def test_headers_with_a_currency_word_behind() -> None:
    assert Read("Date;Libellé;Débit euros;Crédit euros\n31/01/2026;A;5,00;\n01/02/2026;B;;7,50\n").amounts == [-500, 750]


def test_headerless_statement_with_balances_beside_the_amount() -> None:
    read = Read(
        "123456789\tEUR\t20260102\t100,00\t90,00\t20260102\t-10,00\tRent\n123456789\tEUR\t20260103\t90,00\t95,50\t20260103\t5,50\tGift\n"
    )
    assert read.amounts == [-1000, 550]


def test_the_other_sides_account_is_not_the_statements() -> None:
    read = Read('"Date","Payee","Account number","Amount (EUR)"\n"2026-01-02","Shop","NL1","-5.5"\n"2026-01-03","Bar","NL2","-1.0"\n')
    assert len(read.statements) == 1 and read.lines[0].counterparty_account == "NL1" and read.statements[0].account == ""
    own = Read(
        '"Kontonummer:";"DE12345678901234567890 / Girokonto"\n\n"Buchungstag";"Verwendungszweck";"Kontonummer";"Betrag (EUR)"\n"31.01.2026";"Ref";"DE1";"-1.234,50"\n'
    )
    assert own.statements[0].account == "DE12345678901234567890" and own.lines[0].counterparty_account == "DE1"


def test_dates_of_banks_that_write_the_day_first() -> None:
    read = Read("Fecha,Concepto,Cargo,Abono,Saldo\n02/01/2026,SPEI,,5.00,15.00\n03/01/2026,COM,1.00,,14.00\n")
    assert read.lines[0].booking_date == date(2026, 1, 2) and read.statements[0].balances_ok is True
    assert Read("Date,Description,Amount\n02/01/2026,A,1.00\n").lines[0].booking_date == date(2026, 2, 1)
    assert Read("Date,Narrative,Amount\n02-01-2026,A,1.00\n").lines[0].booking_date == date(2026, 1, 2)
