"""Built-in profiles of processor reports, on small files of each shape."""

from __future__ import annotations

import json
from datetime import date

from tests.ingestion.parsers.helpers import Read


def test_stripe_balance_report() -> None:
    read = Read(
        "balance_transaction_id,created_utc,available_on_utc,currency,gross,fee,net,reporting_category,description,automatic_payout_id\n"
        "txn_1,2026-10-01 09:12:00,2026-10-03 00:00:00,eur,45.91,0.94,44.97,charge,Order,po_1\n"
        "txn_2,2026-10-03 06:00:00,2026-10-05 00:00:00,eur,-44.97,0.00,-44.97,payout,STRIPE PAYOUT,po_1\n"
        "txn_1,2026-10-01 09:12:00,2026-10-03 00:00:00,eur,45.91,0.94,44.97,charge,Order,po_1\n"
    )
    assert read.profile == "stripe_balance" and read.amounts == [4497, -4497]
    assert read.lines[0].extra == {"gross_minor": 4591, "fee_minor": 94, "net_minor": 4497, "payout": "po_1"}
    assert "twice" in read.rejects[0].reason


def test_stripe_api_objects_in_minor_units() -> None:
    record = {"object": "balance_transaction", "id": "txn_1", "amount": 1000, "fee": 59, "net": 941, "currency": "usd", "created": 1767225600,
              "available_on": 1767398400, "type": "charge", "reporting_category": "charge", "source": "ch_1"}  # fmt: skip
    uganda = {**record, "id": "txn_2", "currency": "ugx", "amount": 500000, "fee": 0, "net": 500000}
    read = Read(json.dumps({"object": "list", "data": [record, uganda]}))
    assert [(line.currency, line.amount_minor) for line in read.lines] == [("USD", 941), ("UGX", 5000)]
    assert read.lines[0].booking_date == date(2026, 1, 1) and read.lines[0].references == {"id": "txn_1", "source": "ch_1"}
    payout = {
        "object": "payout",
        "id": "po_1",
        "amount": 1100,
        "currency": "usd",
        "created": 1767225600,
        "arrival_date": 1767398400,
        "status": "paid",
    }
    assert Read(json.dumps(payout)).amounts == [-1100], "a payout leaves the processor's balance"


def test_adyen_settlement_detail() -> None:
    head = ("Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,"
            "Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Batch Number\n")  # fmt: skip
    read = Read(
        head + "C,M,8515,ORD-1,visa,2026-01-02 10:00:00,CET,Settled,851A,EUR,,100.00,1,EUR,,98.50,1.50,,7\n"
        "C,M,8516,ORD-2,visa,2026-01-02 11:00:00,CET,Refunded,851B,EUR,20.00,,1,EUR,20.00,,,,7\n"
        "C,M,,,,2026-01-03 00:00:00,CET,Fee,Transaction Fees January,,,,,EUR,3.25,,,,7\n"
        "C,M,,,,2026-01-03 00:00:00,CET,MerchantPayout,TX1,,,,,EUR,75.25,,,,7\n"
    )
    assert read.profile == "adyen_settlement" and read.amounts == [9850, -2000, -325, -7525] and sum(read.amounts) == 0
    assert read.lines[0].references["customer"] == "ORD-1" and read.lines[0].extra and read.lines[0].extra["payout"] == "7"
    assert read.statements[0].account == "M"


def test_mpesa_statement_under_its_preamble() -> None:
    read = Read(
        "Short Code:,174379,,,,,,,,,,,\nOrganization:,Test Shop,,,,,,,,,,,\nTime Period:,From 01-01-2026 To 31-01-2026,,,,,,,,,,,\n\n"
        "Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.\n"
        'TAA3,03-02-2026 09:00:00,03-02-2026 09:00:00,Pay merchant Charge,Completed,,-11.50,"2,488.50",true,Charge,,TAA2,\n'
        'TAA2,03-02-2026 08:59:59,03-02-2026 08:59:59,Customer payment,Completed,"1,500.00",,"2,500.00",true,Pay Bill,254700000001 - JANE,,INV-7\n'
        'TAA1,01-02-2026 08:00:00,01-02-2026 08:00:00,Customer payment,Completed,"1,000.00",,"1,000.00",true,Pay Bill,254700000001 - JANE,,INV-6\n'
        "TAA0,01-02-2026 07:00:00,01-02-2026 07:00:00,Customer payment,Declined,50.00,,,true,Pay Bill,,,\n"
    )
    statement = read.statements[0]
    assert read.profile == "mpesa_statement" and read.amounts == [-1150, 150000, 100000]
    assert (statement.account, statement.currency, statement.opening_minor, statement.closing_minor, statement.balances_ok) == (
        "174379",
        "KES",
        0,
        248850,
        True,
    )
    assert (
        read.lines[0].booking_date == date(2026, 2, 3)
        and read.lines[1].references == {"transaction": "TAA2", "customer": "INV-7"}
        and read.lines[1].reference == "TAA2"
    )
    assert read.flags.count("not_settled") == 1


def test_mpesa_callbacks() -> None:
    item = [
        {"Name": "Amount", "Value": 1.0},
        {"Name": "MpesaReceiptNumber", "Value": "R1"},
        {"Name": "Balance"},
        {"Name": "TransactionDate", "Value": 20260102101112},
        {"Name": "PhoneNumber", "Value": 254700000001},
    ]
    paid = Read(
        json.dumps(
            {
                "Body": {
                    "stkCallback": {
                        "MerchantRequestID": "M",
                        "CheckoutRequestID": "C",
                        "ResultCode": 0,
                        "ResultDesc": "ok",
                        "CallbackMetadata": {"Item": item},
                    }
                }
            }
        )
    )
    assert paid.amounts == [100] and paid.lines[0].references["id"] == "R1" and paid.lines[0].value_date == date(2026, 1, 2)
    cancelled = Read(
        json.dumps({"Body": {"stkCallback": {"MerchantRequestID": "M", "ResultCode": 1032, "ResultDesc": "Request cancelled by user."}}})
    )
    assert cancelled.lines == [] and "no_movement" in cancelled.flags


PAYPAL_COLUMNS = '"CH","Transaction ID","Invoice ID","PayPal Reference ID","PayPal Reference ID Type","Transaction Event Code","Transaction Initiation Date","Transaction Completion Date","Transaction Debit or Credit","Gross Transaction Amount","Gross Transaction Currency","Fee Debit or Credit","Fee Amount","Fee Currency","Custom Field","Consumer ID"\n'


def test_paypal_settlement_report() -> None:
    read = Read(
        '"RH",2026/01/03 02:44:19 -0700,"A","ACCT",009,\n"FH",01\n"SH",2026/01/02 00:00:00 -0700,2026/01/02 23:59:59 -0700,"ACCT","",""\n' + PAYPAL_COLUMNS
        + '"SB","1AB","INV-1","","","T0006",2026/01/02 00:01:17 -0700,2026/01/02 00:01:17 -0700,"CR",3000,"USD","DR",117,"USD","",""\n'
        '"SB","2AB","","","","T0400",2026/01/02 00:05:00 -0700,2026/01/02 00:05:00 -0700,"DR",2883,"USD","",,"","",""\n'
        '"SB","3AB","","","","T0006",2026/01/02 00:06:00 -0700,2026/01/02 00:06:00 -0700,"CR",500,"JPY","",,"","",""\n'
        '"SF","USD",3000,0\n"SC",4\n"RF","USD",1\n"RC",3\n"FF",1\n'
    )  # fmt: skip
    assert read.format == "paypal_stl" and read.amounts == [2883, -2883, 500]
    assert read.lines[0].extra == {"gross_minor": 3000, "fee_minor": -117, "net_minor": 2883}
    assert [(item.account, item.currency) for item in read.statements] == [("ACCT", "USD"), ("ACCT", "JPY")]
    assert "record_count" in read.flags, "the section says four rows"


def test_paypal_activity_download() -> None:
    read = Read(
        '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address","To Email Address","Transaction ID","Reference Txn ID","Balance"\n'
        '"01/30/2026","10:00:00","PST","Jane","Express Checkout Payment","Completed","USD","1,050.00","-31.00","1,019.00","a@example.com","b@example.com","TX1","","1,019.00"\n'
        '"01/31/2026","11:00:00","PST","","General Withdrawal","Completed","USD","-1,000.00","0.00","-1,000.00","b@example.com","","TX2","","19.00"\n'
    )
    assert read.profile == "paypal_activity" and read.amounts == [101900, -100000] and read.statements[0].balances_ok is True


def test_square_payouts() -> None:
    read = Read(
        "Payout ID,Payout Date,Type,Date,Payment ID,Gross Amount,Fees,Net Total,Location\n"
        "po_1,01/31/2026,Charge,01/30/2026,pay_1,$12.00,($0.65),$11.35,Main\npo_1,01/31/2026,Refund,01/30/2026,pay_0,($5.00),$0.00,($5.00),Main\n"
    )
    assert read.profile == "square_payouts" and read.amounts == [1135, -500]
    assert read.lines[0].extra and (read.lines[0].extra["fee_minor"], read.lines[0].extra["payout"]) == (-65, "po_1")
    assert (read.lines[0].booking_date, read.lines[0].value_date) == (date(2026, 1, 30), date(2026, 1, 31))
    api = {
        "payouts": [
            {
                "id": "po_9",
                "status": "PAID",
                "amount_money": {"amount": 6259, "currency_code": "USD"},
                "created_at": "2026-01-01T00:00:00Z",
                "arrival_date": "2026-01-02",
            }
        ]
    }
    assert Read(json.dumps(api)).amounts == [-6259]


def test_mpesa_payment_out_and_its_failure() -> None:
    parameters = [
        {"Key": "TransactionAmount", "Value": 10},
        {"Key": "TransactionReceipt", "Value": "R9"},
        {"Key": "TransactionCompletedDateTime", "Value": "01.02.2026 03:00:00"},
    ]
    result = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "ok",
        "OriginatorConversationID": "O",
        "ConversationID": "C",
        "TransactionID": "R9",
        "ResultParameters": {"ResultParameter": parameters},
    }
    read = Read(json.dumps({"Result": result}))
    assert read.amounts == [-1000] and read.lines[0].references["id"] == "R9" and read.lines[0].value_date == date(2026, 2, 1)
    assert "no_movement" in Read(json.dumps({"Result": {**result, "ResultCode": 2001}})).flags


def test_stripe_dispute_moves_what_its_balance_transactions_say() -> None:
    inner = {
        "id": "txn_1",
        "object": "balance_transaction",
        "amount": -4200,
        "fee": 1500,
        "net": -5700,
        "currency": "usd",
        "reporting_category": "dispute",
    }
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "charge.dispute.created",
        "data": {"object": {"id": "du_1", "object": "dispute", "created": 1767225600, "balance_transactions": [inner]}},
    }
    read = Read(json.dumps(event))
    assert read.amounts == [-5700] and read.lines[0].booking_date == date(2026, 1, 1)
    assert "no_movement" in Read('{"id":"cus_1","object":"customer","created":1767225600}').flags


def test_revolut_fee_is_part_of_the_movement() -> None:
    read = Read(
        "Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance\n"
        "TOPUP,Current,2026-01-01 08:00:00,2026-01-01 08:00:01,Top-up,100.00,0.00,EUR,COMPLETED,100.00\n"
        "EXCHANGE,Current,2026-01-02 08:00:00,2026-01-02 08:00:01,Exchange,-50.00,0.50,EUR,COMPLETED,49.50\n"
        "CARD_PAYMENT,Current,2026-01-03 08:00:00,,Shop,-5.00,0.00,EUR,PENDING,\n"
    )
    assert read.amounts == [10000, -5050] and read.statements[0].balances_ok is True and "not_settled" in read.flags
