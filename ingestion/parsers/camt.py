"""camt.052, camt.053 and camt.054 (ISO 20022 reports, statements and notifications), every version, streamed.

One `Ntry` is one line, because that is what the balance moved by; the `TxDtls` of a batch entry are its details.
Names are read without their namespace, so version 1 containers, no namespace and prefixes all read the same.

What bites, and what is done about it:
- missing mandatory children: an entry without amount or direction is a reject, the others read without them;
- opening and closing in different currencies, pending and information entries: only booked entries in the
  statement's currency are held against the balances;
- hostile XML: a document type declaration is refused, text and depth are bounded, and only so many bytes may pass
  without an entry completing (see `camt_paths.py`).
"""

from __future__ import annotations

import re
from datetime import date
from typing import BinaryIO

from ingestion.parsers.amounts import currency_exponent, date_iso, is_currency, minor
from ingestion.parsers.camt_entry import Entries, Values
from ingestion.parsers.camt_paths import STATEMENTS, Machine, Refused
from ingestion.parsers.records import (
    AmountError,
    Events,
    Flag,
    Reject,
    StatementEnd,
    StatementStart,
    Unreadable,
    clip,
    control,
)

VERSION = "2"
_HEAD = re.compile(rb"camt\.05[234]|<(\w+:)?(BkToCstmr(Stmt|AcctRpt|DbtCdtNtfctn)|Stmt>|Ntry>)")


def sniff(head: bytes) -> bool:
    if b"\0" in head[:64]:
        head = head.replace(b"\0", b"")
    return b"<" in head[:256] and _HEAD.search(head) is not None


def parse(file: BinaryIO) -> Events:
    """Events of a camt.052, .053 or .054 file."""
    return _Reader(file).events()


class _Statement:
    def __init__(self, kind: str, position: int) -> None:
        self.kind = kind
        self.position = position
        self.started = False
        self.account = self.currency = self.number = ""
        self.date: date | None = None
        self.balances: list[tuple[str, int, str]] = []
        self.lines = self.sum = self.booked = self.unread = 0
        self.credits = [0, 0]
        self.debits = [0, 0]
        self.foreign = 0
        self.summary: dict[str, dict[str, object]] = {}

    def pick(self) -> tuple[tuple[int, str] | None, tuple[int, str] | None]:
        """Opening and closing balance, each with its currency."""
        by_code: dict[str, list[tuple[int, str]]] = {}
        for code, amount, currency in self.balances:
            by_code.setdefault(code, []).append((amount, currency))

        def best(code: str) -> tuple[int, str] | None:
            found = by_code.get(code)
            if not found:
                return None
            return next((item for item in found if item[1] == self.currency), found[0])

        opening = best("OPBD") or best("PRCD")
        closing = best("CLBD")
        interim = by_code.get("ITBD", []) if self.kind == "Stmt" else []
        if interim and opening is None:
            opening = interim[0]
            interim = interim[1:]
        if interim and closing is None:
            closing = interim[-1]
        return opening, closing


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.statement: _Statement | None = None
        self.header: Values = {}
        self.entries = Entries()
        self.seen = False
        self.number = 0

    def events(self) -> Events:
        broken = ""
        machine = iter(Machine(self.file))
        while True:
            try:
                kind, values = next(machine)
            except StopIteration:
                break
            except Refused as error:
                broken = str(error)
                break
            if kind == "Ntry":
                statement = self.statement
                if statement is None:
                    self.seen = True
                    statement = self.statement = _Statement("Stmt", self.number + 1)
                if not statement.started:
                    yield from self._start(statement)
                yield from self._entry(statement, values)
            elif kind == "TxDtls":
                self.entries.transaction(values)
            elif kind[0] == "+":
                if self.statement is not None:
                    yield from self._end(self.statement)
                self.number += 1
                self.seen = True
                self.statement, self.header = _Statement(kind[1:], self.number), values
            elif kind == "Bal":
                if self.statement is not None:
                    yield from self._balance(self.statement, values)
            elif kind == "TxsSummry":
                if self.statement is not None:
                    self._summary(self.statement, values)
            elif kind in STATEMENTS and self.statement is not None:
                yield from self._end(self.statement)
        if broken:
            if not self.seen:
                raise Unreadable(f"no camt statement could be read: {broken}")
            yield Reject(f"after entry {self.entries.number}", f"the XML breaks off: {broken}")
        if self.statement is not None:
            yield Flag(self.statement.position, "unfinished", "the statement does not end in this file")
            # What it states of balances cannot be held against half of its entries.
            self.statement.balances.clear()
            yield from self._end(self.statement)
        if not self.seen:
            raise Unreadable("the XML holds no camt statement, report or notification")

    def _start(self, statement: _Statement) -> Events:
        statement.started = True
        self._read_header(statement)
        opening, _ = statement.pick()
        yield StatementStart(statement.account, statement.currency, opening[0] if opening else None, statement.number,
                             statement.date, f"statement {statement.position}")  # fmt: skip

    def _read_header(self, statement: _Statement) -> None:
        header = self.header
        statement.number = header.get("number", "")
        statement.account = header.get("account", "")
        statement.currency = header.get("currency") or statement.currency
        statement.date = date_iso(header.get("until", "")) or date_iso(header.get("created", ""))
        if not statement.currency and statement.balances:
            statement.currency = statement.balances[0][2]

    def _balance(self, statement: _Statement, values: Values) -> Events:
        code = values.get("code", "")
        if not code:
            return  # a proprietary balance says nothing about the movement
        where = f"statement {statement.position}"
        if "amount" not in values:
            yield Flag(where, "balance", f"balance {code} has no amount")
            return
        currency = values.get("currency") or self.header.get("currency", "")
        try:
            value = minor(values["amount"], currency_exponent(currency))
        except AmountError as error:
            yield Reject(where, f"balance {code}: {error}", clip(values["amount"]))
            return
        if values.get("direction") == "DBIT":
            value = -abs(value)  # a sign beside the indicator says the same twice
        statement.balances.append((code, value, currency))

    def _entry(self, statement: _Statement, values: Values) -> Events:
        item = self.entries.read(values, statement.currency)
        if isinstance(item, Reject):
            statement.unread += 1
            yield item
            return
        if self.entries.flags:
            yield from self.entries.flags
            self.entries.flags.clear()
        if not statement.currency and is_currency(item.currency):
            statement.currency = item.currency
        amount = item.amount_minor
        statement.lines += 1
        statement.sum += amount
        if item.currency != statement.currency:
            statement.foreign += 1
        elif item.extra is None or item.extra.get("status", "BOOK") == "BOOK":
            statement.booked += amount
        side = statement.credits if amount >= 0 else statement.debits
        side[0] += 1
        side[1] += abs(amount)
        yield item

    @staticmethod
    def _summary(statement: _Statement, values: Values) -> None:
        """`TxsSummry`: kept as stated, compared when the statement ends."""
        for name in ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries"):
            count, total = values.get(f"{name}.NbOfNtries", ""), values.get(f"{name}.Sum", "")
            if count or total:
                statement.summary[name] = {"count": count, "sum": total}

    def _totals(self, statement: _Statement) -> Events:
        places = currency_exponent(statement.currency)
        both = [statement.credits[0] + statement.debits[0], statement.credits[1] + statement.debits[1]]
        for name, found in (("TtlNtries", both), ("TtlCdtNtries", statement.credits), ("TtlDbtNtries", statement.debits)):
            stated = statement.summary.pop(name, None)
            if stated is None:
                continue
            for what, text, value in (("count", str(stated["count"]), found[0]), ("sum", str(stated["sum"]), found[1])):
                if not text:
                    continue
                try:
                    number = minor(text, 0 if what == "count" else places)
                except AmountError:
                    number = None
                statement.summary[f"{name}.{what}"] = control(number, value)
                if number != value:
                    yield Flag(f"statement {statement.position}", "control_total",
                               f"{name} states {what} {text[:40]}, found {value}")  # fmt: skip

    def _end(self, statement: _Statement) -> Events:
        self.statement = None
        if not statement.started:
            yield from self._start(statement)
        else:
            self._read_header(statement)
        self.header = {}
        opening, closing = statement.pick()
        where = f"statement {statement.position}"
        yield from self._totals(statement)
        ok: bool | None = None
        controls = dict(statement.summary)
        if opening is not None and closing is not None:
            expected = opening[0] + statement.booked
            ok = expected == closing[0] and opening[1] == closing[1] and not statement.foreign
            controls["balance_equation"] = {"stated": closing[0], "found": expected, "ok": ok}
            if not ok:
                yield Flag(where, "balance_equation", f"opening {opening[0]} {opening[1]} plus booked entries"
                           f" {statement.booked} is {expected}, closing says {closing[0]} {closing[1]}")  # fmt: skip
        yield StatementEnd(statement.account, statement.currency, opening[0] if opening else None,
                           closing[0] if closing else None, ok, statement.lines, statement.sum, statement.number,
                           statement.date, where, controls)  # fmt: skip
