"""The words that bank exports use for their columns, in the languages that turn up, and finding a header by them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ingestion.parsers.values import plain

#: field -> exact names (after `plain`), best first.
WORDS: dict[str, tuple[str, ...]] = {
    "booking_date": (
        "booking date", "posting date", "posted date", "post date", "transaction date", "trans date", "date posted", "buchungstag", "buchung",
        "buchungsdatum", "boekdatum", "boekingsdatum", "date operation", "date de l operation", "date comptable",
        "fecha operacion", "fecha de operacion", "fecha", "data", "data operacji", "data ksiegowania", "data contabile",
        "data da operacao", "data lancamento", "bokforingsdag", "bokforingsdatum", "bogforingsdato", "bokfort dato", "dato", "datum", "date",
        "completion time", "completed date", "created", "created utc", "created at", "datetime", "date time", "transactiondate", "bookingdate",
        "transaction time", "time", "timestamp", "started date", "tag", "statementcreated", "paivays", "kirjauspaiva", "datum zauctovani",
        "datum provedeni", "zaksiegowano", "dtposted", "process date", "processed date", "txn date", "tran date", "run date",
        "tarih", "islem tarihi", "tranzakcio datuma", "konyveles datuma", "konyvelesi datum", "дата операции", "дата", "дата транзакции", "дата проводки",
        "дата документа", "交易日期", "记账日期", "交易时间", "日期", "日付", "取引日", "年月日", "お取引日", "거래일자", "거래일시", "ημερομηνια", "datum transakce", "buchungs datum",
        "kuupaev", "datums", "ngay giao dich", "tanggal", "bokford", "transaktionsdatum", "fecha contable", "fecha operativa",
    ),
    "value_date": (
        "value date", "valuta", "valutadate", "valuta datum", "valutadatum", "rentedatum", "wertstellung", "wertstellungstag",
        "date valeur", "date de valeur", "fecha valor", "data valuta", "data waluty", "data valor", "valutadato", "rentedato",
        "effective date", "available on", "available on utc", "settlement date", "valuedate", "valutering", "datum valuty", "interest date",
        "valor tarihi", "erteknap", "дата платежа", "дата валютирования", "起息日", "valutadag", "arvopaiva", "value dat",
    ),
    "amount": (
        "amount", "betrag", "bedrag", "montant", "importe", "importo", "kwota", "valor", "quantia", "belopp", "belob", "belop",
        "castka", "umsatz", "transaction amount", "net amount", "netamount", "transactie bedrag", "transactiebedrag", "bedrag eur",
        "betrag eur", "amount eur", "amount usd", "amount gbp", "amount chf", "umsatz in eur", "montant eur", "importe eur", "summa",
        "maara", "total", "value", "paid", "kwota operacji", "kwota transakcji", "osszeg", "net", "net total", "amount kes", "amt", "trnamt", "tran amount", "netto", "netto betrag", "neto", "netto amount",
        "buchungsbetrag", "islem tutari", "tutar", "osszege", "tranzakcio osszege", "сумма операции", "сумма", "сумма в валюте счета", "сумма транзакции", "交易金额", "金额", "発生金額", "金額",
        "거래금액", "ποσο", "importo eur", "zauctovana castka", "castka czk", "iznos", "jumlah", "so tien", "objem", "insattningar uttag", "cad", "maara euroa",
    ),
    "credit": (
        "credit", "credit amount", "money in", "paid in", "deposit", "deposits", "haben", "gutschrift", "gutschriften", "eingang", "zahlungseingang", "abonos", "ingresos", "haber", "credit eur", "abono", "ingreso",
        "avere", "accrediti", "entrate", "uznania", "credito", "kredit", "bij", "in", "credits", "receipts", "credit usd", "credit amt", "insattning", "lodgement", "incoming",
        "inn pa konto", "inn", "приход", "поступление", "зачисление", "收入金额", "收入", "贷方金额", "贷方发生额", "存入", "お預り金額", "お預入れ", "入金", "入金額", "預入金額", "입금", "입금액", "jovairas", "alacak", "預かり金額", "預り金額", "お預かり金額", "cr", "depositos",
    ),
    "debit": (
        "debit", "debit amount", "money out", "paid out", "withdrawal", "withdrawals", "withdrawn", "soll", "lastschrift", "belastung", "belastungen", "ausgang", "zahlungsausgang", "cargos", "gastos", "debe", "debit eur",
        "cargo", "gasto", "dare", "addebiti", "uscite", "obciazenia", "debito", "debet", "af", "out", "debits", "payments", "debit usd", "debit amt", "uttag", "outgoing",
        "ut fra konto", "ut av konto", "расход", "списание", "支出金额", "支出", "借方金额", "借方发生额", "お支払金額", "お引出し", "出金", "出金額", "支払金額", "출금", "출금액", "terheles", "borc", "支払い金額", "お支払い金額", "引出金額", "dr", "retiros",
    ),
    "direction": (
        "debit credit", "credit debit", "dr cr", "cr dr", "d c", "c d", "dc", "af bij", "bij af", "soll haben", "s h", "sens", "cdtdbtind",
        "credit debit indicator", "debit or credit", "debit credit indicator", "sign", "kennzeichen", "debet credit", "bevetel kiadas", "d k", "приход расход",
    ),
    "currency": (
        "currency", "ccy", "cur", "wahrung", "waehrung", "munt", "muntsoort", "valuta code", "valutacode", "devise", "moneda", "divisa", "valuta iso", "waluta",
        "moeda", "mena", "currency code", "curdef", "transaction currency", "account currency", "penznem", "mutatiemunt", "monnaie", "wahr", "whg", "monn", "valiuta", "valuuta",
        "buchungswahrung", "mena uctu", "devizanem", "валюта", "валюта операции", "валюта счета", "币种", "货币", "通貨", "통화", "para birimi", "doviz",
    ),
    "balance": (
        "balance", "running balance", "saldo", "saldo na mutatie", "solde", "kontostand", "balance after", "closing balance", "saldo po operacji", "konecny stav", "koncovy stav",
        "saldo nach buchung", "balance eur", "account balance", "available balance", "ledger balance", "running bal", "saldo na trn", "solde progressif", "saldo eur", "saldo contabile", "zustatek", "book balance", "guthaben", "current balance", "bokfort saldo",
        "bakiye", "egyenleg", "остаток", "баланс", "余额", "账户余额", "差引残高", "残高", "잔액", "υπολοιπο", "saldos", "saldos r", "sald", "bal", "partial balance", "statement balance",
    ),
    "account": (
        "auftragskonto", "iban auftragskonto", "own account", "eigene iban", "account", "account number", "account no", "iban", "konto", "kontonummer", "rekening", "rekeningnummer", "compte", "cuenta", "conto", "konta",
        "accountid", "account id", "iban bban", "numero de compte", "conta", "szamlaszam", "saskaitos nr", "номер счета", "账号", "口座番号", "cislo uctu", "iban auftraggeberkonto", "auftraggeberkonto", "iban kontoinhaber",
    ),
    "counterparty": (
        "counterparty", "counterparty name", "name", "payee", "payer", "beneficiary", "beneficiary name", "beguenstigter zahlungspflichtiger",
        "begunstigter zahlungspflichtiger", "auftraggeber empfanger", "auftraggeber beguenstigter", "name zahlungsbeteiligter",
        "empfanger", "naam tegenpartij", "naam tegenpartij bank", "tegenpartij", "contrepartie", "beneficiaire", "beneficiario", "kontrahent",
        "nadawca odbiorca", "mottagare", "avsandare", "modtager", "protistrana", "other party info", "merchant", "merchantname", "merchant name",
        "customer", "customer name", "from", "tegenrekening naam", "zahlungsempfanger", "zahlungspflichtiger", "sender", "recipient",
        "partner neve", "контрагент", "对方户名", "交易对方", "nazev protiuctu", "saaja maksaja", "gavejas", "handelaar", "ordernde bank", "partner name", "payee name", "nimi", "navn", "namn", "partner", "partnername", "counter party",
    ),
    "counterparty_account": (
        "counterparty account", "counterparty iban", "kontonummer iban", "iban zahlungsbeteiligter", "tegenrekening", "tegenrekening iban bban",
        "contra account", "beneficiary account", "iban tegenpartij", "rachunek kontrahenta", "kontonummer bic", "counter account", "protiucet", "kontonummer", "konto kontrahenta", "partner iban",
    ),
    "description": (
        "description", "details", "detail", "narrative", "narration", "memo", "verwendungszweck", "buchungstext", "omschrijving", "mededelingen",
        "libelle", "libelle operation", "communication", "concepto", "descripcion", "descrizione", "causale", "tytul", "opis", "opis operacji", "descricao",
        "historico", "text", "tekst", "message", "particulars", "transaction description", "payment details", "remittance", "remittance information",
        "transaction details", "omschrijving 1", "omschrijving 2", "omschrijving 3", "remittance information unstructured", "betreff", "note", "notes", "selite", "viesti", "zprava", "merchantplace", "title", "zweck",
        "aciklama", "kozlemeny", "описание", "назначение платежа", "описание операции", "摘要", "交易摘要", "附言", "備考", "お取扱内容", "적요", "내용", "transaktionsbeschreibung", "lancamento", "historico lancamento",
        "forklaring", "beskrivning", "beskrivelse", "paaiskinimai", "zinojums", "avisierungstext", "nachricht", "booking text", "label",
        "otsikko", "rubrik", "remarks", "transaction remarks", "摘要内容", "zprava pro prijemce", "descrizione estesa", "supplementary details",
        "beschreibung", "beschreibung1", "beschreibung2", "beschreibung3", "description 1", "description 2", "description 3",
        "buchungs details", "opis transakcji", "oznaceni operace", "selitys", "transaction ref1", "transaction ref2", "transaction ref3", "transaction remark",
    ),
    "type": (
        "type", "transaction type", "typ", "art", "tipo", "code", "mutatiesoort", "reporting category", "category", "categorie", "umsatzart",
        "transaction code", "typ transakcji", "typ operacji", "kind", "trntype",
    ),
    "status": ("status", "state", "transaction status", "statetype", "etat", "estado"),
    "gross": ("gross", "gross amount", "brutto", "bruto", "brut", "avant commission"),
    "fee": ("fee", "fees", "fee amount", "commission", "gebuhr", "frais", "charges"),
    "payout": ("payout id", "automatic payout id", "transfer", "payout", "deposit id", "settlement id"),
}  # fmt: skip

REFERENCES: dict[str, tuple[str, ...]] = {
    "id": ("transaction id", "transactionid", "id", "balance transaction id", "receipt no", "txn id", "transaction reference", "transaction no",
           "transaktionscode", "numero de transaction", "transferwise id", "id pohybu", "volgnr", "trn id", "fitid", "unique id", "uuid", "entry id", "id transaction", "numer transakcji", "transaction number"),
    "customer": ("reference", "ref", "ref no", "customer reference", "kundenreferenz", "referentie", "referencia", "referenz", "betalingskenmerk",
                 "your reference", "payment reference", "reference number", "ref number", "numero de reference", "transactiereferentie", "riferimento",
                 "id objednavky vs", "invoice number", "invoice id", "merchant reference", "kundenreferenz end to end", "a c no", "vs", "referens", "refnum"),
    "end_to_end": ("end to end id", "end to end reference", "endtoendid", "e2e", "end to end"),
    "bank": ("bank reference", "bankreferenz", "our reference", "bank ref"),
    "mandate": ("mandate", "mandatsreferenz", "mandaat id", "machtigingskenmerk", "mandate reference", "mandate id"),
    "check": ("check number", "cheque number", "check no", "check", "check or slip", "cheque no", "chequenumber"),
}  # fmt: skip

_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: Words that make a header an amount where no column is named exactly so.
_AMOUNT = (
    "amount",
    "betrag",
    "bedrag",
    "montant",
    "importe",
    "importo",
    "kwota",
    "castka",
    "belopp",
    "belob",
    "valor",
    "tutari",
    "сумма",
    "金额",
    "金額",
    "iznos",
    "suma",
    "quantia",
)
_NOT_THE_AMOUNT = frozenset(("original", "orig", "foreign", "fee", "tax", "local", "oorspr", "puvodni", "fecha", "data", "date", "id"))
_DATES = frozenset(("date", "datum", "fecha", "data", "dato", "tarih", "tarihi", "дата", "日期", "kuupaev"))

_EXACT: dict[str, str] = {}
for _field, _words in WORDS.items():
    for _word in _words:
        _EXACT.setdefault(_word, _field)
_EXACT_REFERENCE = {word: kind for kind, words in REFERENCES.items() for word in words}


def known(name: str) -> bool:
    return name in _EXACT or name in _EXACT_REFERENCE


def named(name: str) -> str:
    """A column's name to compare by; "RunningBalance" is known by its words."""
    found = plain(name)
    if found not in _EXACT and found not in _EXACT_REFERENCE and not name.isupper():
        apart = plain(_HUMP.sub(" ", name))
        if apart in _EXACT or apart in _EXACT_REFERENCE:
            return apart
    return found


def assign(names: Sequence[str]) -> tuple[dict[str, int], dict[str, int], list[int]]:
    """Columns by field and by kind of reference, and every column that reads as description."""
    plain_names = [named(name) for name in names]
    columns: dict[str, int] = {}
    references: dict[str, int] = {}
    for name_field, words in WORDS.items():
        for word in words:
            if word in plain_names:
                columns[name_field] = plain_names.index(word)
                break
    for kind, words in REFERENCES.items():
        for word in words:
            if word in plain_names:
                references[kind] = plain_names.index(word)
                break
    described = [index for index, name in enumerate(plain_names) if _EXACT.get(name) == "description"]
    _settle(columns, plain_names)
    return columns, references, described


def _settle(columns: dict[str, int], names: list[str]) -> None:
    """Names with two meanings: what they mean depends on what else is there."""
    if {"credit", "debit"} <= columns.keys() and "amount" in columns:
        # "Amount" beside a debit and a credit column is the movement unless it is a running total.
        del columns["amount"]
    elif "credit" in columns and "debit" not in columns and "amount" in columns:
        del columns["credit"]
    elif "debit" in columns and "credit" not in columns and "amount" in columns:
        del columns["debit"]
    if columns.get("counterparty_account") == columns.get("account"):
        columns.pop("counterparty_account", None)
    known = {"credit", "debit"} & columns.keys()
    if "amount" not in columns and len(known) < 2:
        # "Débit euros", "Credit (KES)", "Withdrawal Amt": the first word decides.
        for index, name in enumerate(names):
            for side in ("credit", "debit"):
                if (
                    name.split()[:1]
                    and name.split()[0] in WORDS[side]
                    and side not in columns
                    and not any(mark in name.split() for mark in ("card", "limit", "interest", "note", "type"))
                ):
                    columns[side] = index
        if not known and len({"credit", "debit"} & columns.keys()) == 1:
            columns.pop("credit", None)
            columns.pop("debit", None)
    if "amount" not in columns and not {"credit", "debit"} & columns.keys():
        # A header such as "Amount (KES)" or "Betrag in CHF" counts where nothing better is there.
        for index, name in enumerate(names):
            words = name.split()
            if any(word in _AMOUNT for word in words) and not _NOT_THE_AMOUNT.intersection(words):
                columns["amount"] = index
                break
    if "booking_date" not in columns:
        for index, name in enumerate(names):
            if index != columns.get("value_date") and not _DATES.isdisjoint(name.split()) and index not in columns.values():
                columns["booking_date"] = index
                break
    if "balance" not in columns:
        for index, name in enumerate(names):
            words = name.split()
            if (
                words
                and words[0] in ("saldo", "balance", "solde")
                and len(words) < 4
                and not {"id", "transaction", "confirmed", "type"} & set(words)
            ):
                columns["balance"] = index
                break
    if "counterparty" in columns and columns.get("account") == columns["counterparty"] + 1:
        # "Payee", "Account number": the account beside a name is that name's.
        columns.setdefault("counterparty_account", columns.pop("account"))
    if "value_date" in columns and columns.get("value_date") == columns.get("currency"):
        del columns["currency"]


def score(names: Sequence[str]) -> int:
    """How much a row looks like a header: known words, and a date and an amount among them."""
    plain_names = [named(name) for name in names if name]
    hits = sum(known(name) for name in plain_names)
    if not hits:
        return 0
    columns, _, _ = assign(names)
    has_date = bool({"booking_date", "value_date"} & columns.keys())
    has_amount = bool({"amount", "credit", "debit"} & columns.keys())
    return hits + 5 * has_date + 5 * has_amount if has_date and has_amount else 0
