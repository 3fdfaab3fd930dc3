"""Unusual and valid samples of every format, each with what stands in it. Written for these tests; no real account is in them.

name -> (bytes, statements); a statement is (account, currency, opening, closing, balances_ok, lines), a line (amount, value date, reference);
None and "" leave open what the sample does not settle.
"""

# ruff: noqa: E701
from __future__ import annotations

from typing import Any

SAMPLES: dict[str, tuple[bytes, Any]] = {}


def add(name: str, text: str | bytes, expected: Any = None, encoding: str = "utf-8") -> None:
    SAMPLES[name] = (text if isinstance(text, bytes) else text.encode(encoding), expected)


def list_of(*items: Any) -> list[Any]:
    return list(items)


# CSV ---------------------------------------------------------------
add("semi_preamble.csv", """"Kontoauszug";"DE12 5001 0517 0648 4898 90"
"Zeitraum";"01.11.2026 - 30.11.2026"
"Währung";"EUR"

"Buchungstag";"Valuta";"Auftraggeber/Empfänger";"Buchungstext";"Verwendungszweck";"Betrag";"Saldo"
"02.11.2026";"02.11.2026";"ACME GmbH";"Gutschrift";"RE 100";"1.234,56";"2.234,56"
"03.11.2026";"03.11.2026";"Stadtwerke";"Lastschrift";"Strom";"-234,56";"2.000,00"

"Summe";"";"";"";"";"1.000,00";""
""", [("DE12500105170648489890","EUR",100000,200000,True,[(123456,"2026-11-02",None),(-23456,"2026-11-03",None)])], "cp1252")
add("trailing_minus.csv", """Datum;Text;Betrag
01.11.2026;Miete;1.234,56-
02.11.2026;Lohn;2.000,00+
03.11.2026;Zins;0,01
""", [("",None,None,None,None,[(-123456,"2026-11-01",None),(200000,"2026-11-02",None),(1,"2026-11-03",None)])])
add("parens.csv", """Date,Description,Amount
11/25/2026,Rent,"(1,234.56)"
11/26/2026,Pay,"2,000.00"
11/27/2026,Fee,($5.00)
11/28/2026,Refund,$7.25
""", [("",None,None,None,None,[(-123456,"2026-11-25",None),(200000,"2026-11-26",None),(-500,"2026-11-27",None),(725,"2026-11-28",None)])])
add("crdr_suffix.csv", """Txn Date,Description,Amount,Balance
01-Nov-2026,NEFT,"1,00,000.00 CR","2,00,000.00 CR"
02-Nov-2026,ATM,"5,000.00 DR","1,95,000.00 CR"
""", [("",None,10000000,19500000,True,[(10000000,"2026-11-01",None),(-500000,"2026-11-02",None)])])
add("drcr_column.csv", """Date,Narration,Dr/Cr,Amount,Closing Balance
01/11/2026,NEFT IN,CR,1000.00,1500.00
13/11/2026,ATM,DR,500.00,1000.00
""", [("",None,50000,100000,True,[(100000,"2026-11-01",None),(-50000,"2026-11-13",None)])])
add("two_cols_zero.csv", """Date,Details,Debit,Credit,Balance
2026-11-01,Open,0.00,100.00,600.00
2026-11-02,Shop,50.00,0.00,550.00
""", [("",None,50000,55000,True,[(10000,"2026-11-01",None),(-5000,"2026-11-02",None)])])
add("debit_negative.csv", """Date,Details,Withdrawals,Deposits,Balance
2026-11-01,Open,,100.00,600.00
2026-11-02,Shop,-50.00,,550.00
""", [("",None,50000,55000,True,[(10000,"2026-11-01",None),(-5000,"2026-11-02",None)])])
add("opening_closing_rows.csv", """Date,Description,Amount,Balance
2026-11-01,Opening Balance,,500.00
2026-11-02,Pay,100.00,600.00
2026-11-03,Shop,-50.00,550.00
2026-11-30,Closing Balance,,550.00
""", [("",None,50000,55000,True,[(10000,"2026-11-02",None),(-5000,"2026-11-03",None)])])
add("bal_desc.csv", """Date,Description,Amount,Balance
2026-11-03,Shop,-50.00,550.00
2026-11-02,Pay,100.00,600.00
""", [("",None,50000,55000,True,[(-5000,"2026-11-03",None),(10000,"2026-11-02",None)])])
add("tab.tsv", "Date\tAmount\tReference\n2026-11-01\t1.00\tA\n2026-11-02\t-2.00\tB\n", [("",None,None,None,None,[(100,"2026-11-01","A"),(-200,"2026-11-02","B")])])
add("utf16.csv", "Date,Amount,Reference\r\n2026-11-01,1.00,A\r\n".encode("utf-16"), [("",None,None,None,None,[(100,"2026-11-01","A")])])
add("utf16be_nobom.csv", "Date,Amount,Reference\r\n2026-11-01,1.00,A\r\n".encode("utf-16-le"), [("",None,None,None,None,[(100,"2026-11-01","A")])])
add("cr_only.csv", "Date,Amount,Reference\r2026-11-01,1.00,A\r2026-11-02,2.00,B\r", [("",None,None,None,None,[(100,"2026-11-01","A"),(200,"2026-11-02","B")])])
add("bom.csv", b"\xef\xbb\xbfDate,Amount\n2026-11-01,1.00\n", [("",None,None,None,None,[(100,"2026-11-01",None)])])
add("quoted_newline.csv", 'Date,Description,Amount\n2026-11-01,"line one\nline two, with comma",1.00\n2026-11-02,"say ""hi""",2.00\n', [("",None,None,None,None,[(100,"2026-11-01",None),(200,"2026-11-02",None)])])
add("swiss.csv", "Buchungsdatum;Text;Belastung;Gutschrift;Valuta;Saldo\n01.11.2026;Lohn;;1'234.50;01.11.2026;2'234.50\n02.11.2026;Miete;1'000.00;;02.11.2026;1'234.50\n", [("",None,100000,123450,True,[(123450,"2026-11-01",None),(-100000,"2026-11-02",None)])])
add("french.csv", "Date;Libellé;Débit;Crédit\n01/11/2026;VIR SALAIRE;;1 234,56\n15/11/2026;CB;-12,30;\n", [("",None,None,None,None,[(123456,"2026-11-01",None),(-1230,"2026-11-15",None)])], "cp1252")
add("spanish.csv", "Fecha operación;Fecha valor;Concepto;Importe;Saldo\n01/11/2026;01/11/2026;NOMINA;1.234,56;2.234,56\n15/11/2026;15/11/2026;RECIBO;-34,56;2.200,00\n", [("",None,100000,220000,True,[(123456,"2026-11-01",None),(-3456,"2026-11-15",None)])], "iso-8859-15")
add("polish.csv", "Data operacji;Opis operacji;Kwota;Saldo po operacji;Waluta\n2026-11-01;PRZELEW;1 234,56;2 234,56;PLN\n2026-11-02;KARTA;-34,56;2 200,00;PLN\n", [("","PLN",100000,220000,True,[(123456,"2026-11-01",None),(-3456,"2026-11-02",None)])], "cp1250")
add("ing_nl.csv", '"Datum","Naam / Omschrijving","Rekening","Tegenrekening","Code","Af Bij","Bedrag (EUR)","Mutatiesoort","Mededelingen"\n"20261101","ACME","NL20INGB0001234567","NL91ABNA0417164300","GT","Bij","1000,00","Online","x"\n"20261102","AH","NL20INGB0001234567","","BA","Af","12,34","Betaalautomaat","y"\n', [("NL20INGB0001234567","EUR",None,None,None,[(100000,"2026-11-01",None),(-1234,"2026-11-02",None)])])
add("rabo.csv", '"IBAN/BBAN","Munt","BIC","Volgnr","Datum","Rentedatum","Bedrag","Saldo na trn","Tegenrekening IBAN/BBAN","Naam tegenpartij","Omschrijving-1"\n"NL44RABO0123456789","EUR","RABONL2U","000000000000000001","2026-11-01","2026-11-01","+100,00","+600,00","NL91ABNA0417164300","ACME","x"\n"NL44RABO0123456789","EUR","RABONL2U","000000000000000002","2026-11-02","2026-11-02","-50,00","+550,00","","AH","y"\n', [("NL44RABO0123456789","EUR",50000,55000,True,[(10000,"2026-11-01","000000000000000001"),(-5000,"2026-11-02","000000000000000002")])])
add("chase.csv", "Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #\nDEBIT,11/15/2026,WAL-MART,-12.34,DEBIT_CARD,987.66,\nCREDIT,11/14/2026,PAYROLL,1000.00,ACH_CREDIT,1000.00,\n", [("",None,0,98766,True,[(-1234,"2026-11-15",None),(100000,"2026-11-14",None)])])
add("boa.csv", 'Description,,Summary Amt.\nBeginning balance as of 11/01/2026,,"1,000.00"\nTotal credits,,"500.00"\nTotal debits,,"-200.00"\nEnding balance as of 11/30/2026,,"1,300.00"\n\nDate,Description,Amount,Running Bal.\n11/01/2026,Beginning balance as of 11/01/2026,,"1,000.00"\n11/05/2026,"PAYROLL","500.00","1,500.00"\n11/20/2026,"RENT","-200.00","1,300.00"\n', [("",None,100000,130000,True,[(50000,"2026-11-05",None),(-20000,"2026-11-20",None)])])
add("wells.csv", '"11/15/2026","-12.34","*","","PURCHASE"\n"11/14/2026","1000.00","*","","PAYROLL"\n', [("",None,None,None,None,[(-1234,"2026-11-15",None),(100000,"2026-11-14",None)])])
add("barclays.csv", "Number,Date,Account,Amount,Subcategory,Memo\n,15/11/2026,20-00-00 12345678,-12.34,PAYMENT,SHOP\n,14/11/2026,20-00-00 12345678,1000.00,FT,PAY\n", [("20-00-00 12345678",None,None,None,None,[(-1234,"2026-11-15",None),(100000,"2026-11-14",None)])])
add("hsbc_uk.csv", "Date,Type,Description,Paid Out,Paid In,Balance\n14 Nov 2026,BP,RENT,500.00,,500.00\n15 Nov 2026,CR,PAY,,1000.00,1500.00\n", [("",None,100000,150000,True,[(-50000,"2026-11-14",None),(100000,"2026-11-15",None)])])
add("monzo.csv", "Transaction ID,Date,Time,Type,Name,Emoji,Category,Amount,Currency,Local amount,Local currency,Notes and #tags,Address,Receipt,Description,Category split,Money Out,Money In\ntx_1,14/11/2026,10:00:00,Card payment,Tesco,,Groceries,-12.34,GBP,-12.34,GBP,,,,TESCO,,-12.34,\ntx_2,15/11/2026,10:00:00,Faster payment,Bob,,Income,100.00,GBP,100.00,GBP,,,,BOB,,,100.00\n", [("","GBP",None,None,None,[(-1234,"2026-11-14","tx_1"),(10000,"2026-11-15","tx_2")])])
add("wise.csv", 'TransferWise ID,Date,Amount,Currency,Description,Payment Reference,Running Balance,Exchange From,Exchange To,Exchange Rate,Payer Name,Payee Name,Payee Account Number,Merchant,Card Last Four Digits,Card Holder Full Name,Attachment,Note,Total fees\nTRANSFER-1,15-11-2026,-10.00,EUR,Sent money,ref,90.00,,,,,Bob,DE1,,,,,,0.50\nTRANSFER-2,14-11-2026,100.00,EUR,Received,ref2,100.00,,,,Ann,,,,,,,,0.00\n', [("","EUR",0,9000,True,[(-1000,"2026-11-15",None),(10000,"2026-11-14",None)])])
add("n26.csv", '"Booking Date","Value Date","Partner Name","Partner Iban",Type,"Payment Reference","Account Name","Amount (EUR)","Original Amount","Original Currency","Exchange Rate"\n2026-11-01,2026-11-01,ACME,DE89370400440532013000,Income,Ref,Main,100.00,,,\n2026-11-02,2026-11-02,Shop,,Presentment,Ref2,Main,-11.00,-12.00,USD,1.09\n', [(None,"EUR",None,None,None,[(10000,"2026-11-01",None),(-1100,"2026-11-02",None)])])
add("sparkasse_mt940.csv", '"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Beguenstigter/Zahlungspflichtiger";"Kontonummer";"BLZ";"Betrag";"Waehrung";"Info"\n"1234567";"01.11.26";"01.11.26";"GUTSCHRIFT";"RE1";"ACME";"DE1";"BIC";"100,00";"EUR";"Umsatz gebucht"\n"1234567";"02.11.26";"02.11.26";"LASTSCHRIFT";"RE2";"X";"DE2";"BIC";"-50,00";"EUR";"Umsatz gebucht"\n', [("1234567","EUR",None,None,None,[(10000,"2026-11-01",None),(-5000,"2026-11-02",None)])], "cp1252")
add("jp.csv", "Date,Amount,Currency\n2026/11/01,1000,JPY\n2026/11/02,-500,JPY\n", [("","JPY",None,None,None,[(1000,"2026-11-01",None),(-500,"2026-11-02",None)])])
add("kwd.csv", "Date,Amount,Currency\n2026-11-01,1.234,KWD\n2026-11-02,-0.500,KWD\n", [("","KWD",None,None,None,[(1234,"2026-11-01",None),(-500,"2026-11-02",None)])])
add("iso_ts.csv", "created,amount,currency,id\n2026-11-01T23:59:59+02:00,1.00,usd,a\n2026-11-02T00:00:00Z,2.00,usd,b\n", [("","USD",None,None,None,[(100,"2026-11-01","a"),(200,"2026-11-02","b")])])
add("sep_line.csv", "sep=;\nDate;Amount;Text\n2026-11-01;1,50;x\n", [("",None,None,None,None,[(150,"2026-11-01",None)])])
add("unicode_minus.csv", "Date;Amount;Text\n2026-11-01;−1,50;x\n2026-11-02;+2,50;x\n", [("",None,None,None,None,[(-150,"2026-11-01",None),(250,"2026-11-02",None)])])
add("yyyymmdd.csv", "Date;Amount;Ref\n20261101;1.00;a\n20261102;2.00;b\n", [("",None,None,None,None,[(100,"2026-11-01","a"),(200,"2026-11-02","b")])])
add("us_2digit.csv", "Date,Description,Amount\n11/25/26,x,-1.00\n11/26/26,y,2.00\n", [("",None,None,None,None,[(-100,"2026-11-25",None),(200,"2026-11-26",None)])])
add("debit_credit_word.csv", "Transaction Date,Transaction Type,Amount,Description\n2026-11-01,Debit,10.00,x\n2026-11-02,Credit,20.00,y\n", [("",None,None,None,None,[(-1000,"2026-11-01",None),(2000,"2026-11-02",None)])])
add("pipe.csv", "Date|Amount|Reference\n2026-11-01|1.00|A|\n2026-11-02|2.00|B|\n", [("",None,None,None,None,[(100,"2026-11-01","A"),(200,"2026-11-02","B")])])
add("currency_symbol.csv", "Date,Description,Amount,Balance\n2026-11-01,x,€10.00,€110.00\n2026-11-02,y,-€5.00,€105.00\n", [("",None,10000,10500,True,[(1000,"2026-11-01",None),(-500,"2026-11-02",None)])])
add("amount_eur_suffix.csv", "Datum;Betrag;Text\n01.11.2026;10,00 EUR;x\n02.11.2026;-5,00 EUR;y\n", [("",None,None,None,None,[(1000,"2026-11-01",None),(-500,"2026-11-02",None)])])

# processors --------------------------------------------------------
add("stripe_itemized.csv", """balance_transaction_id,created_utc,created,available_on_utc,available_on,currency,gross,fee,net,reporting_category,source_id,description,customer_facing_amount,customer_facing_currency,automatic_payout_id,automatic_payout_effective_at_utc,automatic_payout_effective_at,customer_id,charge_id
txn_1,2026-11-01 10:00:00,2026-11-01 12:00:00,2026-11-03 00:00:00,2026-11-03 02:00:00,usd,100.00,3.20,96.80,charge,ch_1,Order 1,100.00,usd,po_1,2026-11-03 00:00:00,2026-11-03 02:00:00,cus_1,ch_1
txn_2,2026-11-02 10:00:00,2026-11-02 12:00:00,2026-11-03 00:00:00,2026-11-03 02:00:00,usd,-20.00,0.00,-20.00,refund,re_1,REFUND,,,po_1,2026-11-03 00:00:00,,,
txn_3,2026-11-03 10:00:00,2026-11-03 12:00:00,2026-11-03 00:00:00,2026-11-03 02:00:00,usd,-76.80,0.00,-76.80,payout,po_1,STRIPE PAYOUT,,,po_1,,,,
""", [("","USD",None,None,None,[(9680,"2026-11-03","txn_1"),(-2000,"2026-11-03","txn_2"),(-7680,"2026-11-03","txn_3")])])
add("stripe_dash.csv", """id,Type,Source,Amount,Fee,Destination Platform Fee,Net,Currency,Created (UTC),Available On (UTC),Description,Customer Facing Amount,Customer Facing Currency,Transfer,Transfer Date (UTC)
txn_1,charge,ch_1,100.00,3.20,,96.80,usd,2026-11-01 10:00,2026-11-03 00:00,Order,100.00,usd,po_1,2026-11-03 00:00
txn_2,payout,po_1,-96.80,0.00,,-96.80,usd,2026-11-03 10:00,2026-11-03 00:00,STRIPE PAYOUT,,,po_1,
""", [("","USD",None,None,None,[(9680,"2026-11-03","txn_1"),(-9680,"2026-11-03","txn_2")])])
add("adyen_sdr.csv", """Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Payment Method Variant,Modification Merchant Reference,Batch Number,Reserved4,Reserved5,Reserved6,Reserved7,Reserved8,Reserved9,Reserved10
TestCo,TestMerchant,8815658961765250,order-1,visa,2026-11-01 10:00:00,CET,Settled,8815658961765251,EUR,,100.00,1,EUR,,97.50,2.50,,,,visa,,12,,,,,,,
TestCo,TestMerchant,8815658961765252,order-2,mc,2026-11-02 10:00:00,CET,Refunded,8815658961765253,EUR,20.00,,1,EUR,20.00,,,,,,mc,,12,,,,,,,
TestCo,TestMerchant,,,,2026-11-02 10:00:00,CET,Fee,Transaction Fees November,,,,,EUR,1.20,,,,,,,,12,,,,,,,
TestCo,TestMerchant,,,,2026-11-02 10:00:00,CET,MerchantPayout,"TX batch 12, TestMerchant",,,,,EUR,76.30,,,,,,,,12,,,,,,,
""", [("TestMerchant","EUR",None,None,None,[(9750,"2026-11-01",None),(-2000,"2026-11-02",None),(-120,"2026-11-02",None),(-7630,"2026-11-02",None)])])
add("paypal_activity.csv", '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address","To Email Address","Transaction ID","Reference Txn ID","Invoice Number","Balance"\n"11/14/2026","10:00:00","PST","Ann","Express Checkout Payment","Completed","USD","100.00","-3.20","96.80","a@x","b@x","TX1","","INV1","96.80"\n"11/15/2026","10:00:00","PST","","General Withdrawal","Completed","USD","-96.80","0.00","-96.80","","","TX2","","","0.00"\n"11/15/2026","10:00:00","PST","Bob","Express Checkout Payment","Pending","USD","50.00","0.00","50.00","","","TX3","","","0.00"\n', [("", "USD", 0, 0, True, [(9680, "2026-11-14", "INV1"), (-9680, "2026-11-15", "TX2")])])
add("paypal_eu.csv", '"Datum","Uhrzeit","Zeitzone","Name","Typ","Status","Währung","Brutto","Gebühr","Netto","Absender E-Mail-Adresse","Empfänger E-Mail-Adresse","Transaktionscode","Guthaben"\n"14.11.2026","10:00:00","CET","Ann","Zahlung","Abgeschlossen","EUR","1.100,00","-3,20","1.096,80","a@x","b@x","TX1","1.096,80"\n"15.11.2026","10:00:00","CET","","Abbuchung","Abgeschlossen","EUR","-96,80","0,00","-96,80","","","TX2","1.000,00"\n', [("","EUR",0,100000,True,[(109680,"2026-11-14","TX1"),(-9680,"2026-11-15","TX2")])])
add("mpesa_org.csv", """Account Holder:,ACME LTD
Short Code:,600000
Account:,Utility Account
Time Period:,From 01-11-2026 00:00:00 To 30-11-2026 23:59:59
Operator:,acme
Report Date:,30-11-2026 10:00:00
Opening Balance:,"1,000.00"
Closing Balance:,"1,077.00"
Available Balance:,"1,077.00"
Total Paid In:,100.00
Total Withdrawn:,-23.00

Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.
TKA2ABC123,03-11-2026 10:00:00,03-11-2026 10:00:00,Withdrawal Charge,Completed,,-23.00,"1,077.00",TRUE,Organization Settlement,600000 - ACME,TKA1ABC122,
TKA1ABC122,02-11-2026 10:00:00,02-11-2026 10:00:00,Pay Bill from 2547****123 - JANE DOE Acc. INV1,Completed,100.00,,"1,100.00",TRUE,Pay Bill Online,254700000123 - JANE DOE,,INV1
""", [(None,"KES",100000,107700,True,[(-2300,"2026-11-03","TKA2ABC123"),(10000,"2026-11-02","TKA1ABC122")])])
add("mpesa_personal.csv", """MPESA STATEMENT
Customer Name:,JANE DOE
Mobile Number:,254700000123
Date of Statement:,30 Nov 2026
Statement Period:,01 Nov 2026 - 30 Nov 2026

DETAILED STATEMENT
Receipt No.,Completion Time,Details,Transaction Status,Paid In,Withdrawn,Balance
TKA2ABC123,2026-11-03 10:00:00,Pay merchant Charge,COMPLETED,,-23.00,"1,077.00"
TKA1ABC122,2026-11-02 10:00:00,Funds received from BOB,COMPLETED,100.00,,"1,100.00"
""", [(None,"KES",100000,107700,True,[(-2300,"2026-11-03","TKA2ABC123"),(10000,"2026-11-02","TKA1ABC122")])])
add("square_payouts.csv", """Payout ID,Payout Date,Status,Type,Location,Gross Amount,Fees,Net Amount,Currency
po_1,11/14/2026,PAID,BATCH,Main,"$1,000.00",-$29.00,$971.00,USD
po_2,11/15/2026,PAID,BATCH,Main,$10.00,-$0.59,$9.41,USD
""", [("Main","USD",None,None,None,[(97100,"2026-11-14","po_1"),(941,"2026-11-15","po_2")])])
add("square_deposits.csv", """Date,Time,Time Zone,Gross Sales,Discounts,Net Sales,Gift Card Sales,Tax,Tip,Partial Refunds,Total Collected,Source,Card,Card Entry Methods,Cash,Square Gift Card,Other Tender,Other Tender Type,Fees,Net Total,Transaction ID,Payment ID,Card Brand,PAN Suffix,Device Name,Deposit ID,Deposit Date,Deposit Details
11/14/26,10:00:00,Pacific Time,$100.00,$0.00,$100.00,$0.00,$8.00,$0.00,$0.00,$108.00,Register,$108.00,Swiped,$0.00,$0.00,$0.00,,-$2.81,$105.19,T1,P1,Visa,1111,iPad,D1,11/15/2026,url
""", [(None,"USD",None,None,None,[(10519,"2026-11-15",None)])])

# MT940/942 ---------------------------------------------------------
add("mt942.sta", """:20:942A
:25:10020030/1234567
:28C:5/1
:34F:EURD100,
:34F:EURC50,00
:13D:2611211200+0100
:61:2611211121D100,50NTRFNONREF//B1
:86:020?00UEBERWEISUNG?20EREF+E1?21SVWZ+RENT?30BIC?31DE1?32LANDLORD
:61:2611211121C75,00NMSCREF2
:86:Interest
:90D:1EUR100,50
:90C:1EUR75,00
-""", [("10020030/1234567","EUR",None,None,None,[(-10050,"2026-11-21",None),(7500,"2026-11-21","REF2")])])
add("mt940_swift.sta", """{1:F01BANKDEFFAXXX0000000000}{2:O9401200261121BANKDEFFAXXX00000000002611211200N}{4:
:20:REF1
:25:DE89370400440532013000EUR
:28C:00123/001
:60F:C261120EUR1000,00
:61:2611211121RC100,00NTRFREV//X
:61:2611211121RD50,00NTRFREV2
:61:261121C0,5NINTNONREF
/OCMT/USD1,00/
:86:INTEREST
:62F:C261121EUR950,50
:64:C261121EUR950,50
-}{5:{CHK:123456789ABC}}
{1:F01BANKDEFFAXXX0000000000}{2:O940...}{4:
:20:REF2
:25:DE89370400440532013000USD
:28C:1
:60M:D261120USD10,
:61:261121D5,NTRFA
:62M:D261121USD15,
-}
""", [(None,"EUR",100000,95050,True,[(-10000,"2026-11-21",None),(5000,"2026-11-21",None),(50,"2026-11-21",None)]),(None,"USD",-1000,-1500,True,[(-500,"2026-11-21","A")])])
add("mt940_jpy.sta", ":20:X\n:25:JP1\n:28C:1\n:60F:C261120JPY1000,\n:61:261121D500,NTRFA\n:62F:C261121JPY500,\n", [("JP1","JPY",1000,500,True,[(-500,"2026-11-21","A")])])
add("mt940_crlf16.sta", ":20:X\r\n:25:1\r\n:28C:1\r\n:60F:C261120EUR10,00\r\n:61:261121C5,00NTRFA\r\n:62F:C261121EUR15,00\r\n".encode("utf-16"), [("1","EUR",1000,1500,True,[(500,"2026-11-21","A")])])
add("mt940_cr.sta", ":20:X\r:25:1\r:28C:1\r:60F:C261120EUR10,00\r:61:261121C5,00NTRFA\r:62F:C261121EUR15,00\r", [("1","EUR",1000,1500,True,[(500,"2026-11-21","A")])])

# camt --------------------------------------------------------------
def camt(kind, version, inner, ns=True):
    root={"052":"BkToCstmrAcctRpt","053":"BkToCstmrStmt","054":"BkToCstmrDbtCdtNtfctn"}[kind]
    if version==1: root={"052":"BkToCstmrAcctRptV01","053":"BkToCstmrStmtV01","054":"BkToCstmrDbtCdtNtfctnV01"}[kind]
    box={"052":"Rpt","053":"Stmt","054":"Ntfctn"}[kind]
    n=f' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{version:02}"' if ns else ""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Document{n}><{root}><GrpHdr><MsgId>M</MsgId><CreDtTm>2026-11-21T10:00:00</CreDtTm></GrpHdr><{box}><Id>S1</Id><CreDtTm>2026-11-21T10:00:00</CreDtTm><Acct><Id><IBAN>DE89370400440532013000</IBAN></Id><Ccy>EUR</Ccy></Acct>{inner}</{box}></{root}></Document>'
def bal(code, amt, d="CRDT", new=True): return f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amt}</Amt><CdtDbtInd>{d}</CdtDbtInd><Dt><Dt>2026-11-21</Dt></Dt></Bal>'
def ntry(amt, d, sts="BOOK", code=False, tx="", date="<Dt>2026-11-21</Dt>", rev=False):
    s=f"<Sts><Cd>{sts}</Cd></Sts>" if code else f"<Sts>{sts}</Sts>"
    return f'<Ntry><Amt Ccy="EUR">{amt}</Amt><CdtDbtInd>{d}</CdtDbtInd>{"<RvslInd>true</RvslInd>" if rev else ""}{s}<BookgDt>{date}</BookgDt><ValDt>{date}</ValDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>RCDT</Cd><SubFmlyCd>ESCT</SubFmlyCd></Fmly></Domn></BkTxCd>{tx}</Ntry>'
TX='<NtryDtls><Btch><NbOfTxs>2</NbOfTxs></Btch><TxDtls><Refs><EndToEndId>E1</EndToEndId></Refs><Amt Ccy="EUR">60.00</Amt></TxDtls><TxDtls><Refs><EndToEndId>E2</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy="EUR">40.00</Amt></TxAmt></AmtDtls></TxDtls></NtryDtls>'
for kind in ("052","053","054"):
    for v in (1,2,4,6,8,10,13):
        new = v>=7
        inner=(bal("OPBD","100.00")+bal("CLBD","180.00") if kind!="054" else "")+ntry("100.00","CRDT",code=new,tx=TX)+ntry("20.00","DBIT",code=new,date="<DtTm>2026-11-21T23:30:00+01:00</DtTm>")
        ex=[("DE89370400440532013000","EUR",10000 if kind!="054" else None,18000 if kind!="054" else None,True if kind!="054" else None,[(10000,"2026-11-21",None),(-2000,"2026-11-21",None)])]
        add(f"camt{kind}_v{v}.xml", camt(kind,v,inner,ns=v!=1), ex)
add("camt_prefix.xml", camt("053",2,bal("OPBD","1.00")+bal("CLBD","2.00")+ntry("1.00","CRDT")).replace("<","<n:").replace("<n:/","</n:").replace("<n:?","<?").replace("xmlns=","xmlns:n="), [("DE89370400440532013000","EUR",100,200,True,[(100,"2026-11-21",None)])])
add("camt_pending.xml", camt("053",8,bal("OPBD","100.00")+bal("CLBD","110.00")+ntry("10.00","CRDT",code=True)+ntry("99.00","DBIT","PDNG",code=True)), [("DE89370400440532013000","EUR",10000,11000,True,[(1000,"2026-11-21",None),(-9900,"2026-11-21",None)])])
add("camt_utf16.xml", camt("053",2,bal("OPBD","1.00")+bal("CLBD","2.00")+ntry("1.00","CRDT")).replace('UTF-8','UTF-16').encode("utf-16"), [("DE89370400440532013000","EUR",100,200,True,[(100,"2026-11-21",None)])])
add("camt_iso.xml", camt("053",2,bal("OPBD","1.00")+bal("CLBD","2.00")+ntry("1.00","CRDT",tx="<AddtlNtryInf>Müller</AddtlNtryInf>")).replace('UTF-8','ISO-8859-1').encode("latin-1"), [("DE89370400440532013000","EUR",100,200,True,[(100,"2026-11-21",None)])])

# OFX ---------------------------------------------------------------
SG = """OFXHEADER:100
DATA:OFXSGML
VERSION:102
SECURITY:NONE
ENCODING:USASCII
CHARSET:1252
COMPRESSION:NONE
OLDFILEUID:NONE
NEWFILEUID:NONE

<OFX><SIGNONMSGSRSV1><SONRS><STATUS><CODE>0<SEVERITY>INFO</STATUS><DTSERVER>20261121120000[-5:EST]<LANGUAGE>ENG<INTU.BID>3000</SONRS></SIGNONMSGSRSV1>
<BANKMSGSRSV1><STMTTRNRS><TRNUID>1<STATUS><CODE>0<SEVERITY>INFO</STATUS><STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>121000248<ACCTID>123456789<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20261101<DTEND>20261130
<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261115233000.000[-8:PST]<TRNAMT>-12.34<FITID>1<NAME>AT&amp;T<MEMO>bill</STMTTRN>
<STMTTRN>
<TRNTYPE>CREDIT
<DTPOSTED>20261116
<TRNAMT>+1,000.00
<FITID>2
<NAME>PAY
</STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>987.66<DTASOF>20261130</LEDGERBAL><AVAILBAL><BALAMT>900.00<DTASOF>20261130</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>
"""
add("sgml.ofx", SG, [("123456789","USD",None,98766,None,[(-1234,"2026-11-15","1"),(100000,"2026-11-16","2")])])
add("quicken.qfx", SG.replace("\n","\r\n"), [("123456789","USD",None,98766,None,[(-1234,"2026-11-15","1"),(100000,"2026-11-16","2")])])
add("oneline.ofx", SG.replace("\n",""), [("123456789","USD",None,98766,None,[(-1234,"2026-11-15","1"),(100000,"2026-11-16","2")])])
add("xml2.ofx", """<?xml version="1.0" encoding="UTF-8" standalone="no"?>
<?OFX OFXHEADER="200" VERSION="211" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>
<OFX><CREDITCARDMSGSRSV1><CCSTMTTRNRS><TRNUID>1</TRNUID><STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS><CCSTMTRS><CURDEF>EUR</CURDEF><CCACCTFROM><ACCTID>4111</ACCTID></CCACCTFROM><BANKTRANLIST><DTSTART>20261101</DTSTART><DTEND>20261130</DTEND>
<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20261115120000</DTPOSTED><TRNAMT>-12,34</TRNAMT><FITID>1</FITID><NAME>Café</NAME></STMTTRN></BANKTRANLIST><LEDGERBAL><BALAMT>-12.34</BALAMT><DTASOF>20261130</DTASOF></LEDGERBAL></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>""", [("4111","EUR",None,-1234,None,[(-1234,"2026-11-15","1")])])

# BAI2 --------------------------------------------------------------
add("bai2.txt", """01,021000021,PAYOS,261121,0600,1,80,,2/
02,PAYOS,021000021,1,261121,0600,USD,2/
03,123456789,USD,010,100000,,,015,130000,,/
88,100,50000,1,,400,20000,1,/
16,165,50000,V,261122,0600,BREF1,CREF1,ACH CREDIT
88,CONTINUED TEXT, WITH COMMA
16,475,20000,S,10000,5000,5000,BREF2,1001/
49,370000,6/
98,370000,1,8/
99,370000,1,10/
""", [("123456789","USD",100000,130000,True,[(50000,"2026-11-22",None),(-20000,"2026-11-21",None)])])
add("bai2_d.txt", "01,A,B,20261121,0600,1,,,2/\n02,A,B,1,20261121,,CAD,2/\n03,1,,015,000100,,/\n16,169,100,D,3,0,50,1,30,2,20,B1,C1,text/\n49,200,3/\n98,200,1,5/\n99,200,1,7/\n", [("1","CAD",None,100,True,[(100,"2026-11-21",None)])])
add("bai2_jpy.txt", "01,A,B,261121,0600,1,,,2/\n02,A,B,1,261121,,JPY,2/\n03,1,JPY,015,1000,,/\n16,142,1000,0,B1,C1,text/\n49,2000,3/\n98,2000,1,5/\n99,2000,1,7/\n", [("1","JPY",None,1000,True,[(1000,"2026-11-21",None)])])
# JSON ---------------------------------------------------------------
add("tx.json", '{"transactions":[{"booking_date":"2026-11-01","amount":"12.50","currency":"EUR","reference":"A"},{"booking_date":"2026-11-02","amount":-3.10,"currency":"EUR","reference":"B"}]}', [("","EUR",None,None,None,[(1250,"2026-11-01","A"),(-310,"2026-11-02","B")])])
add("tx.ndjson", '{"date":"2026-11-01","amount":12.50,"currency":"EUR","id":"A"}\n{"date":"2026-11-02","amount":1e2,"currency":"EUR","id":"B"}\n', [("","EUR",None,None,None,[(1250,"2026-11-01","A"),(10000,"2026-11-02","B")])])
add("berlin.json", '{"account":{"iban":"DE1"},"transactions":{"booked":[{"transactionId":"1","bookingDate":"2026-11-01","valueDate":"2026-11-01","transactionAmount":{"amount":"-12.50","currency":"EUR"},"creditorName":"X","remittanceInformationUnstructured":"y"}],"pending":[]}}', [(None,"EUR",None,None,None,[(-1250,"2026-11-01","1")])])

# More of the same.
# more csv
add("totals_with_amount.csv","Date,Description,Amount\n2026-11-01,x,10.00\n2026-11-02,y,20.00\nTotal,,30.00\n",[("",None,None,None,None,list_of((1000,"2026-11-01",None),(2000,"2026-11-02",None)))])
add("totals_dated.csv","Date,Description,Debit,Credit\n2026-11-01,x,,10.00\n2026-11-02,y,5.00,\n,Total,5.00,10.00\n",[("",None,None,None,None,list_of((1000,"2026-11-01",None),(-500,"2026-11-02",None)))])
add("footer_note.csv","Date,Description,Amount\n2026-11-01,x,10.00\n\nThis statement was generated on 2026-11-30.\n",[("",None,None,None,None,list_of((1000,"2026-11-01",None)))])
add("unclosed_quote.csv",'Date,Description,Amount\n2026-11-01,"bad,1.00\n2026-11-02,ok,2.00\n2026-11-03,"x",3.00\n2026-11-04,z,4.00\n',[("",None,None,None,None,list_of((100,"2026-11-01",None),(200,"2026-11-02",None),(300,"2026-11-03",None),(400,"2026-11-04",None)))])
add("quote_in_text.csv",'Date,Description,Amount\n2026-11-01,5" pipe,1.00\n2026-11-02,ok,2.00\n',[("",None,None,None,None,list_of((100,"2026-11-01",None),(200,"2026-11-02",None)))])
add("preamble_multiline.csv",'"Report for\nACME, Inc., US"\n\nDate,Description,Amount\n2026-11-01,x,1.00\n',[("",None,None,None,None,list_of((100,"2026-11-01",None)))])
add("two_currencies.csv","Date,Amount,Currency,Balance\n2026-11-01,10.00,EUR,110.00\n2026-11-01,5.00,USD,55.00\n2026-11-02,-10.00,EUR,100.00\n2026-11-02,5.00,USD,60.00\n",[("","EUR",10000,10000,True,list_of((1000,"2026-11-01",None),(-1000,"2026-11-02",None))),("","USD",5000,6000,True,list_of((500,"2026-11-01",None),(500,"2026-11-02",None)))])
add("repeat_header.csv","Date,Description,Amount\n2026-11-01,x,1.00\nDate,Description,Amount\n2026-11-02,y,2.00\n",[("",None,None,None,None,list_of((100,"2026-11-01",None),(200,"2026-11-02",None)))])
add("space_thousands.csv","Datum;Belopp;Text\n2026-11-01;1 234,56;x\n2026-11-02;-1 000,00;y\n",[("",None,None,None,None,list_of((123456,"2026-11-01",None),(-100000,"2026-11-02",None)))])
add("nbsp_thousands.csv","Datum;Belopp;Text\n2026-11-01;1\u00a0234,56;x\n2026-11-02;-1\u202f000,00;y\n",[("",None,None,None,None,list_of((123456,"2026-11-01",None),(-100000,"2026-11-02",None)))])
add("no_decimals_grouped.csv","Date,Amount,Currency\n2026-11-01,\"1,234\",USD\n2026-11-02,\"12,345\",USD\n",[("","USD",None,None,None,list_of((123400,"2026-11-01",None),(1234500,"2026-11-02",None)))])
add("eur_no_decimals_dot.csv","Datum;Betrag\n01.11.2026;1.234\n02.11.2026;12.345\n",[("",None,None,None,None,list_of((123400,"2026-11-01",None),(1234500,"2026-11-02",None)))])
add("dec1.csv","Date,Amount\n2026-11-01,1.5\n2026-11-02,-2\n",[("",None,None,None,None,list_of((150,"2026-11-01",None),(-200,"2026-11-02",None)))])
add("zero_padded.csv","Date,Amount\n2026-11-01,000012.50\n",[("",None,None,None,None,list_of((1250,"2026-11-01",None)))])
add("leading_dot.csv","Date,Amount\n2026-11-01,.50\n2026-11-02,-.25\n",[("",None,None,None,None,list_of((50,"2026-11-01",None),(-25,"2026-11-02",None)))])
add("minus_dollar.csv","Date,Amount\n2026-11-01,-$1.50\n2026-11-02,$-2.50\n2026-11-03,USD 3.50\n",[("",None,None,None,None,list_of((-150,"2026-11-01",None),(-250,"2026-11-02",None),(350,"2026-11-03",None)))])
add("minus_space.csv","Date;Amount\n2026-11-01;- 1,50\n",[("",None,None,None,None,list_of((-150,"2026-11-01",None)))])
add("crdr_space.csv","Date,Particulars,Amount\n01/11/2026,a,100.00 Dr.\n14/11/2026,b,50.00 Cr.\n",[("",None,None,None,None,list_of((-10000,"2026-11-01",None),(5000,"2026-11-14",None)))])
add("type_crdr_letter.csv","Date,Amount,D/C,Description\n2026-11-01,10.00,D,x\n2026-11-02,20.00,C,y\n",[("",None,None,None,None,list_of((-1000,"2026-11-01",None),(2000,"2026-11-02",None)))])
add("sh.csv","Buchungstag;Betrag;Soll/Haben;Text\n01.11.2026;10,00;S;x\n02.11.2026;20,00;H;y\n",[("",None,None,None,None,list_of((-1000,"2026-11-01",None),(2000,"2026-11-02",None)))])
add("month_names.csv","Date,Amount,Description\n\"Nov 1, 2026\",1.00,x\n\"November 15, 2026\",2.00,y\n",[("",None,None,None,None,list_of((100,"2026-11-01",None),(200,"2026-11-15",None)))])
add("weekday.csv","Date,Amount,Description\n\"Sun, 1 Nov 2026\",1.00,x\n",[("",None,None,None,None,list_of((100,"2026-11-01",None)))])
add("value_date_only.csv","Value Date,Amount,Narrative\n2026-11-01,1.00,x\n",[("",None,None,None,None,list_of((100,"2026-11-01",None)))])
add("camt_like.csv","BookingDate,ValueDate,CreditDebit,Amount,Currency,EndToEndId\n2026-11-01,2026-11-02,DBIT,1.00,EUR,E1\n2026-11-01,2026-11-02,CRDT,2.00,EUR,E2\n",[("","EUR",None,None,None,list_of((-100,"2026-11-02","E1"),(200,"2026-11-02","E2")))])
add("starling.csv","Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes\n14/11/2026,Shop,ref,CONTACTLESS,-12.34,87.66,SHOPPING,\n15/11/2026,Bob,ref2,FASTER PAYMENT,100.00,187.66,INCOME,\n",[("","GBP",10000,18766,True,list_of((-1234,"2026-11-14","ref"),(10000,"2026-11-15","ref2")))])
add("nordea.csv","Bokföringsdag;Belopp;Avsändare;Mottagare;Namn;Rubrik;Saldo;Valuta\n2026/11/02;-12,34;1;;x;y;87,66;SEK\n2026/11/01;100,00;;1;x;y;100,00;SEK\n",[("","SEK",0,8766,True,list_of((-1234,"2026-11-02",None),(10000,"2026-11-01",None)))])
add("bunq.csv",'"Date";"Interest Date";"Amount";"Account";"Counterparty";"Name";"Description"\n"2026-11-01";"2026-11-01";"-1.234,56";"NL01BUNQ1";"NL91ABNA0417164300";"ACME";"x"\n"2026-11-02";"2026-11-02";"10,00";"NL01BUNQ1";"";"Bob";"y"\n',[("NL01BUNQ1",None,None,None,None,list_of((-123456,"2026-11-01",None),(1000,"2026-11-02",None)))])
add("revolut_biz.csv","Date started (UTC),Date completed (UTC),ID,Type,State,Description,Reference,Payer,Card number,Orig currency,Orig amount,Payment currency,Amount,Total amount,Exchange rate,Fee,Fee currency,Balance,Account\n2026-11-01,2026-11-02,id1,TRANSFER,COMPLETED,To Bob,ref,Ann,,EUR,10.00,EUR,-10.00,-10.20,,0.20,EUR,89.80,Main\n2026-11-02,2026-11-03,id2,TOPUP,COMPLETED,Top,ref,,,EUR,100.00,EUR,100.00,100.00,,0.00,EUR,189.80,Main\n",[(None,"EUR",10000,18980,True,list_of((-1020,"2026-11-02",None),(10000,"2026-11-03",None)))])
add("capital_one.csv","Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit\n2026-11-01,2026-11-02,1234,Shop,Dining,12.34,\n2026-11-03,2026-11-03,1234,PAY,Payment,,100.00\n",[("",None,None,None,None,list_of((-1234,"2026-11-02",None),(10000,"2026-11-03",None)))])
add("india_hdfc.csv","Date     ,Narration ,Value Dat,Debit Amount       ,Credit Amount      ,Chq/Ref Number   ,Closing Balance\n 01/11/26 , NEFT ,01/11/26 ,0.00 ,1000.00 ,0000 ,1500.00 \n 15/11/26 , ATM ,15/11/26 ,500.00 ,0.00 ,0001 ,1000.00 \n",[("",None,50000,100000,True,list_of((100000,"2026-11-01",None),(-50000,"2026-11-15",None)))])
add("kcb.csv","Transaction Date,Value Date,Transaction Details,Money Out,Money In,Ledger Balance,Bank Reference Number\n01-11-2026,01-11-2026,PAYBILL,,\"1,000.00\",\"1,500.00\",FT1\n15-11-2026,15-11-2026,CHARGE,50.00,,\"1,450.00\",FT2\n",[("",None,50000,145000,True,list_of((100000,"2026-11-01",None),(-5000,"2026-11-15",None)))])
add("brazil.csv","Data;Histórico;Valor;Saldo\n01/11/2026;PIX;1.234,56;2.234,56\n15/11/2026;TARIFA;-34,56;2.200,00\n",[("",None,100000,220000,True,list_of((123456,"2026-11-01",None),(-3456,"2026-11-15",None)))],)
add("nubank.csv","Data,Valor,Identificador,Descrição\n01/11/2026,-12.34,uuid1,Compra\n15/11/2026,100.00,uuid2,Pix\n",[("",None,None,None,None,list_of((-1234,"2026-11-01",None),(10000,"2026-11-15",None)))])
add("mexico.csv","Fecha,Concepto,Cargo,Abono,Saldo\n01/11/2026,SPEI,,\"1,000.00\",\"1,500.00\"\n15/11/2026,COM,50.00,,\"1,450.00\"\n",[("",None,50000,145000,True,list_of((100000,"2026-11-01",None),(-5000,"2026-11-15",None)))])
# mt edge
add("mt940_long61.sta",":20:X\n:25:1\n:28C:1/2\n:60F:C261120EUR10,00\n:61:2611211121C5,00NTRFAVERYLONGREFERENCETHATISTOOLONG//BANKREF\nsupplement\n:86:/EREF/E2E/REMI/USTD//hello world/NAME/ACME\n:62F:C261121EUR15,00\n:64:C261121EUR15,00\n:65:C261122EUR15,00\n:86:statement info\n-\n",[("1","EUR",1000,1500,True,list_of((500,"2026-11-21",None)))])
add("mt940_feb30.sta",":20:X\n:25:1\n:28C:1\n:60F:C260227EUR10,00\n:61:2602300228C5,00NTRFA\n:62F:C260228EUR15,00\n",[("1","EUR",1000,1500,True,list_of((500,"2026-02-28","A")))])
add("mt942_neg.sta",":20:X\n:21:REL\n:25:1\n:28C:1/1\n:34F:EUR0,\n:13:2611211200\n:61:261121D1,NTRFA\n:90D:1EUR1,\n:90C:0EUR0,\n-",[("1","EUR",None,None,None,list_of((-100,"2026-11-21","A")))])
add("mt942_bad_total.sta",":20:X\n:25:1\n:28C:1/1\n:34F:EUR0,\n:13D:2611211200+0100\n:61:261121D1,NTRFA\n:90D:2EUR2,\n-",[("1","EUR",None,None,None,list_of((-100,"2026-11-21","A")))])
# bai2
add("bai_oneline.txt","01,A,B,261121,0600,1,,,2/02,A,B,1,261121,,USD,2/03,1,USD,010,100,,/16,142,100,0,B1,C1,text/49,200,3/98,200,1,5/99,200,1,7/",[("1","USD",100,None,True,list_of((100,"2026-11-21",None)))])
add("bai_notrail.txt","01,A,B,261121,0600,1,,,2/\n02,A,B,1,261121,,USD,2/\n03,1,USD,010,100,,/\n16,142,100,0,B1,C1,text\n88,more text/with slash\n16,495,50,Z,,,out/\n",[("1","USD",100,None,None,list_of((100,"2026-11-21",None),(-50,"2026-11-21",None)))])
# ofx
add("nohead.ofx","<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>GBP<BANKACCTFROM><ACCTID>1</BANKACCTFROM><BANKTRANLIST><STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20261115<TRNAMT>-1.5<FITID>a<NAME></NAME><MEMO>m</STMTTRN></BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>",[("1","GBP",None,None,None,list_of((-150,"2026-11-15","a")))])
add("order.ofx","<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><LEDGERBAL><BALAMT>5.00<DTASOF>20261115</LEDGERBAL><BANKTRANLIST><STMTTRN><FITID>a<TRNAMT>-1.50<DTPOSTED>20261115<TRNTYPE>DEBIT</STMTTRN></BANKTRANLIST><BANKACCTFROM><ACCTID>1</BANKACCTFROM><CURDEF>GBP</STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>",[("1","GBP",None,500,None,list_of((-150,"2026-11-15","a")))])
# truncated & empty
add("empty_stmt.sta",":20:X\n:25:1\n:28C:1\n:60F:C261120EUR10,00\n:62F:C261121EUR10,00\n",[("1","EUR",1000,1000,True,[])])
add("text_formulas.csv", 'Date,Amount,Reference\n="2026-11-01",="1.00",="00012"\n', [("",None,None,None,None,[(100,"2026-11-01","00012")])])
add("pound_sign.csv", "Date,Type,Amount (£),Balance (£)\n01/11/2026,x,£1.00,£2.00\n", [("","GBP",100,200,None,[(100,"2026-11-01",None)])])
add("short_german.csv", "Buchung;Betrag;Zweck\n1.11.26;1;a\n2.11.26;2,5;b\n", [("",None,None,None,None,[(100,"2026-11-01",None),(250,"2026-11-02",None)])])
