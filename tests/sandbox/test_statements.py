"""Statements in every format, read with other people's readers and compared with the bank's own truth."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import mt940
import pytest
from bai2 import bai2
from lxml import etree
from ofxparse import OfxParser

from .conftest import US

CAMT = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}


@pytest.fixture
def day(bank):
    """Two days: yesterday's movement, then today's mix in two currencies; answers today's date and lines."""
    bank.client.post("/clock", json={"now": "2026-11-19T15:00:00Z"})
    bank.send("before", 111)
    bank.client.post("/clock", json={"now": "2026-11-20T09:30:00Z"})
    bank.send("trf_01hzzzzzzzzzzzzzzzzzzzzzzz", 12345, description="Invoice 7, part 1/2; Café & Söhne <ltd>")
    bank.send("back", 500, destination={**US, "account_number": "9900000001"})
    bank.becomes("back", "returned")
    for body in (
        {
            "reference": "dep1",
            "amount_minor": 990000,
            "currency": "USD",
            "kind": "wire_in",
            "payer": "Globex & Co",
            "description": "long " * 60,
        },
        {"reference": "fee1", "amount_minor": 1500, "currency": "USD", "kind": "fee"},
        {"reference": "dep2", "amount_minor": 777, "currency": "JPY"},
    ):
        assert bank.client.post("/accounts/deposit", json=body).status_code == 201
    return "2026-11-20"


def truth(bank, currency="USD"):
    opening = next(a["opening_minor"] for a in bank.get("/accounts")["data"] if a["currency"] == currency)
    balance = bank.get("/balance", currency=currency)["balance_minor"]
    return opening - (111 if currency == "USD" else 0), balance


AMOUNTS = [-12345, -500, 500, 990000, -1500]


def test_bai2(bank, day):
    raw = bank.raw(f"/statements/{day}.bai2").decode("ascii")
    parsed = bai2.parse_from_string(raw, check_integrity=True)
    accounts = {a.header.currency: a for a in parsed.children[0].children}
    usd = accounts["USD"]
    opening, closing = truth(bank)
    summary = {item.type_code.code: item.amount for item in usd.header.summary_items}
    assert (summary["010"], summary["015"], summary["100"], summary["400"]) == (opening, closing, 990500, 14345)
    signed = [t.amount if t.type_code.transaction.value == "credit" else -t.amount for t in usd.children]
    assert signed == AMOUNTS and opening + sum(signed) == closing
    assert [t.type_code.code for t in usd.children] == ["495", "495", "257", "195", "698"]
    assert usd.children[0].customer_reference == "trf_01hzzzzzzzzzzzzzzzzzzzzzzz"
    assert accounts["JPY"].children[0].amount == 777
    assert all(len(line) < 120 for line in raw.splitlines())


def test_mt940(bank, day):
    raw = bank.raw(f"/statements/{day}.mt940").decode("ascii")
    messages = [part for part in raw.split("-}") if ":20:" in part]
    assert len(messages) == 2
    usd = next(m for m in messages if "USD" in m)
    parsed = mt940.parse("\n".join(line for line in usd.replace("\r\n", "\n").split("\n") if line and not line.startswith("{")))
    opening, closing = truth(bank)
    assert parsed.data["final_opening_balance"].amount.amount == Decimal(opening) / 100
    assert parsed.data["final_closing_balance"].amount.amount == Decimal(closing) / 100
    assert [int(t.data["amount"].amount * 100) for t in parsed] == [-12345, -500, 500, 990000, -1500]
    assert "trf_01hzzzzzzzzzzzzzzzzzzzzzzz" in parsed[0].data["transaction_details"].replace("\n", "")
    assert all(len(line) <= 67 + 4 for line in usd.replace("\r", "").split("\n") if not line.startswith("{"))
    assert ",777" not in raw and "JPY" in raw and ":62F:C261120JPY" in raw


def test_camt053(bank, day):
    root = etree.fromstring(bank.raw(f"/statements/{day}.camt053"))
    statements = root.findall(".//c:Stmt", CAMT)
    assert {s.findtext("c:Acct/c:Ccy", namespaces=CAMT) for s in statements} == {"USD", "JPY"}
    usd = next(s for s in statements if s.findtext("c:Acct/c:Ccy", namespaces=CAMT) == "USD")
    balances = {
        b.findtext("c:Tp/c:CdOrPrtry/c:Cd", namespaces=CAMT): Decimal(b.findtext("c:Amt", namespaces=CAMT))
        for b in usd.findall("c:Bal", CAMT)
    }
    opening, closing = truth(bank)
    assert balances["OPBD"] * 100 == opening and balances["CLBD"] * 100 == closing
    signed = [
        int(Decimal(e.findtext("c:Amt", namespaces=CAMT)) * 100) * (1 if e.findtext("c:CdtDbtInd", namespaces=CAMT) == "CRDT" else -1)
        for e in usd.findall("c:Ntry", CAMT)
    ]
    assert signed == AMOUNTS
    assert usd.findtext(".//c:EndToEndId", namespaces=CAMT) == "trf_01hzzzzzzzzzzzzzzzzzzzzzzz"
    assert "Café & Söhne <ltd>" in usd.findtext(".//c:Ustrd", namespaces=CAMT)
    returned = usd.findall("c:Ntry", CAMT)[2]
    assert (
        returned.findtext("c:RvslInd", namespaces=CAMT) == "true"
        and returned.findtext(".//c:RtrInf/c:Rsn/c:Prtry", namespaces=CAMT) == "R01"
    )


def test_ofx(bank, day):
    parsed = OfxParser.parse(io.BytesIO(bank.raw(f"/statements/{day}.ofx")))
    usd = next(a for a in parsed.accounts if a.statement.currency.upper() == "USD")
    _, closing = truth(bank)
    assert usd.statement.balance * 100 == closing
    assert [int(t.amount * 100) for t in usd.statement.transactions] == AMOUNTS
    assert len({t.id for t in usd.statement.transactions}) == 5
    assert "Café & Söhne <ltd>" in usd.statement.transactions[0].memo


def test_csv(bank, day):
    rows = list(csv.DictReader(io.StringIO(bank.raw(f"/statements/{day}.csv").decode())))
    usd = [row for row in rows if row["Currency"] == "USD"]
    opening, closing = truth(bank)
    assert [int(Decimal(row["Amount"]) * 100) for row in usd] == AMOUNTS
    running = opening
    for row, amount in zip(usd, AMOUNTS, strict=True):
        running += amount
        assert Decimal(row["Balance"]) * 100 == running
    assert running == closing and rows[-1]["Amount"] == "777" if rows[-1]["Currency"] == "JPY" else True


def test_the_closing_balance_of_a_day_opens_the_next(bank, day):
    def balances(date):
        usd = next(
            a
            for a in bai2.parse_from_string(bank.raw(f"/statements/{date}.bai2").decode()).children[0].children
            if a.header.currency == "USD"
        )
        return {item.type_code.code: item.amount for item in usd.header.summary_items}

    assert balances("2026-11-19")["015"] == balances("2026-11-20")["010"]
    assert balances("2026-11-20")["015"] == balances("2026-11-21")["010"] == balances("2026-11-21")["015"]


def test_the_same_files_appear_in_the_outbox(bank, day):
    answer = bank.client.post(f"/statements/{day}", json={})
    assert answer.status_code == 201 and len(answer.json()["files"]) == 5
    for name in answer.json()["files"]:
        assert (bank.data / "outbox" / name).stat().st_size > 0
    # camt and OFX carry the time they were made; the others are the same bytes
    assert (bank.data / "outbox" / "statement-20261120.csv").read_bytes() == bank.raw(f"/statements/{day}.csv")
    one = bank.client.post(f"/statements/{day}.mt940", json={}).json()["files"]
    assert one == ["statement-20261120.sta"]
    assert bank.client.post(f"/statements/{day}", json={"formats": ["pdf"]}).status_code == 404


def test_bad_dates_and_formats(bank):
    assert bank.client.get("/statements/2026-02-30.csv").status_code == 422
    assert bank.client.get("/statements/2026-02-20.pdf").status_code == 404
    assert bank.client.get("/statements/../../etc/passwd").status_code in (404, 422)


def test_one_currency_alone(bank, day):
    assert b"USD" not in bank.raw(f"/statements/{day}.csv", currency="JPY").split(b"\r\n", 1)[1]


def test_a_long_day_goes_on_over_several_mt940_pages(bank):
    for i in range(1201):
        bank.send(f"t{i}", 1 + i)
    raw = bank.raw(f"/statements/{bank.today()}.mt940").decode()
    assert [raw.count(tag) for tag in (":60F:", ":60M:", ":62M:", ":62F:", ":61:")] == [1, 2, 2, 1, 1201]
    for closing, opening in zip(
        *([line[5:] for line in raw.splitlines() if line.startswith(tag)] for tag in (":62M:", ":60M:")), strict=True
    ):
        assert closing == opening
