"""Exports in the style of banks that no sample file is from: lines, signs, days, currency, balance and account."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.ingestion.parsers.helpers import Read


@dataclass
class Export:
    name: str
    text: str
    amounts: list[int]
    days: list[str] | None = None
    currency: str | None = None
    closing: int | None = None
    enc: str = "utf-8"
    account: str | None = None


EXPORTS: list[Export] = []


def case(*parts: object, **more: object) -> None:
    EXPORTS.append(Export(*parts, **more))  # type: ignore[arg-type]


case(
    "revolut.csv",
    """Type,Product,Started Date,Completed Date,Description,Amount,Fee,Currency,State,Balance
CARD_PAYMENT,Current,2026-01-02 10:00:00,2026-01-03 08:00:00,Coffee,-3.50,0.00,EUR,COMPLETED,96.50
TOPUP,Current,2026-01-04 10:00:00,2026-01-04 10:00:01,Top-Up,50.00,0.00,EUR,COMPLETED,146.50
TRANSFER,Current,2026-01-05 10:00:00,,To a friend,-10.00,0.00,EUR,PENDING,
""",
    [-350, 5000],
    None,
    "EUR",
)
case(
    "wise.csv",
    """"TransferWise ID",Date,"Date Time",Amount,Currency,Description,"Payment Reference","Running Balance","Exchange From","Exchange To","Exchange Rate","Payer Name","Payee Name","Payee Account Number",Merchant,"Card Last Four Digits","Card Holder Full Name",Attachment,Note,"Total fees","Exchange To Amount","Transaction Type","Transaction Details Type"
TRANSFER-123,14-01-2026,"14-01-2026 10:11:12.123",-100.50,GBP,"Sent money to A Payee","Inv 5",899.50,,,,,"A Payee",GB12,,,,,,0.50,,DEBIT,TRANSFER
CARD-9,13-01-2026,"13-01-2026 09:11:12.123",-20.00,GBP,"Card transaction of 20.00 GBP issued by Shop",,1000.00,,,,,,,Shop,1234,"Holder",,,0.00,,DEBIT,CARD
""",
    [-10050, -2000],
    ["2026-01-14", "2026-01-13"],
    "GBP",
    89950,
)
case(
    "n26old.csv",
    """"Date","Payee","Account number","Transaction type","Payment reference","Amount (EUR)","Amount (Foreign Currency)","Type Foreign Currency","Exchange Rate"
"2026-01-02","Shop","","MasterCard Payment","","-12.34","-13.00","USD","1.05"
"2026-01-03","Employer","DE89370400440532013000","Income","Salary","2000.0","","",""
""",
    [-1234, 200000],
    ["2026-01-02", "2026-01-03"],
    "EUR",
)
case(
    "n26new.csv",
    """"Booking Date","Value Date","Partner Name","Partner Iban",Type,"Payment Reference","Account Name","Amount (EUR)","Original Amount","Original Currency","Exchange Rate"
2026-01-02,2026-01-03,Shop,,"Presentment","-","Main Account",-12.34,-13.00,USD,0.95
2026-01-04,2026-01-04,Employer,DE89370400440532013000,"Credit Transfer","Salary","Main Account",2000,,,
""",
    [-1234, 200000],
    None,
    "EUR",
)
case(
    "monzo.csv",
    """Transaction ID,Date,Time,Type,Name,Emoji,Category,Amount,Currency,Local amount,Local currency,Notes and #tags,Address,Receipt,Description,Category split,Money Out,Money In
tx_0001,02/01/2026,10:11:12,Card payment,Tesco,🛒,Groceries,-12.50,GBP,-12.50,GBP,,,,TESCO STORES,,-12.50,
tx_0002,13/01/2026,10:11:12,Faster payment,Payer,,Income,100.00,GBP,100.00,GBP,rent,,,PAYER,,,100.00
""",
    [-1250, 10000],
    ["2026-01-02", "2026-01-13"],
    "GBP",
)
case(
    "chase.csv",
    """Details,Posting Date,Description,Amount,Type,Balance,Check or Slip #
DEBIT,01/15/2026,"ORIG CO NAME:STRIPE",-45.67,ACH_DEBIT,1954.33,,
CREDIT,01/02/2026,"DEPOSIT",2000.00,ACH_CREDIT,2000.00,,
""",
    [-4567, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195433,
)
case(
    "wells.csv",
    """"01/15/2026","-45.67","*","","PURCHASE AUTHORIZED ON 01/13"
"01/02/2026","2000.00","*","","DEPOSIT"
"01/02/2026","-200.00","*","1023","CHECK # 1023"
""",
    [-4567, 200000, -20000],
    ["2026-01-15", "2026-01-02", "2026-01-02"],
)
case(
    "mercury.csv",
    """Date (UTC),Description,Amount,Status,Source Account,Bank Description,Reference,Note,Last Four Digits,Name On Card,Category,GL Code,Timestamp,Original Currency,Check Number,Tags
01-15-2026,Stripe,1000.50,Sent,Mercury Checking xx1234,STRIPE,,,,,,,01-15-2026 10:00:00,USD,,
01-05-2026,AWS,-99.99,Sent,Mercury Checking xx1234,AWS EMEA,,,1234,Holder,,,01-05-2026 10:00:00,USD,,
""",
    [100050, -9999],
    ["2026-01-15", "2026-01-05"],
)
case(
    "itau.csv",
    """data;lançamento;ag./origem;valor (R$);saldos (R$)
01/02/2026;SALDO ANTERIOR;;;1.000,00
02/02/2026;PIX TRANSF PAGADOR;1234;-100,50;
02/02/2026;TED RECEBIDA;1234;2.500,00;
02/02/2026;SALDO DO DIA;;;3.399,50
""",
    [-10050, 250000],
    ["2026-02-02", "2026-02-02"],
    "BRL",
    enc="latin-1",
)
case(
    "itau.txt",
    """02/01/2026;PIX TRANSF  PAGADOR02/01;-100,00
15/01/2026;TED 001.0001 EMPRESA;2500,00
""",
    [-10000, 250000],
    ["2026-01-02", "2026-01-15"],
)
case(
    "nubank.csv",
    """Data,Valor,Identificador,Descrição
02/01/2026,-12.34,65a-1,Compra no débito - MERCADO
15/01/2026,1500.00,65a-2,Transferência recebida pelo Pix - PAGADOR
""",
    [-1234, 150000],
    ["2026-01-02", "2026-01-15"],
)
case(
    "bbva_mx.csv",
    """FECHA,DESCRIPCIÓN,CARGO,ABONO,SALDO
02/01/2026,SPEI ENVIADO,"1,500.00",,"8,500.00"
15/01/2026,SPEI RECIBIDO,,"2,000.50","10,500.50"
""",
    [-150000, 200050],
    ["2026-01-02", "2026-01-15"],
    None,
    1050050,
)
case(
    "kcb.csv",
    """KCB BANK KENYA
Account Number,1234567890
Currency,KES
Statement Period,01/01/2026 - 31/01/2026

Transaction Date,Value Date,Transaction Details,Money Out,Money In,Ledger Balance,Bank Reference Number
02/01/2026,02/01/2026,MPESA C2B,,"1,500.00","11,500.00",FT26002ABC
15/01/2026,15/01/2026,RTGS TO SUPPLIER,"-5,000.00",,"6,500.00",FT26015XYZ
""",
    [150000, -500000],
    ["2026-01-02", "2026-01-15"],
    "KES",
    650000,
    account="1234567890",
)
case(
    "equity.csv",
    """Account Name:,ACME LTD
Account Number:,0180212345678
Account Currency:,KES
Opening Balance:,"10,000.00"

Transaction Date,Value Date,Transaction Details,Payment Reference,Debit,Credit,Balance
02-01-2026,02-01-2026,PESALINK FROM PAYER,S123,0.00,"1,500.00","11,500.00"
15-01-2026,15-01-2026,CHEQUE WITHDRAWAL,000123,"5,000.00",0.00,"6,500.00"
,,Total,,"5,000.00","1,500.00",
""",
    [150000, -500000],
    ["2026-01-02", "2026-01-15"],
    "KES",
    650000,
)
case(
    "mpesa_org.csv",
    """Account Holder:,ACME LTD - 123456
Short Code:,123456
Account:,Utility Account
Time Period:,From 01-01-2026 00:00:00 To 31-01-2026
Opening Balance:,"10,000.00"
Closing Balance:,"10,950.00"

Receipt No.,Completion Time,Initiation Time,Details,Transaction Status,Paid In,Withdrawn,Balance,Balance Confirmed,Reason Type,Other Party Info,Linked Transaction ID,A/C No.
SAB12CDE,02-01-2026 10:00:00,02-01-2026 10:00:00,Pay Bill from 2547***123 - PAYER Acc. INV1,Completed,"1,000.00",,"11,000.00",true,Pay Bill,2547***123 - PAYER,,INV1
SAB12CDF,13-01-2026 10:00:00,13-01-2026 10:00:00,Pay merchant Charge,Completed,,-50.00,"10,950.00",true,Charge,,SAB12CDE,
""",
    [100000, -5000],
    ["2026-01-02", "2026-01-13"],
    "KES",
    1095000,
)
case(
    "danske.csv",
    """"Dato";"Kategori";"Underkategori";"Tekst";"Beløb";"Saldo";"Status";"Afstemt"
"02.01.2026";"Bil";"Benzin";"CIRCLE K";"-345,50";"9.654,50";"Udført";"Nej"
"15.01.2026";"Indkomst";"Løn";"LØN";"25.000,00";"34.654,50";"Udført";"Nej"
""",
    [-34550, 2500000],
    ["2026-01-02", "2026-01-15"],
    None,
    3465450,
    enc="latin-1",
)
case(
    "nordea_dk.csv",
    """Bogføringsdato;Beløb;Afsender;Modtager;Navn;Beskrivelse;Saldo;Valuta;Afstemt
2026/01/15;-345,50;12345678;;;Dankort-nota;9654,50;DKK;
2026/01/02;1000,00;;12345678;;Overførsel;10000,00;DKK;
""",
    [-34550, 100000],
    ["2026-01-15", "2026-01-02"],
    "DKK",
    965450,
)
case(
    "nordea_fi.csv",
    """Kirjauspäivä;Määrä;Maksaja;Maksunsaaja;Nimi;Otsikko;Viitenumero;Saldo;Valuutta
2026/01/15;-34,50;FI12;;;K-MARKET;;965,50;EUR
2026/01/02;1000,00;;FI12;MAKSAJA;Palkka;1234;1000,00;EUR
""",
    [-3450, 100000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    96550,
)
case(
    "nordea_se.csv",
    """Bokföringsdag;Belopp;Avsändare;Mottagare;Namn;Rubrik;Saldo;Valuta
2026/01/15;-345,50;1234 56 78901;;;Kortköp ICA;9654,50;SEK
2026/01/02;1000,00;;1234 56 78901;;Lön;10000,00;SEK
""",
    [-34550, 100000],
    ["2026-01-15", "2026-01-02"],
    "SEK",
    965450,
)
case(
    "ing_nl.csv",
    """"Datum";"Naam / Omschrijving";"Rekening";"Tegenrekening";"Code";"Af Bij";"Bedrag (EUR)";"Mutatiesoort";"Mededelingen";"Saldo na mutatie";"Tag"
"20260115";"ALBERT HEIJN";"NL69INGB0123456789";"";"BA";"Af";"12,34";"Betaalautomaat";"Pasvolgnr: 001 15-01-2026";"987,66";""
"20260102";"WERKGEVER BV";"NL69INGB0123456789";"NL91ABNA0417164300";"GT";"Bij";"1000,00";"Online bankieren";"Salaris";"1000,00";""
""",
    [-1234, 100000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    98766,
    account="NL69INGB0123456789",
)
case(
    "ing_de.csv",
    """Umsatzanzeige;Datei erstellt am: 31.01.2026 10:00

IBAN;DE12 5001 0517 0123 4567 89
Kontoname;Girokonto
Bank;ING
Kunde;Kontoinhaber
Zeitraum;01.01.2026 - 31.01.2026
Saldo;1.987,66;EUR

Sortierung;Datum absteigend

In der CSV-Datei finden Sie alle bereits gebuchten Umsätze.

Buchung;Wertstellungsdatum;Auftraggeber/Empfänger;Buchungstext;Verwendungszweck;Saldo;Währung;Betrag;Währung
15.01.2026;15.01.2026;REWE;Lastschrift;REWE SAGT DANKE;1.987,66;EUR;-12,34;EUR
02.01.2026;02.01.2026;Arbeitgeber;Gehalt/Rente;Gehalt Januar;2.000,00;EUR;2.000,00;EUR
""",
    [-1234, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    198766,
    enc="cp1252",
)
case(
    "sparkasse.csv",
    """"Auftragskonto";"Buchungstag";"Valutadatum";"Buchungstext";"Verwendungszweck";"Glaeubiger ID";"Mandatsreferenz";"Kundenreferenz (End-to-End)";"Sammlerreferenz";"Lastschrift Ursprungsbetrag";"Auslagenersatz Ruecklastschrift";"Beguenstigter/Zahlungspflichtiger";"Kontonummer/IBAN";"BIC (SWIFT-Code)";"Betrag";"Waehrung";"Info"
"DE89370400440532013000";"15.01.26";"15.01.26";"FOLGELASTSCHRIFT";"Strom";"DE98ZZZ";"M1";"E2E1";"";"";"";"Stadtwerke";"DE12";"GENODE";"-45,60";"EUR";"Umsatz gebucht"
"DE89370400440532013000";"02.01.26";"02.01.26";"GUTSCHRIFT";"Lohn";"";"";"E2E2";"";"";"";"Firma";"DE13";"GENODE";"2.000,00";"EUR";"Umsatz gebucht"
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    account="DE89370400440532013000",
)
case(
    "commerzbank.csv",
    """Buchungstag;Wertstellung;Umsatzart;Buchungstext;Betrag;Währung;IBAN Kontoinhaber;Kategorie
15.01.2026;15.01.2026;Lastschrift;"Stadtwerke Strom End-to-End-Ref.: 123";-45,60;EUR;DE89370400440532013000;Wohnen
02.01.2026;02.01.2026;Gutschrift;"Firma Lohn";2000,00;EUR;DE89370400440532013000;Einkommen
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    enc="utf-8-sig",
    account="DE89370400440532013000",
)
case(
    "dkb.csv",
    """"Girokonto";"DE89370400440532013000"
"Zeitraum:";"01.01.2026 - 31.01.2026"
"Kontostand vom 31.01.2026:";"1.954,40 €"
""
"Buchungsdatum";"Wertstellung";"Status";"Zahlungspflichtige*r";"Zahlungsempfänger*in";"Verwendungszweck";"Umsatztyp";"IBAN";"Betrag (€)";"Gläubiger-ID";"Mandatsreferenz";"Kundenreferenz"
"15.01.26";"15.01.26";"Gebucht";"ISSUER";"REWE";"VISA Debitkartenumsatz";"Ausgang";"DE12";"-45,6";"";"";"4761"
"02.01.26";"02.01.26";"Gebucht";"Firma";"Kontoinhaber";"Lohn";"Eingang";"DE13";"2.000";"";"";""
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
)
case(
    "bofa.csv",
    """Description,,Summary Amt.
Beginning balance as of 01/01/2026,,"1,000.00"
Total credits,,"2,000.00"
Total debits,,"-45.67"
Ending balance as of 01/31/2026,,"2,954.33"

Date,Description,Amount,Running Bal.
01/01/2026,Beginning balance as of 01/01/2026,,"1,000.00"
01/02/2026,"DEPOSIT","2,000.00","3,000.00"
01/15/2026,"PURCHASE","-45.67","2,954.33"
""",
    [200000, -4567],
    ["2026-01-02", "2026-01-15"],
    None,
    295433,
)
case(
    "hsbc_uk.csv",
    """Date,Type,Description,Paid out,Paid in,Balance
02 Jan 2026,DD,BRITISH GAS,45.67,,954.33
15 Jan 2026,CR,EMPLOYER,,"2,000.00","2,954.33"
""",
    [-4567, 200000],
    ["2026-01-02", "2026-01-15"],
    None,
    295433,
)
case(
    "barclays.csv",
    """Number,Date,Account,Amount,Subcategory,Memo
,15/01/2026,20-00-00 12345678,-45.67,Debit,BRITISH GAS	DDR
,02/01/2026,20-00-00 12345678,2000.00,Credit,EMPLOYER	BGC
""",
    [-4567, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "lloyds.csv",
    """Transaction Date,Transaction Type,Sort Code,Account Number,Transaction Description,Debit Amount,Credit Amount,Balance
15/01/2026,DEB,'30-00-00,12345678,TESCO,45.67,,954.33
02/01/2026,FPI,'30-00-00,12345678,PAYER,,1000.00,1000.00
""",
    [-4567, 100000],
    ["2026-01-15", "2026-01-02"],
    None,
    95433,
)
case(
    "rabo.csv",
    """"IBAN/BBAN","Munt","BIC","Volgnr","Datum","Rentedatum","Bedrag","Saldo na trn","Tegenrekening IBAN/BBAN","Naam tegenpartij","Naam uiteindelijke partij","Naam initiërende partij","BIC tegenpartij","Code","Batch ID","Transactiereferentie","Machtigingskenmerk","Incassant ID","Betalingskenmerk","Omschrijving-1","Omschrijving-2","Omschrijving-3","Reden retour","Oorspr bedrag","Oorspr munt","Koers"
"NL44RABO0123456789","EUR","RABONL2U","000000000000000001","2026-01-02","2026-01-02","+1000,00","+1000,00","NL91ABNA0417164300","Werkgever","","","","cb","","","","","","Salaris"," ","","","","",""
"NL44RABO0123456789","EUR","RABONL2U","000000000000000002","2026-01-15","2026-01-15","-12,34","+987,66","","AH","","","","ba","","","","","","Pin"," ","","","","",""
""",
    [100000, -1234],
    ["2026-01-02", "2026-01-15"],
    "EUR",
    98766,
    enc="cp1252",
    account="NL44RABO0123456789",
)
case(
    "bunq.csv",
    """"Date","Interest Date","Amount","Account","Counterparty","Name","Description"
"2026-01-15","2026-01-15","-12.34","NL12BUNQ2025110670","NL91ABNA0417164300","AH","Groceries"
"2026-01-02","2026-01-02","1,000.00","NL12BUNQ2025110670","NL91ABNA0417164301","Boss","Salary"
""",
    [-1234, 100000],
    ["2026-01-15", "2026-01-02"],
    None,
    account="NL12BUNQ2025110670",
)
case(
    "postfinance.csv",
    """Datum von:;01.01.2026
Datum bis:;31.01.2026
Buchungsart:;Alle
Konto:;CH9300762011623852957
Währung:;CHF

Datum;Avisierungstext;Gutschrift in CHF;Lastschrift in CHF;Label;Kategorie
15.01.2026;KAUF/DIENSTLEISTUNG;;-45.60;;
02.01.2026;GUTSCHRIFT;2000.00;;;

Disclaimer:
Der Dokumentinhalt wurde durch Filtereinstellungen generiert.
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "CHF",
    account="CH9300762011623852957",
)
case(
    "ubs.csv",
    """Kontonummer:;0240 00123456.01K;
IBAN:;CH93 0076 2011 6238 5295 7;
Von:;2026-01-01;
Bis:;2026-01-31;
Anfangssaldo:;1000.00;
Schlusssaldo:;2954.40;
Bewertet in:;CHF;
Anzahl Transaktionen in diesem Zeitraum:;2;

Abschlussdatum;Abschlusszeit;Buchungsdatum;Valutadatum;Währung;Belastung;Gutschrift;Einzelbetrag;Saldo;Transaktions-Nr.;Beschreibung1;Beschreibung2;Beschreibung3;Fussnoten
2026-01-15;10:00:00;2026-01-15;2026-01-15;CHF;-45.60;;;2954.40;T1;"Coop";"Zahlung";"x";
2026-01-02;10:00:00;2026-01-02;2026-01-02;CHF;;2000.00;;3000.00;T2;"Firma";"Lohn";"y";
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "CHF",
    295440,
)
case(
    "boursorama.csv",
    """dateOp;dateVal;label;category;categoryParent;supplierFound;amount;comment;accountNum;accountLabel;accountbalance
2026-01-15;2026-01-15;"CARTE 14/01/26 MONOPRIX";"Alimentation";"Vie quotidienne";monoprix;-45,60;;00012345678;BoursoBank;1954.40
2026-01-02;2026-01-02;"VIR SALAIRE";"Salaires";"Revenus";;"2 000,00";;00012345678;BoursoBank;2000.00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "credit_agricole.csv",
    """Téléchargement du 31/01/2026;
TITULAIRE
Compte de Dépôt carte n° 12345678901;
Solde au 31/01/2026 1 954,40 €

Date;Libellé;Débit euros;Crédit euros;
15/01/2026;"PAIEMENT PAR CARTE
MONOPRIX";45,60;;
02/01/2026;"VIREMENT EN VOTRE FAVEUR
SALAIRE";;2 000,00;
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    enc="cp1252",
)
case(
    "caixabank.csv",
    """Concepto;Fecha;Importe;Saldo
MERCADONA;15/01/2026;-45,60EUR;1.954,40EUR
NOMINA;02/01/2026;2.000,00EUR;2.000,00EUR
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "EUR",
    195440,
)
case(
    "intesa.csv",
    """Data contabile;Data valuta;Descrizione;Accrediti;Addebiti;Descrizione estesa
02/01/2026;02/01/2026;STIPENDIO;2.000,00;;Emolumenti
15/01/2026;15/01/2026;PAGAMENTO POS;;-45,60;ESSELUNGA
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
)
case(
    "mbank.csv",
    """mBank S.A. Bankowość Detaliczna;
Skrytka Pocztowa 2108;

#Klient;
KLIENT;

#Data operacji;#Data księgowania;#Opis operacji;#Tytuł;#Nadawca/Odbiorca;#Numer konta;#Kwota;#Saldo po operacji;
2026-01-02;2026-01-02;PRZELEW PRZYCH.;"PENSJA";"FIRMA";'12345678901234567890123456';2 000,00;2 000,00;
2026-01-15;2026-01-15;ZAKUP;"BIEDRONKA";"  ";'';-45,60;1 954,40;
;;;;;;#Saldo końcowe;1 954,40 PLN;
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    None,
    195440,
    enc="cp1250",
)
case(
    "fio.csv",
    """accountId;2000123456
bankId;2010
currency;CZK
openingBalance;1000,00
closingBalance;2954,40

ID operace;Datum;Objem;Měna;Protiúčet;Název protiúčtu;Kód banky;Název banky;KS;VS;SS;Poznámka;Zpráva pro příjemce;Typ;Provedl;Upřesnění;BIC;ID pokynu
123;02.01.2026;2000,00;CZK;123456;Firma;0100;KB;;1;;;;Příjem;;;;1
124;15.01.2026;-45,60;CZK;;;;;;;;;;Platba kartou;;;;2
""",
    [200000, -4560],
    ["2026-01-02", "2026-01-15"],
    "CZK",
)
case(
    "seb.csv",
    """Bokförd;Valutadatum;Text;Typ;Insättningar/uttag;Bokfört saldo
2026-01-15;2026-01-15;ICA;Kortköp;-45,60;1954,40
2026-01-02;2026-01-02;LÖN;Insättning;2000,00;2000,00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195440,
)
case(
    "swedbank.csv",
    """* Transaktioner Period 2026-01-01 - 2026-01-31 Skapad 2026-01-31 10:00 CET
Radnummer,Clearingnummer,Kontonummer,Produkt,Valuta,Bokföringsdag,Transaktionsdag,Valutadag,Referens,Beskrivning,Belopp,Bokfört saldo
1,81111,9041234567,Privatkonto,SEK,2026-01-15,2026-01-14,2026-01-15,ICA,ICA,-45.60,1954.40
2,81111,9041234567,Privatkonto,SEK,2026-01-02,2026-01-02,2026-01-02,LÖN,LÖN,2000.00,2000.00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "SEK",
    195440,
    enc="latin-1",
)
case(
    "hdfc.csv",
    """Date,Narration,Value Dat,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance
 02/01/26,NEFT CR-SALARY ,02/01/26,0.00,20000.00,N001,21000.00
 15/01/26,UPI-SHOP,15/01/26,456.00,0.00,0000601,20544.00
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    None,
    2054400,
)
case(
    "sbi.xls.csv",
    """Account Name :\tHOLDER
Account Number :\t_00000012345678901

Txn Date\tValue Date\tDescription\tRef No./Cheque No.\t        Debit\tCredit\tBalance
2 Jan 2026\t2 Jan 2026\tBY TRANSFER-SALARY\tTRANSFER FROM\t \t20,000.00\t21,000.00
15 Jan 2026\t15 Jan 2026\tTO TRANSFER-UPI\tTRANSFER TO\t456.00\t \t20,544.00
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    None,
    2054400,
)
case(
    "cba.csv",
    """15/01/2026,"-45.60","WOOLWORTHS","+1954.40"
02/01/2026,"+2000.00","SALARY","+2000.00"
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "westpac.csv",
    """Bank Account,Date,Narrative,Debit Amount,Credit Amount,Balance,Categories,Serial
032000123456,15/01/2026,WOOLWORTHS,45.60,,1954.40,PAYMENT,
032000123456,02/01/2026,SALARY,,2000.00,2000.00,DEP,
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195440,
)
case(
    "rbc.csv",
    """"Account Type","Account Number","Transaction Date","Cheque Number","Description 1","Description 2","CAD$","USD$"
Chequing,01234-1234567,1/15/2026,,"LOBLAWS","",-45.60,,
Chequing,01234-1234567,1/2/2026,,"PAYROLL","ACME",2000.00,,
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    "CAD",
)
case(
    "td_ca.csv",
    """01/15/2026,LOBLAWS,45.60,,1954.40
01/02/2026,PAYROLL,,2000.00,2000.00
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
)
case(
    "gtbank.csv",
    """Trans Date,Reference,Value Date,Debit,Credit,Balance,Remarks
02-Jan-2026,'0000001,02-Jan-2026,,"20,000.00","21,000.00",NIP TRANSFER
15-Jan-2026,'0000002,15-Jan-2026,456.00,,"20,544.00",POS
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    None,
    2054400,
)
case(
    "fnb.csv",
    """Account,62123456789,[ACME]
Balance,1954.40,1954.40

Date,Amount,Balance,Description
2026/01/15,-45.60,1954.40,POS PURCHASE
2026/01/02,2000.00,2000.00,SALARY
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    195440,
)
case(
    "bancolombia.csv",
    """FECHA,DESCRIPCIÓN,SUCURSAL,DCTO.,VALOR,SALDO
2/01/2026,PAGO NOMINA,,,"2,000,000.00","2,000,000.00"
15/01/2026,COMPRA EXITO,,,"-45,600.00","1,954,400.00"
""",
    [200000000, -4560000],
    ["2026-01-02", "2026-01-15"],
    None,
    195440000,
)
case(
    "svb.csv",
    """Bank ID,Account Number,Account Title,Date,Tran Code,Description,Amount,Debit Amount,Credit Amount,BAI Code,Customer Ref,Bank Ref
121140399,3300123456,ACME,01/15/2026,475,CHECK,-45.60,45.60,,475,1001,B1
121140399,3300123456,ACME,01/02/2026,165,ACH,2000.00,,2000.00,165,,B2
""",
    [-4560, 200000],
    ["2026-01-15", "2026-01-02"],
    None,
    account="3300123456",
)
case(
    "brex.csv",
    """Initiated date,Completed date,Payee,Memo,Amount,Currency,Account,Status
2026-01-14,2026-01-15,AWS,cloud,-45.60,USD,Primary,Completed
2026-01-01,2026-01-02,Stripe,payout,2000.00,USD,Primary,Completed
""",
    [-4560, 200000],
    None,
    "USD",
)
case(
    "ziraat.csv",
    """Tarih;Fiş No;Açıklama;İşlem Tutarı;Bakiye
02.01.2026;123;MAAŞ;20.000,00;21.000,00
15.01.2026;124;MARKET;-456,00;20.544,00
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    None,
    2054400,
    enc="cp1254",
)
case(
    "icici.csv",
    """S No.,Value Date,Transaction Date,Cheque Number,Transaction Remarks,Withdrawal Amount (INR ),Deposit Amount (INR ),Balance (INR )
1,02/01/2026,02/01/2026,-,SALARY,0.0,20000.0,21000.0
2,15/01/2026,15/01/2026,-,UPI,456.0,0.0,20544.0
""",
    [2000000, -45600],
    ["2026-01-02", "2026-01-15"],
    "INR",
    2054400,
)


def check(export: Export) -> None:
    read = Read(export.text.encode(export.enc), name=export.name)
    assert read.amounts == export.amounts and read.rejects == []
    if export.days:
        assert [str(line.booking_date) for line in read.lines] == export.days
    if export.currency:
        assert {line.currency for line in read.lines} == {export.currency}
    if export.closing is not None:
        assert [(end.closing_minor, end.balances_ok) for end in read.statements] == [(export.closing, True)]
    if export.account:
        assert [end.account for end in read.statements] == [export.account]


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)
def test_an_export_is_read_as_the_bank_meant_it(export: Export) -> None:
    check(export)


def test_two_sides_without_a_header_need_a_balance_that_proves_them() -> None:
    rows = "01/15/2026,SHOP,45.60,,1954.40\n01/02/2026,PAY,,2000.00,2000.00\n"
    assert Read(rows).amounts == [-4560, 200000]
    turned = "01/15/2026,SHOP,,45.60,1954.40\n01/02/2026,PAY,2000.00,,2000.00\n"
    assert Read(turned).amounts == [-4560, 200000]
