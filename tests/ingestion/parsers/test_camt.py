"""camt traps, each as small as it can be."""

from __future__ import annotations

from datetime import date

import pytest

from ingestion.parsers.records import Unreadable
from tests.ingestion.parsers.helpers import Read


def balance(code: str, amount: str, mark: str = "CRDT", currency: str = "EUR") -> str:
    return f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd><Dt><Dt>2026-01-01</Dt></Dt></Bal>'


def entry(amount: str = "10.00", mark: str = "CRDT", inner: str = "", currency: str = "EUR", status: str = "<Sts>BOOK</Sts>") -> str:
    return f'<Ntry><Amt Ccy="{currency}">{amount}</Amt><CdtDbtInd>{mark}</CdtDbtInd>{status}<BookgDt><Dt>2026-01-02</Dt></BookgDt><ValDt><Dt>2026-01-03</Dt></ValDt>{inner}</Ntry>'


def document(
    body: str,
    container: str = "Stmt",
    root: str = "BkToCstmrStmt",
    ns: str = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08",
    prefix: str = "",
) -> str:
    account = "<Id>S1</Id><Acct><Id><IBAN>NL02ABNA0123456789</IBAN></Id><Ccy>EUR</Ccy></Acct>"
    text = f"<Document><{root}><GrpHdr><MsgId>M</MsgId></GrpHdr><{container}>{account}{body}</{container}></{root}></Document>"
    if prefix:
        text = text.replace("</", "\0").replace("<", f"<{prefix}:").replace("\0", f"</{prefix}:")
        return text.replace(f"<{prefix}:Document>", f'<{prefix}:Document xmlns:{prefix}="{ns}">', 1)
    return text.replace("<Document>", f'<Document xmlns="{ns}">' if ns else "<Document>", 1)


FULL = balance("OPBD", "100.00") + entry() + entry("3.5", "DBIT") + balance("CLBD", "106.50")


@pytest.mark.parametrize(
    "ns", ["", "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02", "urn:iso:std:iso:20022:tech:xsd:camt.053.001.13", "urn:bank:own"]
)
@pytest.mark.parametrize("prefix", ["", "ns2"])
def test_any_namespace_or_none(ns: str, prefix: str) -> None:
    if prefix and not ns:
        pytest.skip("a prefix needs a namespace")
    read = Read(document(FULL, ns=ns, prefix=prefix))
    statement = read.statements[0]
    assert read.amounts == [1000, -350]
    assert (statement.account, statement.opening_minor, statement.closing_minor, statement.balances_ok) == (
        "NL02ABNA0123456789",
        10000,
        10650,
        True,
    )


@pytest.mark.parametrize(
    ("container", "root"), [("Rpt", "BkToCstmrAcctRptV01"), ("Ntfctn", "BkToCstmrDbtCdtNtfctnV01"), ("Stmt", "BkToCstmrStmtV01")]
)
def test_version_one_containers(container: str, root: str) -> None:
    assert Read(document(entry(), container, root)).amounts == [1000]


def test_balances_after_the_entries_and_byte_order_mark() -> None:
    text = "\ufeff  " + document(entry() + balance("OPBD", "1.00") + balance("CLBD", "11.00"))
    assert Read(text).statements[0].balances_ok is True


def test_wrong_balances_are_a_fact_not_an_error() -> None:
    read = Read(document(balance("OPBD", "1.00") + entry() + balance("CLBD", "12.00")))
    assert read.amounts == [1000] and read.statements[0].balances_ok is False and "balance_equation" in read.flags
    mixed = Read(document(balance("OPBD", "1.00") + balance("CLBD", "1.00", currency="SEK")))
    assert mixed.statements[0].balances_ok is False


def test_negative_and_interim_balances() -> None:
    assert Read(document(balance("OPBD", "5.00", "DBIT") + entry() + balance("CLBD", "5.00"))).statements[0].balances_ok is True
    paged = Read(document(balance("ITBD", "5.00") + entry() + balance("ITBD", "15.00")))
    assert (paged.statements[0].opening_minor, paged.statements[0].closing_minor, paged.statements[0].balances_ok) == (500, 1500, True)


def test_only_booked_entries_count_for_the_balance() -> None:
    pending = entry("99.00", status="<Sts><Cd>PDNG</Cd></Sts>")
    read = Read(document(balance("OPBD", "1.00") + entry() + pending + balance("CLBD", "11.00")))
    assert read.amounts == [1000, 9900] and read.statements[0].balances_ok is True
    assert read.lines[1].extra == {"status": "PDNG"}


def test_batch_entry_is_one_line_with_its_transactions() -> None:
    inner = "<NtryDtls><Btch><MsgId>B1</MsgId></Btch>" + "".join(
        f'<TxDtls><Refs><EndToEndId>E{n}</EndToEndId></Refs><Amt Ccy="EUR">{n}.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><RltdPties><Dbtr><Pty><Nm>Payer {n}</Nm></Pty></Dbtr></RltdPties></TxDtls>'
        for n in range(1, 120)
    ) + "</NtryDtls>"  # fmt: skip
    read = Read(document(entry("7140.00", inner=inner)))
    assert read.amounts == [714000]
    details = read.lines[0].details
    assert len(details) == 119 and sum(item.amount_minor or 0 for item in details) == 714000
    assert details[118].references == {"end_to_end": "E119"} and details[118].counterparty == "Payer 119"
    assert read.lines[0].references["batch"] == "B1"


def test_one_transaction_gives_the_line_its_references() -> None:
    inner = (
        "<AcctSvcrRef>SVC</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>"
        "<NtryDtls><TxDtls><Refs><EndToEndId>NOTPROVIDED</EndToEndId><UETR>u-1</UETR></Refs>"
        "<RltdPties><Dbtr><Nm>Jane &amp; Co</Nm></Dbtr><DbtrAcct><Id><Othr><Id>123</Id></Othr></Id></DbtrAcct></RltdPties>"
        "<RmtInf><Ustrd>Invoice</Ustrd><Ustrd>42</Ustrd><Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls>"
    )
    line = Read(document(entry(inner=inner))).lines[0]
    assert line.references == {"bank": "SVC", "uetr": "u-1", "remittance": "RF18"}
    assert (line.counterparty, line.counterparty_account, line.description, line.type_code) == (
        "Jane & Co",
        "123",
        "Invoice 42",
        "PMNT-RCDT-ESCT",
    )
    assert (line.booking_date, line.value_date) == (date(2026, 1, 2), date(2026, 1, 3))


def test_missing_children() -> None:
    read = Read(
        document(
            "<Ntry><Amt>5</Amt><CdtDbtInd>DBIT</CdtDbtInd></Ntry><Ntry><CdtDbtInd>DBIT</CdtDbtInd></Ntry><Ntry><Amt Ccy='EUR'>1</Amt></Ntry><Ntry><Amt Ccy='EUR'>1..2</Amt><CdtDbtInd>CRDT</CdtDbtInd></Ntry>"
        )
    )
    assert read.amounts == [-500] and read.lines[0].value_date is None and read.lines[0].currency == "EUR"
    assert [reject.position for reject in read.rejects] == ["entry 2", "entry 3", "entry 4"]


def test_dates_as_written_with_a_zone() -> None:
    text = entry().replace("<Dt>2026-01-02</Dt>", "<DtTm>2026-01-02T23:59:59.999-08:00</DtTm>")
    assert Read(document(text)).lines[0].booking_date == date(2026, 1, 2)


def test_summary_totals_that_lie_are_flagged() -> None:
    summary = "<TxsSummry><TtlNtries><NbOfNtries>3</NbOfNtries><Sum>13.50</Sum></TtlNtries></TxsSummry>"
    read = Read(document(summary + FULL))
    assert "control_total" in read.flags and read.statements[0].controls["TtlNtries.sum"]["ok"] is True


def test_two_places_more_than_the_currency_has() -> None:
    assert Read(document(entry("10.0000"))).amounts == [1000]
    assert Read(document(entry("10.001"))).rejects and Read(document(entry("1000", currency="JPY"))).amounts == [1000]


def test_cut_off_keeps_what_was_read() -> None:
    text = document(balance("OPBD", "1.00") + entry() * 50)
    for cut in (len(text) - 1, len(text) - 100, len(text) // 2):
        read = Read(text[:cut])
        assert read.lines and read.rejects and len(read.statements) == 1 and read.statements[0].balances_ok is None
    with pytest.raises(Unreadable):
        Read(text[:40])


def test_a_sign_beside_the_indicator_is_no_double_negative() -> None:
    read = Read(document(balance("OPBD", "-5.00", "DBIT") + entry("-10.00", "DBIT") + balance("CLBD", "15.00", "DBIT")))
    assert read.amounts == [-1000] and read.statements[0].balances_ok is True and "negative_amount" in read.flags


@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-16", "utf-8"])
def test_declared_and_mislabelled_encodings(encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + document(
        entry(inner="<AddtlNtryInf>Müller &amp; <![CDATA[<Söhne>]]></AddtlNtryInf>")
    )
    assert Read(text.encode(encoding)).lines[0].description == "Müller & <Söhne>"
    mislabelled = text.replace(encoding, "utf-8").encode("cp1252")
    assert Read(mislabelled).lines[0].description == "Müller & <Söhne>"


def test_documents_joined_end_to_end() -> None:
    one = '<?xml version="1.0"?>\n' + document(balance("OPBD", "1.00") + entry() + balance("CLBD", "11.00"))
    read = Read(one + "\n" + one + one + "\x1a")
    assert read.amounts == [1000] * 3 and [item.balances_ok for item in read.statements] == [True] * 3 and not read.rejects
    assert read.lines[2].raw.startswith("<Ntry>") and read.lines[2].raw.endswith("</Ntry>")
    broken = Read(one + "and more")
    assert broken.amounts == [1000] and "junk" in broken.rejects[0].reason
