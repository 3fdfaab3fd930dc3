"""Exports as banks of many countries and processors write them: other alphabets, odd headers, reports that only look like statements."""

from __future__ import annotations

import json

import pytest

from tests.ingestion.parsers.helpers import Read

# name -> (text, encoding, account, currency, amounts, balances agree)
EXPORTS = {
    "turkish": ("Tarih;Açıklama;İşlem Tutarı;Bakiye\n02.01.2026;POS;-10,50;989,50\n03.01.2026;MAAŞ;1.000,00;1.989,50\n", "utf-8", "", "XXX", [-1050, 100000], True),
    "russian": ('"Дата операции";"Дата платежа";"Статус";"Сумма операции";"Валюта операции";"Описание"\n"02.01.2026";"03.01.2026";"OK";"-10,50";"RUB";"a"\n"03.01.2026";"04.01.2026";"OK";"1000,00";"RUB";"b"\n', "cp1251", "", "RUB", [-1050, 100000], None),
    "chinese": ("交易日期,摘要,支出金额,收入金额,余额\n2026-01-02,消费,10.50,,989.50\n2026-01-03,工资,,1000.00,1989.50\n", "gb18030", "", "XXX", [-1050, 100000], True),
    "japanese": ("日付,摘要,お支払金額,お預り金額,差引残高\n2026/01/02,振込,1000,,9000\n2026/01/03,給与,,5000,14000\n", "cp932", "", "XXX", [-100000, 500000], True),
    "norwegian": ('"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"\n"02.01.2026";"Kiwi";"02.01.2026";"10,50";""\n"03.01.2026";"Lønn";"03.01.2026";"";"1 000,00"\n', "utf-8", "", "XXX", [-1050, 100000], None),
    "brazilian": ("data;lançamento;ag./origem;valor (R$);saldos (R$)\n02/01/2026;PIX;;-10,00;90,00\n13/01/2026;TED;;1.000,00;1.090,00\n", "cp1252", "", "BRL", [-1000, 100000], True),
    "hungarian": ("Tranzakció dátuma,Partner neve,Számla neve,Számlaszám,Tranzakció összege,Bevétel/Kiadás,Közlemény,Egyenleg,Devizanem\n2026.04.17.,a,n,1234,1290,Bevétel,x,2290.00,HUF\n2026.04.19.,b,n,1234,-350,Kiadás,y,1940.00,HUF\n", "utf-8", "1234", "HUF", [129000, -35000], True),
    "czech": ("Datum provedení;Datum zaúčtování;Číslo účtu;Název protiúčtu;Zpráva;Zaúčtovaná částka;Měna účtu;Původní částka a měna\n27.05.2026;27.05.2026;123/0800;ACME;x;-1,00;CZK;\n", "cp1250", "123/0800", "CZK", [-100], None),
    "swedish": ("* Transaktioner 2026-01\nRadnummer,Kontonummer,Valuta,Bokföringsdag,Valutadag,Beskrivning,Belopp,Bokfört saldo\n1,1234567,SEK,2026-01-31,2026-01-31,Köp,-100.50,899.50\n2,1234567,SEK,2026-01-30,2026-01-30,Ins,1000.00,1000.00\n", "cp1252", "1234567", "SEK", [-10050, 100000], True),
    "german card": ('"Umsatz getätigt von";"Belegdatum";"Buchungsdatum";"Originalbetrag";"Originalwährung";"Buchungsbetrag";"Buchungswährung";"Transaktionsbeschreibung"\n"51_5";"20.02.26";"21.02.26";"-5,00";"USD";"-4,00";"EUR";"CAFE"\n', "cp1252", "", "EUR", [-400], None),
    "swiss french": ("Produit;Monn.;Date de valeur;Description 1;Débit;Crédit;Solde\n0123;CHF;30.03.2026;Loyer;10.00;;11'373.94\n0123;CHF;29.03.2026;Paie;;240.00;11'383.94\n", "utf-8", "", "CHF", [-1000, 24000], True),
    "american broker": ("Run Date,Action,Symbol,Quantity,Price ($),Amount ($),Settlement Date\n01/27/2026, DIRECT DEBIT,,,,-135.6,\n01/23/2026, DIRECT DEPOSIT,,,,200.99,\n", "utf-8", "", "XXX", [-13560, 20099], None),
    "names in one word": ('"Date","Status","CheckNumber","Description","Withdrawal","Deposit","RunningBalance"\n"08/17/2026","Posted","558","Check","$75.00","","$961.47"\n"08/16/2026","Posted","","Pay","","$20.00","$1,036.47"\n', "utf-8", "", "XXX", [-7500, 2000], True),
    "current balance": ('"DATE","DESCRIPTION","AMOUNT","CURRENT BALANCE"\n"12/31/2026","A","-$7,971.39","$500.00"\n"12/30/2026","B","$6,000.36","$8,471.39"\n', "utf-8", "", "XXX", [-797139, 600036], True),
    "currency in an unnamed column": ("18.09.2026;HOFER;18.09.2026;-33,87;EUR;;\n18.09.2026;POS;16.09.2026;-23,55;EUR;;\n20.09.2026;Ein;20.09.2026;24,00;EUR;;\n", "cp1252", "", "EUR", [-3387, -2355, 2400], None),
    "summary in front of rows without header": ("Compte de chèques;Compte;****1234;03/02/2026;;1 234,56\n13/02/2026;Paiement;Carte;CB X;-10,00\n12/02/2026;Virement;Recu;VIR Y;1 000,00\n", "cp1252", "", "XXX", [-1000, 100000], None),
    "account with its currency in the preamble": ("Account Number:,1234567890 SGD\n\nTransaction Date,Transaction Description,Withdrawal,Deposit\n30 Jun 2026,Interest,,0.12\n16 Jun 2026,ATM,800.00,\n", "utf-8", "1234567890", "SGD", [12, -80000], None),
    "a preamble with dates and no account": ("Compte de Dépôt carte n° 12345678901;\nListe des opérations du compte entre le 01/01/2026 et le 01/02/2026;\n\nDate;Libellé;Débit euros;Crédit euros\n31/01/2026;A;10,50;\n30/01/2026;B;;1 000,00\n", "cp1252", "12345678901", "EUR", [-1050, 100000], None),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPORTS)
def test_export_of_a_bank(name: str) -> None:
    text, encoding, account, currency, amounts, agree = EXPORTS[name]
    read = Read(text.encode(encoding))
    statement = read.statements[0]
    assert (statement.account, statement.currency, read.amounts, statement.balances_ok) == (account, currency, amounts, agree)
    assert not read.rejects and all(line.booking_date for line in read.lines)


def test_a_british_header_says_that_the_day_comes_first() -> None:
    read = Read(
        "Transaction Date,Sort Code,Account Number,Transaction Description,Debit Amount,Credit Amount\n03/02/2026,30-00-00,12345678,SHOP,10.00,\n01/02/2026,30-00-00,12345678,JOE,,50.00\n"
    )
    assert [line.booking_date.isoformat() for line in read.lines if line.booking_date] == ["2026-02-03", "2026-02-01"]


def test_a_narrative_that_mentions_a_sum_is_no_totals_row() -> None:
    text = 'Date,Description,Amount\n2026-01-02,a,1.00\nunknown,"Mokėjimo operacija: (pradinė suma: USD 0001,01), dokumento Nr. 112, vykdymo data nežinoma",-20.00\nTotal,,-19.00\n'
    read = Read(text)
    assert read.amounts == [100] and [reject.position for reject in read.rejects] == [3] and read.flags.count("totals_row") == 1


def test_square_entries_of_a_payout() -> None:
    def entry(number: int, kind: str, gross: int, fee: int) -> dict[str, object]:
        money = {
            name: {"amount": amount, "currency_code": "USD"}
            for name, amount in (("gross_amount_money", gross), ("fee_amount_money", fee), ("net_amount_money", gross - fee))
        }
        return {
            "id": f"poe_{number}",
            "payout_id": "po_1",
            "effective_at": "2026-03-24T03:07:09Z",
            "type": kind,
            **money,
            "type_charge_details": {"payment_id": "pay"},
        }

    read = Read(json.dumps({"payout_entries": [entry(1, "CHARGE", 15000, 465), entry(2, "REFUND", -5000, 0)]}))
    assert read.amounts == [14535, -5000] and read.profile == ""
    assert (
        read.lines[0].extra == {"gross_minor": 15000, "fee_minor": 465, "net_minor": 14535, "payout": "po_1"}
        and read.lines[0].references["source"] == "pay"
    )


def test_paypal_transactions_take_the_signed_fee_and_leave_what_is_pending() -> None:
    def transaction(number: int, status: str, value: str, fee: str | None) -> dict[str, object]:
        info = {"transaction_id": f"T{number}", "transaction_event_code": "T0006", "transaction_initiation_date": "2026-01-02T10:00:00+0000", "transaction_status": status,
                "transaction_amount": {"currency_code": "USD", "value": value}, **({"fee_amount": {"currency_code": "USD", "value": fee}} if fee else {})}  # fmt: skip
        return {"transaction_info": info, "payer_info": {"account_id": "THEIRS", "email_address": "a@example.com"}}

    read = Read(
        json.dumps(
            {
                "account_number": "OURS",
                "transaction_details": [
                    transaction(1, "S", "10.00", "-0.59"),
                    transaction(2, "P", "-5.00", None),
                    transaction(3, "S", "-4.00", None),
                ],
            }
        )
    )
    assert read.amounts == [941, -400] and read.flags.count("not_settled") == 1 and read.statements[0].account == "OURS"


def test_adyen_accounting_report_counts_what_moved_the_balance() -> None:
    head = "Merchant Account,Psp Reference,Merchant Reference,Payment Method,Booking Date,Main Currency,Main Amount,Record Type,Settlement Currency,Payable (SC),Commission (SC)\n"
    read = Read(
        head
        + "M,881,R1,visa,2026-01-02 10:00:00,EUR,100.00,SentForSettle,EUR,,\nM,881,R1,visa,2026-01-03 10:00:00,EUR,100.00,Settled,EUR,98.20,1.80\nM,882,R2,visa,2026-01-04 10:00:00,EUR,20.00,Refunded,EUR,-20.10,0.10\n"
    )
    assert read.profile == "adyen_accounting" and read.amounts == [9820, -2010] and read.flags == ["row_kind"]


def test_stripe_exports_of_the_dashboard() -> None:
    payments = Read(
        "id,Description,Seller Message,Created (UTC),Amount,Amount Refunded,Currency,Converted Amount,Converted Amount Refunded,Fee,Converted Currency,Status\n"
        "ch_1,a,Payment complete.,2026-02-03 13:12,25.00,0.00,cad,25.00,0.00,1.03,cad,Paid\nch_2,b,Payment complete.,2026-02-03 13:12,25.00,5.00,cad,25.00,5.00,1.03,cad,Partially refunded\n"
        "ch_3,c,The bank declined.,2026-02-03 13:12,25.00,0.00,cad,25.00,0.00,0.00,cad,Failed\n"
    )
    assert payments.profile == "stripe_payments" and payments.amounts == [2397, 1897] and payments.flags == ["not_settled"]
    payouts = Read(
        "id,Amount,Created (UTC),Currency,Arrival Date (UTC),Source Type,Status,Type,Description,Destination,Balance Transaction\npo_1,100.50,2026-01-02 10:00,usd,2026-01-04 00:00,card,paid,bank_account,STRIPE PAYOUT,ba_1,txn_1\n"
    )
    assert (
        payouts.profile == "stripe_payouts_export" and payouts.amounts == [-10050] and payouts.lines[0].references["transaction"] == "txn_1"
    )


def test_amounts_without_a_whole_part_and_with_spaces() -> None:
    mt940 = Read(":20:A\n:25:1\n:28C:1\n:60F:C260101EUR1,00\n:61:260101C,50NMSCX\n:61:260101D,5NMSCY\n:62F:C260101EUR1,00\n")
    assert mt940.amounts == [50, -50] and mt940.statements[0].balances_ok is True
    ofx = Read(
        "<OFX><STMTRS><CURDEF>EUR<BANKACCTFROM><ACCTID>1</BANKACCTFROM><STMTTRN><DTPOSTED>20260101<TRNAMT>+1 006,60<FITID>1</STMTTRN><STMTTRN><DTPOSTED>20260101<TRNAMT>10 06<FITID>2</STMTTRN></STMTRS></OFX>"
    )
    assert ofx.amounts == [100660] and len(ofx.rejects) == 1  # "10 06" groups nothing


def test_camt_references_of_the_bank_itself() -> None:
    read = Read(
        '<Document><BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry><Amt Ccy="CHF">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><NtryDtls><TxDtls><Refs><Prtry><Tp>01</Tp><Ref>P1</Ref></Prtry></Refs></TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn></Document>'
    )
    assert read.lines[0].references == {"proprietary": "P1"}
