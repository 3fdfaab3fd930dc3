"""One camt entry (`Ntry`) as a line, its transactions (`TxDtls`) as references or details."""

from __future__ import annotations

from typing import Any

from ingestion.parsers.amounts import currency_exponent, date_iso, minor
from ingestion.parsers.records import AmountError, Detail, Flag, Line, Reject, clip

#: Transactions of one entry that are kept as details; of more, the rest is counted only.
MAX_DETAILS = 200_000

_NONE = frozenset(("NOTPROVIDED", "NONREF"))
Values = dict[str, Any]


def _references(values: Values, into: dict[str, str]) -> None:
    gathered = values.get("references")
    if gathered is not None:
        for key, text in gathered.items():
            if text not in _NONE:
                into.setdefault(key, text)
        return
    for key, text in values.items():
        if key[:4] == "ref:" and text not in _NONE:
            into.setdefault(key[4:], text)


def _party(values: Values, credit: bool) -> tuple[str, str]:
    """The other side: the debtor of a credit, the creditor of a debit."""
    first, second = ("Dbtr", "Cdtr") if credit else ("Cdtr", "Dbtr")
    get = values.get
    name, account = get(first), get(first + "Acct")
    if name or account:
        return name or "", account or ""
    name = get("Ultmt" + first)
    return (name, "") if name else (get(second, ""), get(second + "Acct", ""))


class Entries:
    """Reads entries one after the other; remembers the transactions of the one that is still open."""

    def __init__(self) -> None:
        self.number = 0
        self.transactions: list[Values] = []
        self.dropped = 0
        self.flags: list[Flag] = []

    def transaction(self, values: Values) -> None:
        if len(self.transactions) < MAX_DETAILS:
            self.transactions.append(values)
        else:
            self.dropped += 1

    def read(self, values: Values, account_currency: str) -> Line | Reject:
        transactions, self.transactions = self.transactions, []
        self.number += 1
        get = values.get
        raw = get("raw", "")
        currency = get("currency") or account_currency
        amount_text = get("amount")
        direction = get("direction")
        try:
            if not amount_text:
                raise AmountError("the entry has no amount")
            amount = minor(amount_text, currency_exponent(currency))
            if direction == "CRDT":
                credit = True
            elif direction == "DBIT":
                credit = False
            else:
                raise AmountError(f"the entry says neither credit nor debit ({(direction or '')[:20]!r})")
        except AmountError as error:
            return Reject(f"entry {self.number}", str(error), clip(raw))
        references: dict[str, str] = {}
        _references(values, references)
        party = account = ""
        details: tuple[Detail, ...] = ()
        info = get("info", "")
        if len(transactions) == 1:
            only = transactions[0]
            _references(only, references)
            party, account = _party(only, credit)
            texts = only.get("text")
            text = " ".join(texts) if texts else only.get("info", "")
            if text:
                info = f"{text} {info}" if info else text
        elif transactions:
            details = tuple(self._details(transactions, credit, currency))
            info = info or next((" ".join(item["text"]) for item in transactions if "text" in item), "")
        if self.dropped:
            self.flags.append(Flag(f"entry {self.number}", "details", f"{self.dropped} transactions beyond {MAX_DETAILS} not kept"))
            self.dropped = 0
        domain = get("domain")
        if domain:
            code = "-".join(part for part in (domain, get("family"), get("subfamily")) if part)
        else:
            code = get("proprietary", "")
        status = get("status")
        booked, value = get("booked"), get("value")
        booking_date = date_iso(booked) if booked else None
        value_date = date_iso(value) if value else None
        if amount < 0:
            self.flags.append(
                Flag(f"entry {self.number}", "negative_amount", f"{amount_text[:40]}: the standard has no sign here; read as money out")
            )
        return Line(amount if credit or amount < 0 else -amount, currency, value_date or booking_date, booking_date, references, party,
                    info, code, raw, self.number, account, details,
                    {"status": status} if status and status != "BOOK" else None)  # fmt: skip

    def _details(self, transactions: list[Values], credit: bool, currency: str) -> list[Detail]:
        details = []
        for item in transactions:
            direction = item.get("direction")
            own = direction == "CRDT" if direction else credit
            amount: int | None = None
            own_currency = item.get("currency") or currency
            if "amount" in item:
                try:
                    amount = minor(item["amount"], currency_exponent(own_currency))
                    amount = amount if own else -amount
                except AmountError as error:
                    self.flags.append(Flag(f"entry {self.number}", "detail_amount", str(error)))
            references: dict[str, str] = {}
            _references(item, references)
            details.append(
                Detail(amount, own_currency, references, _party(item, own)[0], " ".join(item.get("text", ())) or item.get("info", ""))
            )
        return details
