"""OFX and QFX traps, each as small as it can be."""

from __future__ import annotations

import io
from datetime import date

import pytest

from ingestion.parsers.records import Unreadable
from tests.ingestion.parsers.helpers import Read

HEADER = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nSECURITY:NONE\nENCODING:USASCII\nCHARSET:1252\nCOMPRESSION:NONE\nOLDFILEUID:NONE\nNEWFILEUID:NONE\n\n"
SIGNON = "<SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20260101<LANGUAGE>ENG</SONRS></SIGNONMSGSRSV1>"


def sgml(transactions: str, currency: str = "<CURDEF>USD", after: str = "<LEDGERBAL><BALAMT>100.00<DTASOF>20260131</LEDGERBAL>") -> str:
    return (f"<OFX>{SIGNON}<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS>{currency}<BANKACCTFROM><BANKID>1<ACCTID>42"
            f"<ACCTTYPE>CHECKING</BANKACCTFROM><BANKTRANLIST><DTSTART>20260101<DTEND>20260131{transactions}</BANKTRANLIST>{after}</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>")  # fmt: skip


def transaction(amount: str = "-5.00", fitid: str = "F1", posted: str = "20260115", more: str = "<NAME>Shop") -> str:
    return f"<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>{posted}<TRNAMT>{amount}<FITID>{fitid}{more}</STMTTRN>"


@pytest.mark.parametrize("header", [HEADER, "", "<?xml version='1.0'?><?OFX OFXHEADER='200' VERSION='211'?>\n", "\n\n"])
def test_with_and_without_header(header: str) -> None:
    read = Read(header + sgml(transaction()))
    statement = read.statements[0]
    assert read.format == "ofx" and read.amounts == [-500]
    assert (statement.account, statement.currency, statement.closing_minor, statement.balances_ok) == ("42", "USD", 10000, None)


def test_late_entries_stay_on_their_day() -> None:
    read = Read(sgml(transaction(posted="20260115235959.999[-8:PST]")))
    assert read.lines[0].booking_date == date(2026, 1, 15)


def test_closed_tags_cdata_entities_and_empty_tags() -> None:
    text = "<STMTTRN><TRNTYPE>CREDIT</TRNTYPE><DTPOSTED>20260102</DTPOSTED><TRNAMT>1.50</TRNAMT><FITID>A</FITID><CHECKNUM></CHECKNUM><NAME><![CDATA[A <b> & C]]></NAME><MEMO>Tom &amp; Co</MEMO><SIC/></STMTTRN>"
    line = Read(sgml(text)).lines[0]
    assert (line.amount_minor, line.counterparty, line.description) == (150, "A <b> & C", "Tom & Co")
    assert line.references == {"fitid": "A"}


def test_transactions_without_closing_tags() -> None:
    read = Read(sgml(transaction().replace("</STMTTRN>", "") + transaction("7.00", "F2").replace("</STMTTRN>", "")))
    assert read.amounts == [-500, 700]


def test_elements_out_of_order() -> None:
    read = Read(sgml(transaction("-500"), currency="", after="<LEDGERBAL><BALAMT>1000<DTASOF>20260131</LEDGERBAL><CURDEF>JPY"))
    assert read.lines[0].currency == "JPY" and read.amounts == [-500] and read.statements[0].closing_minor == 1000


def test_missing_ledger_balance_and_missing_currency() -> None:
    read = Read(sgml(transaction(), currency="", after=""))
    assert read.amounts == [-500] and read.statements[0].closing_minor is None
    assert {"balance", "currency"} <= set(read.flags)


def test_a_transaction_in_another_currency() -> None:
    read = Read(
        sgml(
            transaction(more="<CURRENCY><CURRATE>1.1<CURSYM>EUR</CURRENCY>")
            + transaction(fitid="F2", more="<ORIGCURRENCY><CURRATE>1.1<CURSYM>EUR</ORIGCURRENCY>")
        )
    )
    assert [line.currency for line in read.lines] == ["EUR", "USD"]


@pytest.mark.parametrize("amount", ["$120", "", "1.234.5", "12.345", "NaN", "1e5"])
def test_unreadable_amounts_are_rejected(amount: str) -> None:
    read = Read(sgml(transaction(amount) + transaction("1.00", "F2")))
    assert read.amounts == [100] and len(read.rejects) == 1


@pytest.mark.parametrize(
    ("amount", "minor"), [("+00115.8300", 11583), ("-1,234.56", -123456), ("1.234,56", 123456), ("12,5", 1250), ("-.5", -50)]
)
def test_amounts_as_banks_write_them(amount: str, minor: int) -> None:
    assert Read(sgml(transaction(amount))).amounts == [minor]


def test_several_accounts() -> None:
    one, two = sgml(transaction()), sgml(transaction("2.00")).replace("<ACCTID>42", "<ACCTID>43")
    read = Read(one.replace("</OFX>", "") + two.replace("<OFX>", ""))
    assert [(item.account, item.sum_minor) for item in read.statements] == [("42", -500), ("43", 200)]


def test_investment_transactions_are_counted_not_lost() -> None:
    text = sgml(
        "<BUYMF><INVBUY><INVTRAN><FITID>1<DTTRADE>20260101</INVTRAN><TOTAL>-197.2</INVBUY></BUYMF><INVBANKTRAN>"
        + transaction()
        + "<SUBACCTFUND>CASH</INVBANKTRAN>"
    )
    read = Read(text.replace("STMTRS", "INVSTMTRS").replace("BANKTRANLIST", "INVTRANLIST"))
    assert read.amounts == [-500] and "BUYMF, total -197.2" in read.rejects[0].reason


def test_cut_off_inside_a_transaction() -> None:
    text = sgml(transaction() + transaction("2.00", "F2"))
    read = Read(text[: text.index("F2") + 1])
    assert read.amounts == [-500] and "ends inside" in read.rejects[0].reason


def test_a_sign_on_alone_is_read_and_nothing_is_not() -> None:
    assert Read(f"<OFX>{SIGNON}</OFX>").statements == []
    with pytest.raises(Unreadable):
        Read("no tags here", format="ofx")


def test_ofxparse_agrees_on_amounts_and_ids() -> None:
    from ofxparse import OfxParser

    text = HEADER + sgml("".join(transaction(f"{-n}.{n:02d}", f"F{n}", f"202601{n:02d}120000") for n in range(1, 29)))
    theirs = OfxParser.parse(io.BytesIO(text.encode())).account.statement.transactions
    ours = Read(text)
    assert [int(item.amount * 100) for item in theirs] == ours.amounts
    assert [item.id for item in theirs] == [line.references["fitid"] for line in ours.lines]
    assert [item.date.date() for item in theirs] == [line.booking_date for line in ours.lines]


def test_a_list_of_accounts_is_no_statement() -> None:
    read = Read(
        f"<OFX>{SIGNON}<SIGNUPMSGSRSV1><ACCTINFORS><ACCTINFO><BANKACCTINFO><BANKACCTFROM><BANKID>1<ACCTID>7<ACCTTYPE>CHECKING</BANKACCTFROM></BANKACCTINFO></ACCTINFO></ACCTINFORS></SIGNUPMSGSRSV1></OFX>"
    )
    assert read.statements == [] and read.lines == []


def test_a_transaction_without_a_date_is_rejected() -> None:
    read = Read(sgml(transaction(posted="") + transaction("1.00", "F2") + transaction("2.00", "F3", posted="20261399")))
    assert read.amounts == [100] and [reject.position for reject in read.rejects] == [1, 3]
