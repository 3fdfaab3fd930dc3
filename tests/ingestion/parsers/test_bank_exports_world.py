"""More exports in the style of banks that no sample file is from, from the Americas to Asia."""

from __future__ import annotations

import pytest

from tests.ingestion.parsers.test_bank_exports import Export, check

EXPORTS: list[Export] = []


def case(*parts: object, **more: object) -> None:
    EXPORTS.append(Export(*parts, **more))  # type: ignore[arg-type]


case(
    "capitalone.csv",
    """Account Number,Transaction Description,Transaction Date,Transaction Type,Transaction Amount,Balance
1234,Deposit from ACH,01/02/26,Credit,2000.0,2000.0
1234,Debit Card Purchase,01/15/26,Debit,45.6,1954.4
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    None,
    195440,
)
case(
    "capone_card.csv",
    """Transaction Date,Posted Date,Card No.,Description,Category,Debit,Credit
2026-01-14,2026-01-15,1234,SHOP,Merchandise,45.60,
2026-01-01,2026-01-02,1234,PAYMENT,Payment,,2000.00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "chase_card.csv",
    """Card,Transaction Date,Post Date,Description,Category,Type,Amount,Memo
1234,01/14/2026,01/15/2026,SHOP,Food,Sale,-45.60,
1234,01/01/2026,01/02/2026,Payment,,Payment,2000.00,
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "usbank.csv",
    """"Date","Transaction","Name","Memo","Amount"
"2026-01-15","DEBIT","SHOP","Download from usbank.com.","-45.60"
"2026-01-02","CREDIT","PAYROLL","","2000.00"
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "pnc.csv",
    """Date,Description,Withdrawals,Deposits,Category,Balance
01/15/2026,SHOP,"$45.60",,Food,"$1,954.40"
01/02/2026,PAYROLL,,"$2,000.00",Income,"$2,000.00"
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195440,
)
case(
    "starling.csv",
    """Date,Counter Party,Reference,Type,Amount (GBP),Balance (GBP),Spending Category,Notes
02/01/2026,EMPLOYER,SALARY,FASTER PAYMENT,2000.00,2000.00,INCOME,
15/01/2026,TESCO,CARD,CONTACTLESS,-45.60,1954.40,GROCERIES,
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    "GBP",
    195440,
)
case(
    "natwest.csv",
    """Date, Type, Description, Value, Balance, Account Name, Account Number
15 Jan 2026,POS,"'SHOP",-45.60,1954.40,"'ACME","'600000-12345678",
02 Jan 2026,BAC,"'EMPLOYER",2000.00,2000.00,"'ACME","'600000-12345678",
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195440,
)
case(
    "santander_uk.csv",
    """Date;Description;Amount;Balance
15/01/2026;CARD PAYMENT;-£45.60;£1,954.40
02/01/2026;SALARY;£2,000.00;£2,000.00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "GBP",
    195440,
)
case(
    "santander_es.csv",
    """Cuenta;ES91 2100 0418 4502 0005 1332
Titular;ACME SL
Saldo;1.954,40 EUR

FECHA OPERACIÓN;FECHA VALOR;CONCEPTO;IMPORTE EUR;SALDO
15/01/2026;15/01/2026;Compra;-45,60;1.954,40
02/01/2026;02/01/2026;Nomina;2.000,00;2.000,00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    195440,
    account="ES9121000418450200051332",
)
case(
    "unicredit_it.csv",
    """Data Registrazione;Data valuta;Descrizione;Importo (EUR)
15/01/2026;15/01/2026;PAGAMENTO;-45,60
02/01/2026;02/01/2026;STIPENDIO;2.000,00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
)
case(
    "fineco.csv",
    """Conto Corrente: 1234567
Periodo Dal: 01/01/2026 Al: 31/01/2026

Data_Operazione;Data_Valuta;Entrate;Uscite;Descrizione;Descrizione_Completa;Stato
15/01/2026;15/01/2026;;-45,6;PagoBancomat;ESSELUNGA;Contabilizzato
02/01/2026;02/01/2026;2000;;Bonifico;STIPENDIO;Contabilizzato
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "bnp.csv",
    """Compte de chèques;Compte de chèques;****1234;31/01/2026;;1 954,40
Date operation;Libelle court;Type operation;Libelle operation;Montant operation en euro
15/01/2026;PAIEMENT CB;;MONOPRIX;-45,60
02/01/2026;VIREMENT;;SALAIRE;2 000,00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
)
case(
    "bpce.csv",
    """Date de comptabilisation;Libelle simplifie;Libelle operation;Reference;Informations complementaires;Type operation;Categorie;Sous categorie;Debit;Credit;Date operation;Date de valeur;Pointage operation
15/01/2026;MONOPRIX;CB MONOPRIX;R1;;Carte;Alim;Super;-45,60;;14/01/2026;15/01/2026;0
02/01/2026;SALAIRE;VIR;R2;;Virement;Rev;Sal;;+2000,00;02/01/2026;02/01/2026;0
""",
    [-4560, 200000],
)
case(
    "raiffeisen_at.csv",
    """15.01.2026;Stadtwerke Strom;15.01.2026;-45,60;EUR;15.01.2026 10:00:00:000
02.01.2026;Lohn;02.01.2026;2.000,00;EUR;02.01.2026 10:00:00:000
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
)
case(
    "erste.csv",
    """"Buchungsdatum","Partnername","Partner IBAN","BIC/SWIFT","Partner Kontonummer","Bankleitzahl","Betrag","Währung","Buchungs-Details","Buchungsreferenz","Notiz"
"15.01.2026","Stadtwerke","AT12","","","","-45,60","EUR","Strom","R1",""
"02.01.2026","Firma","AT13","","","","2.000,00","EUR","Lohn","R2",""
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
)
case(
    "zkb.csv",
    """"Datum";"Buchungstext";"Whg";"Betrag Detail";"ZKB-Referenz";"Referenznummer";"Belastung CHF";"Gutschrift CHF";"Valuta";"Saldo CHF";"Zahlungszweck";"Details"
"15.01.2026";"Einkauf";"";"";"Z1";"";"45.60";"";"15.01.2026";"1954.40";"";""
"02.01.2026";"Gutschrift";"";"";"Z2";"";"";"2000.00";"02.01.2026";"2000.00";"";""
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "CHF",
    195440,
)
case(
    "raiffeisen_ch.csv",
    """IBAN;Booked At;Text;Credit/Debit Amount;Balance;Valuta Date
CH9300762011623852957;2026-01-02 00:00:00.0;Lohn;2000.00;2000.00;2026-01-02 00:00:00.0
CH9300762011623852957;2026-01-15 00:00:00.0;Einkauf;-45.60;1954.40;2026-01-15 00:00:00.0
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    None,
    195440,
    account="CH9300762011623852957",
)
case(
    "pko.csv",
    """"Data operacji","Data waluty","Typ transakcji","Kwota","Waluta","Saldo po transakcji","Opis transakcji","","","",""
"2026-01-15","2026-01-14","Płatność kartą","-45.60","PLN","+1954.40","Tytuł: 123","Lokalizacja: x","","",""
"2026-01-02","2026-01-02","Przelew na konto","+2000.00","PLN","+2000.00","Rachunek nadawcy: 12","Tytuł: pensja","","",""
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "PLN",
    195440,
    enc="cp1250",
)
case(
    "ing_pl.csv",
    """"Lista transakcji";;;;
"ING Bank Śląski S.A.";;;;

"Data transakcji";"Data księgowania";"Dane kontrahenta";"Tytuł";"Nr rachunku";"Nazwa banku";"Szczegóły";"Nr transakcji";"Kwota transakcji (waluta rachunku)";"Waluta";"Kwota blokady/zwolnienie blokady";"Waluta";"Kwota płatności w walucie";"Waluta";"Konto";"Saldo po transakcji";"Waluta"
2026-01-15;2026-01-15;" BIEDRONKA ";" Płatność ";'';;TR.KART;'2026';-45,60;PLN;;;;;KONTO;1954,40;PLN
2026-01-02;2026-01-02;" FIRMA ";" Pensja ";'12 1234 ';;PRZELEW;'2025';2000,00;PLN;;;;;KONTO;2000,00;PLN
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "PLN",
    195440,
    enc="cp1250",
)
case(
    "csob.csv",
    """číslo účtu;datum zaúčtování;částka;měna;zůstatek;číslo protiúčtu;kód banky;název protiúčtu;konstantní symbol;variabilní symbol;specifický symbol;označení operace;ID transakce;zpráva
123456789/0300;15.01.2026;-45,60;CZK;1954,40;;;;;;;Platba kartou;T1;
123456789/0300;02.01.2026;2000,00;CZK;2000,00;987;0100;Firma;;123;;Příchozí;T2;mzda
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "CZK",
    195440,
)
case(
    "handelsbanken.csv",
    """Reskontradatum;Transaktionsdatum;Text;Belopp;Saldo
2026-01-15;2026-01-14;ICA;-45,60;1 954,40
2026-01-02;2026-01-02;LÖN;2 000,00;2 000,00
""",
    [-4560, 200000],
    None,
    None,
    195440,
)
case(
    "dnb.csv",
    """"Dato";"Forklaring";"Rentedato";"Ut fra konto";"Inn på konto"
"15.01.2026";"Varekjøp";"15.01.2026";"45,60";""
"02.01.2026";"Lønn";"02.01.2026";"";"2000,00"
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "op_fi.csv",
    """"Kirjauspäivä";"Arvopäivä";"Määrä EUROA";"Laji";"Selitys";"Saaja/Maksaja";"Saajan tilinumero";"Saajan pankin BIC";"Viite";"Viesti";"Arkistointitunnus"
"2026-01-15";"2026-01-15";-45,60;"162";"PKORTTIMAKSU";"K-MARKET";"";"";"ref=";"Viesti";"A1"
"2026-01-02";"2026-01-02";+2000,00;"101";"TILISIIRTO";"FIRMA";"";"";"ref=1";"Palkka";"A2"
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
)
case(
    "axis.csv",
    """SRL NO,Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL
1,02-01-2026,-,NEFT SALARY, ,20000.00,21000.00,123
2,15-01-2026,-,UPI SHOP,456.00, ,20544.00,123
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    None,
    2054400,
)
case(
    "kotak.csv",
    """Sl. No.,Transaction Date,Value Date,Description,Chq / Ref No.,Debit,Credit,Balance,Dr / Cr
1,02-01-2026,02-01-2026,NEFT SALARY,N1,,"20,000.00","21,000.00",CR
2,15-01-2026,15-01-2026,UPI SHOP,U2,456.00,,"20,544.00",CR
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    None,
    2054400,
)
case(
    "dbs.csv",
    """Account Details For:,DBS Current Account 012-345678-9
Statement as at:,31 Jan 2026
Available Balance:,1954.40

Transaction Date,Reference,Debit Amount,Credit Amount,Transaction Ref1,Transaction Ref2,Transaction Ref3
15 Jan 2026,POS,45.60,,SHOP,,
02 Jan 2026,SAL,,2000.00,ACME,,
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "maybank.csv",
    """Date,Description,Amount,Debit/Credit,Statement Balance
02/01/2026,SALARY,2000.00,+,2000.00
15/01/2026,SHOP,45.60,-,1954.40
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
)
case(
    "absa.csv",
    """Date,Description,Amount,Balance
20260115,POS PURCHASE,-45.60,1954.40
20260102,SALARY,2000.00,2000.00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195440,
)
case(
    "ncba.csv",
    """Transaction Date,Value Date,Transaction Details,Cheque Number,Debit Amount,Credit Amount,Running Balance
02-01-2026,02-01-2026,SALARY,,,"2,000.00","2,000.00 CR"
15-01-2026,15-01-2026,SHOP,,45.60,,"1,954.40 CR"
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    None,
    195440,
)
case(
    "banorte.csv",
    """CUENTA,FECHA DE OPERACIÓN,FECHA,REFERENCIA,DESCRIPCIÓN,COD. TRANSAC,SUCURSAL,DEPÓSITOS,RETIROS,SALDO,MOVIMIENTO,DESCRIPCIÓN DETALLADA
'0123456789,02/01/2026,02/01/2026,1,SPEI,1,1,"$2,000.00",-,"$2,000.00",1,SPEI RECIBIDO
'0123456789,15/01/2026,15/01/2026,2,PAGO,2,1,-,"$45.60","$1,954.40",2,PAGO
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    None,
    195440,
)
case(
    "bradesco.csv",
    """Extrato de: Ag: 1234 | Conta: 12345-6
Data;Histórico;Docto.;Crédito (R$);Débito (R$);Saldo (R$);
02/01/2026;TRANSF PIX REM;123;2.000,00;;2.000,00;
15/01/2026;PAGTO CONTA;124;;-45,60;1.954,40;
;;Total;2.000,00;-45,60;1.954,40;
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    "BRL",
    195440,
    enc="cp1252",
)
case(
    "mercadopago.csv",
    """RELEASE_DATE;TRANSACTION_TYPE;REFERENCE_ID;TRANSACTION_NET_AMOUNT;PARTIAL_BALANCE
02-01-2026;Pix recebido;123;2.000,00;2.000,00
15-01-2026;Pagamento;124;-45,60;1.954,40
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    None,
    195440,
)
case(
    "stripe_bal.csv",
    """id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Available On (UTC),Description,Transfer
txn_1,charge,ch_1,100.00,3.20,96.80,usd,2026-01-15 10:00:00,2026-01-17 00:00:00,Sale,po_1
txn_2,payout,po_1,-96.80,0.00,-96.80,usd,2026-01-17 10:00:00,2026-01-17 00:00:00,Payout,
""",
    [9680, -9680],
    None,
    "USD",
)
case(
    "tinkoff.csv",
    """"Дата операции";"Дата платежа";"Номер карты";"Статус";"Сумма операции";"Валюта операции";"Сумма платежа";"Валюта платежа";"Кэшбэк";"Категория";"MCC";"Описание";"Бонусы (включая кэшбэк)";"Округление на инвесткопилку";"Сумма операции с округлением"
"15.01.2026 10:00:00";"15.01.2026";"*1234";"OK";"-45,60";"RUB";"-45,60";"RUB";"";"Еда";"5411";"Магазин";"0,00";"0,00";"45,60"
""",
    [-4560],
    ["2026-01-15"],
    "RUB",
    enc="cp1251",
)
case(
    "alipay.csv",
    """支付宝交易记录明细查询
账号:[test@example.com]
---------------------------------交易记录明细列表------------------------------------
交易时间,交易分类,交易对方,商品说明,收/支,金额,收/付款方式,交易状态,交易订单号
2026-01-15 10:00:00,餐饮,商店,午餐,支出,45.60,余额,交易成功,1
2026-01-02 10:00:00,收入,公司,工资,收入,2000.00,余额,交易成功,2
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    enc="gb18030",
)


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_an_export_is_read_as_the_bank_meant_it(export: Export) -> None:
    check(export)
