"""camt.052, camt.053 and camt.054 (ISO 20022 reports, statements and notifications), every version, streamed.

One `Ntry` is one line, because that is what the balance moved by; the `TxDtls` of a batch entry are its details.
Names are read without their namespace, so version 1 containers, no namespace and prefixes all read the same.

What bites, and what is done about it:
- missing mandatory children: an entry without amount or direction is a reject, the others read without them;
- opening and closing in different currencies, pending and information entries: only booked entries in the
  statement's currency are held against the balances;
- hostile XML: a document type declaration is refused, text and depth are bounded by libxml2, and no more than
  `MAX_ELEMENT` bytes may pass without an entry or balance completing.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from lxml import etree

from ingestion.parsers.amounts import currency_exponent, date_iso, is_currency, minor
from ingestion.parsers.camt_entry import LOCAL, Entries, text_at
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

VERSION = "1"
CHUNK = 1 << 16
MAX_ELEMENT = 8 << 20

_STATEMENTS = ("Stmt", "Rpt", "Ntfctn")
_TAGS = tuple("{*}" + name for name in (*_STATEMENTS, "Ntry", "Bal", "TxsSummry", "TxDtls"))
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
        self.date = None
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
        self.entries = Entries()
        self.seen = False
        self.number = 0
        self.position = 0

    def events(self) -> Events:
        parser = etree.XMLPullParser(
            events=("start", "end"), tag=_TAGS, resolve_entities=False, no_network=True, load_dtd=False,
            dtd_validation=False, huge_tree=False, remove_comments=True, remove_pis=True,
        )  # fmt: skip
        fed = 0
        broken = ""
        data = self.file.read(CHUNK).lstrip(b" \t\r\n")
        if re.search(rb"<!\s*(DOCTYPE|ENTITY)", data.replace(b"\0", b"")):
            raise Unreadable("the XML declares a document type or entities; bank files have none, so it is refused")
        while True:
            try:
                if data:
                    parser.feed(data)
                else:
                    parser.close()
            except etree.XMLSyntaxError as error:
                broken = str(error)
            before = self.position
            for action, element in parser.read_events():
                self.position += 1
                if element.getroottree().docinfo.internalDTD is not None if not self.seen else False:
                    raise Unreadable("the XML declares a document type; bank files have none, so it is refused")
                yield from self._event(action, element)
            fed = 0 if self.position != before else fed + len(data)
            if fed > MAX_ELEMENT:
                broken = f"one element is larger than {MAX_ELEMENT >> 20} MiB; reading stopped there"
            if broken or not data:
                break
            data = self.file.read(CHUNK)
        if broken:
            if not self.seen:
                raise Unreadable(f"no camt statement could be read: {broken}")
            yield Reject(f"after entry {self.entries.number}", f"the XML breaks off: {broken}")
        if self.statement is not None:
            yield Flag(self.statement.position, "unfinished", "the statement does not end in this file")
            yield from self._end(None)
        if not self.seen and not broken:
            raise Unreadable("the XML holds no camt statement, report or notification")

    def _event(self, action: str, element: etree._Element) -> Events:
        name = LOCAL[element.tag]
        if action == "start":
            if name in _STATEMENTS and self.statement is None:
                self.number += 1
                self.seen = True
                self.statement = _Statement(name, self.number)
            return
        statement = self.statement
        if name == "Ntry":
            if statement is None:
                self.seen = True
                statement = self.statement = _Statement("Stmt", self.number + 1)
            if not statement.started:
                yield from self._start(element.getparent())
            yield from self._entry(statement, element)
            self._forget(element)
        elif name == "TxDtls":
            self.entries.detail(element)
        elif statement is None:
            return
        elif name == "Bal":
            yield from self._balance(statement, element)
        elif name == "TxsSummry":
            self._summary(statement, element)
        elif name == statement.kind:
            yield from self._end(element)
            self._forget(element)

    @staticmethod
    def _forget(element: etree._Element) -> None:
        """Drop what was read, and everything before it, so that memory does not grow with the file."""
        parent = element.getparent()
        element.clear()
        if parent is not None:
            while len(parent) > 1 and parent[0] is not element:
                del parent[0]

    def _start(self, element: etree._Element | None) -> Events:
        statement = self.statement
        assert statement is not None
        statement.started = True
        self._header(statement, element)
        opening, _ = statement.pick()
        yield StatementStart(statement.account, statement.currency, opening[0] if opening else None, statement.number,
                             statement.date, f"statement {statement.position}")  # fmt: skip

    @staticmethod
    def _header(statement: _Statement, element: etree._Element | None) -> None:
        for child in element if element is not None else ():
            name = LOCAL[child.tag]
            if name == "Id":
                statement.number = statement.number or (child.text or "").strip()
            elif name == "Acct":
                statement.account = (
                    statement.account or text_at(child, "Id", "IBAN") or text_at(child, "Id", "Othr", "Id")
                    or text_at(child, "Id", "PrtryAcct", "Id") or text_at(child, "Id", "BBAN")
                )  # fmt: skip
                statement.currency = statement.currency or text_at(child, "Ccy")
            elif name == "CreDtTm":
                statement.date = statement.date or date_iso(child.text or "")  # type: ignore[assignment]
            elif name == "FrToDt":
                statement.date = date_iso(text_at(child, "ToDtTm")) or date_iso(text_at(child, "ToDt")) or statement.date  # type: ignore[assignment]
        if not statement.currency and statement.balances:
            statement.currency = statement.balances[0][2]

    def _balance(self, statement: _Statement, element: etree._Element) -> Events:
        code = text_at(element, "Tp", "CdOrPrtry", "Cd") or text_at(element, "Tp", "Cd")
        if not code:
            return  # a proprietary balance says nothing about the movement
        where = f"statement {statement.position}"
        amount = next((child for child in element if LOCAL[child.tag] == "Amt"), None)
        if amount is None:
            yield Flag(where, "balance", f"balance {code} has no amount")
            return
        currency = amount.get("Ccy") or statement.currency
        try:
            value = minor(amount.text or "", currency_exponent(currency))
        except AmountError as error:
            yield Reject(where, f"balance {code}: {error}", clip(amount.text or ""))
            return
        if text_at(element, "CdtDbtInd") == "DBIT":
            value = -value
        statement.balances.append((code, value, currency))

    def _entry(self, statement: _Statement, element: etree._Element) -> Events:
        item = self.entries.read(element, statement.currency)
        if isinstance(item, Reject):
            statement.unread += 1
            yield item
            return
        yield from self.entries.flags
        self.entries.flags.clear()
        if not statement.currency and is_currency(item.currency):
            statement.currency = item.currency
        statement.lines += 1
        statement.sum += item.amount_minor
        if item.currency != statement.currency:
            statement.foreign += 1
        elif item.extra is None or item.extra.get("status", "BOOK") == "BOOK":
            statement.booked += item.amount_minor
        side = statement.credits if item.amount_minor >= 0 else statement.debits
        side[0] += 1
        side[1] += abs(item.amount_minor)
        yield item

    @staticmethod
    def _summary(statement: _Statement, element: etree._Element) -> None:
        """`TxsSummry`: kept as stated, compared when the statement ends."""
        for child in element:
            name = LOCAL[child.tag]
            if name in ("TtlNtries", "TtlCdtNtries", "TtlDbtNtries"):
                statement.summary[name] = {"count": text_at(child, "NbOfNtries"), "sum": text_at(child, "Sum")}

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

    def _end(self, element: etree._Element | None) -> Events:
        statement = self.statement
        assert statement is not None
        if not statement.started:
            yield from self._start(element)
        elif element is not None:
            self._header(statement, element)
        self.statement = None
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
