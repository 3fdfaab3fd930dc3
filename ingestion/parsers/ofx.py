"""OFX and QFX, SGML or XML, with header or without, read by one tolerant tokenizer.

OFX 1 leaves closing tags out and OFX 2 is XML; both are a row of `<TAG>value`, and nothing more is needed to read
a statement. No XML parser means no entities to expand and no order of elements to insist on.

What bites, and what is done about it:
- times with zones: the date is taken as written and never shifted, so a late entry stays on its day;
- CURDEF after the transactions: lines wait for it (up to a bound), because places depend on the currency;
- investment transactions move securities as well as cash: each is a reject that says so, only INVBANKTRAN is cash.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator
from typing import BinaryIO

from ingestion.parsers.amounts import currency_exponent, date_iso, date_yyyymmdd, known_currency, minor
from ingestion.parsers.records import (
    AmountError,
    Events,
    Flag,
    Line,
    Reject,
    StatementEnd,
    StatementStart,
    Unreadable,
    clip,
)
from ingestion.parsers.textio import decode, sniff_encoding

VERSION = "2"
CHUNK = 1 << 18
MAX_PIECE = 4 << 20
#: Transactions that wait for a currency; past this, two places are assumed and flagged.
MAX_WAITING = 20_000
#: Elements in a row that belong to no transaction; securities lists are long, but not this long.
MAX_IDLE = 2_000_000

_TOKEN = re.compile(r"<([/!?]?[A-Za-z][\w.\-]*)[^<>]*>([^<]*)")
_GROUPING = re.compile(r"(?<=\d)[ \u00a0\u202f'](?=\d{3}(?!\d))")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_HEAD = re.compile(rb"OFXHEADER|<\s*OFX\b|<(STMTTRN|BANKTRANLIST|STMTRS|CCSTMTRS|INVSTMTRS)>", re.IGNORECASE)
_STATEMENTS = frozenset(("STMTRS", "CCSTMTRS", "INVSTMTRS"))
_INVESTMENT = frozenset((
    "BUYDEBT", "BUYMF", "BUYOPT", "BUYOTHER", "BUYSTOCK", "CLOSUREOPT", "INCOME", "INVEXPENSE", "JRNLFUND", "JRNLSEC",
    "MARGININTEREST", "REINVEST", "RETOFCAP", "SELLDEBT", "SELLMF", "SELLOPT", "SELLOTHER", "SELLSTOCK", "SPLIT",
    "TRANSFER",
))  # fmt: skip
_FROM = frozenset(("BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"))
_BALANCES = frozenset(("LEDGERBAL", "AVAILBAL"))
_NO_CHECK = frozenset(("", "0"))


def sniff(head: bytes) -> bool:
    if b"\0" in head[:64]:
        head = head.replace(b"\0", b"")
    return _HEAD.search(head) is not None


class _Pieces:
    """Decoded text in pieces that never cut a tag, a CDATA section or (within bounds) a transaction."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.problem = ""

    def __iter__(self) -> Iterator[str]:
        data = self.file.read(CHUNK)
        encoding, skip = sniff_encoding(data)
        data = data[skip:]
        wide = codecs.getincrementaldecoder(encoding)("replace") if encoding.startswith("utf-16") else None
        rest = b""
        while data:
            rest += wide.decode(data).encode() if wide else data
            cut = self._cut(rest)
            if cut:
                yield decode(rest[:cut])
                rest = rest[cut:]
            elif len(rest) > MAX_PIECE:
                self.problem = f"more than {MAX_PIECE >> 20} MiB without a complete tag; reading stopped there"
                return
            data = self.file.read(CHUNK)
        if rest:
            yield decode(rest)

    @staticmethod
    def _cut(data: bytes) -> int:
        opened = data.rfind(b"<![CDATA[")
        limit = opened if opened > data.rfind(b"]]>") else len(data)
        cut = max(data.rfind(b"<STMTTRN>", 0, limit), data.rfind(b"</STMTTRN>", 0, limit))
        if cut <= 0 or len(data) - cut > MAX_PIECE // 4:
            cut = data.rfind(b"<", 0, limit)
        return max(cut, 0)


def parse(file: BinaryIO) -> Events:
    """Events of an OFX or QFX file."""
    return _Reader(file).events()


class _Statement:
    def __init__(self, position: int) -> None:
        self.position = position
        self.account = self.currency = ""
        self.closing_text = ""
        self.date_text = ""
        self.started = False
        self.lines = self.sum = 0
        self.waiting: list[tuple[dict[str, str], str, int]] = []


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.pieces = _Pieces(file)
        self.statement: _Statement | None = None
        self.number = 0
        self.statements = 0
        self.tags = 0
        self.idle = 0
        self.loose_account = ""

    def events(self) -> Events:
        transaction: dict[str, str] | None = None
        start = 0
        investment = ""
        security: dict[str, str] = {}
        scope = ""  # the aggregate that gives ACCTID and BALAMT their meaning
        carried = ""
        for piece in self.pieces:
            if "<![CDATA[" in piece:
                piece = _CDATA.sub(lambda match: html.escape(match[1], quote=False), piece)
            start = 0
            for match in _TOKEN.finditer(piece):
                tag, value = match.groups()
                if value:
                    value = value.strip()
                if not tag.isupper():
                    tag = tag.upper()
                if transaction is not None:
                    if value:
                        # The first NAME wins (a PAYEE may repeat it); CURSYM only counts under CURRENCY.
                        if tag not in transaction:
                            transaction[tag] = value
                        elif tag == "CURSYM":
                            transaction.pop("CURRENCY", None)
                        if tag[0] != "/":
                            continue
                    if tag == "/STMTTRN":
                        raw = carried + piece[start : match.end(1) + 1]
                        carried = ""
                        yield from self._transaction(transaction, raw)
                        transaction = None
                        continue
                    if tag in ("CURRENCY", "ORIGCURRENCY"):
                        transaction.setdefault("SCOPE", tag)
                        continue
                    if tag not in ("STMTTRN", "/BANKTRANLIST", "/INVTRANLIST", "/STMTRS", "/CCSTMTRS", "/INVSTMTRS",
                                   "/INVBANKTRAN", "BANKTRANLIST", "LEDGERBAL", "AVAILBAL", "/OFX"):  # fmt: skip
                        continue
                    # No closing tag: the transaction ends where the next thing begins.
                    yield from self._transaction(transaction, carried + piece[start : match.start()])
                    carried = ""
                    transaction = None
                if tag == "STMTTRN":
                    transaction = {}
                    start = match.start()
                    self.idle = 0
                    continue
                self.tags += 1
                self.idle += 1
                if self.idle > MAX_IDLE:
                    break
                if investment:
                    if value and tag not in security:
                        security[tag] = value
                    if tag == "/" + investment or tag == "/INVTRANLIST":
                        yield self._investment(investment, security)
                        investment = ""
                    elif tag not in _INVESTMENT:
                        continue
                if tag in _STATEMENTS:
                    yield from self._end()
                    self._open()
                elif tag[0] == "/":
                    name = tag[1:]
                    if name in _STATEMENTS:
                        yield from self._end()
                    elif name == scope:
                        scope = ""
                elif tag in _FROM or tag in _BALANCES or tag == "STATUS":
                    scope = tag
                elif tag in _INVESTMENT and self.statement is not None and not value:
                    investment, security = tag, {}
                elif value:
                    yield from self._value(tag, value, scope)
            if self.idle > MAX_IDLE:
                self.pieces.problem = f"more than {MAX_IDLE} elements without a transaction; reading stopped there"
                break
            if transaction is not None:
                carried += piece[start:]
                if len(carried) > MAX_PIECE:
                    yield Reject(self.number + 1, "a transaction longer than 4 MiB", clip(carried))
                    carried, transaction = "", None
        if transaction is not None:
            self.number += 1
            yield Reject(self.number, "the file ends inside this transaction", clip(carried))
        if investment:
            yield self._investment(investment, security)
        yield from self._end()
        if not self.tags and not self.number:
            raise Unreadable(f"no OFX element in the file{': ' + self.pieces.problem if self.pieces.problem else ''}")
        if self.pieces.problem:
            yield Reject(self.number, self.pieces.problem)

    def _open(self) -> _Statement:
        if self.statement is None:
            self.statements += 1
            self.statement = _Statement(self.statements)
            self.statement.account, self.loose_account = self.loose_account, ""
        return self.statement

    def _value(self, tag: str, value: str, scope: str) -> Events:
        if tag == "CURDEF" and (self.statement or self.loose_account):
            statement = self._open()
            upper = value[:12].upper()
            statement.currency = upper if known_currency(upper) else value[:12]
            waiting, statement.waiting = statement.waiting, []
            for fields, raw, position in waiting:
                yield from self._line(statement, fields, raw, position)
        elif tag == "ACCTID" and scope in _FROM:
            if self.statement is None:
                self.loose_account = value  # an account list names accounts and is no statement
            else:
                self.statement.account = value
        elif self.statement is None:
            if tag == "SEVERITY" and scope == "STATUS" and value.upper() == "ERROR":
                yield Flag(self.number, "status", "the institution answered with an error status")
        elif tag == "BALAMT" and scope == "LEDGERBAL":
            self.statement.closing_text = value
        elif tag == "DTASOF" and scope in ("LEDGERBAL", ""):
            self.statement.date_text = value
        elif tag == "SEVERITY" and scope == "STATUS" and value.upper() == "ERROR":
            yield Flag(self.number, "status", "the institution answered with an error status")

    def _investment(self, kind: str, fields: dict[str, str]) -> Reject:
        self.number += 1
        total = f", total {fields['TOTAL'][:30]}" if "TOTAL" in fields else ""
        return Reject(self.number, f"an investment transaction ({kind}{total}) is not a cash line of the account",
                      clip(" ".join(f"<{tag}>{value}" for tag, value in fields.items())))  # fmt: skip

    def _transaction(self, fields: dict[str, str], raw: str) -> Events:
        self.number += 1
        statement = self.statement or self._open()
        if not statement.currency and "CURSYM" not in fields:
            statement.waiting.append((fields, raw, self.number))
            if len(statement.waiting) >= MAX_WAITING:
                yield from self._no_currency(statement)
            return
        yield from self._line(statement, fields, raw, self.number)

    def _no_currency(self, statement: _Statement) -> Events:
        statement.currency = "XXX"
        waiting, statement.waiting = statement.waiting, []
        yield Flag(waiting[0][2], "currency", "the statement names no currency (CURDEF); two places are assumed")
        for fields, raw, position in waiting:
            yield from self._line(statement, fields, raw, position)

    def _line(self, statement: _Statement, fields: dict[str, str], raw: str, position: int) -> Events:
        if not statement.started:
            statement.started = True
            yield StatementStart(statement.account, statement.currency, position=statement.position)
        get = fields.get
        currency = statement.currency
        if get("SCOPE") == "CURRENCY" and "CURSYM" in fields:
            currency = fields["CURSYM"].upper()
        text = get("TRNAMT", "")
        try:
            amount = _amount(text, currency_exponent(currency))
        except AmountError as error:
            yield Reject(position, f"transaction {get('FITID', '')}: {error}" if text else "the transaction has no amount",
                         clip(raw))  # fmt: skip
            return
        posted_text = get("DTPOSTED", "")
        posted = date_yyyymmdd(posted_text[:8]) or date_iso(posted_text)
        if posted is None:
            yield Reject(position, f"transaction {get('FITID', '')}: DTPOSTED {posted_text[:40]!r} is not a date", clip(raw))
            return
        available = get("DTAVAIL")
        references = {}
        for tag, kind in (("FITID", "fitid"), ("REFNUM", "customer"), ("SRVRTID", "bank")):
            found = get(tag)
            if found:
                references[kind] = found
        check = get("CHECKNUM", "")
        if check.strip("0"):
            references["check"] = check
        name, memo = get("NAME", ""), get("MEMO", "")
        if "&" in name:
            name = html.unescape(name)
        if "&" in memo:
            memo = html.unescape(memo)
        description = memo or name
        statement.lines += 1
        statement.sum += amount
        yield Line(amount, currency, (date_yyyymmdd(available[:8]) if available else None) or posted, posted, references,
                   name, " ".join(description.split()), get("TRNTYPE", ""), raw, position)  # fmt: skip

    def _end(self) -> Events:
        statement, self.statement = self.statement, None
        if statement is None:
            return
        if statement.waiting:
            yield from self._no_currency(statement)
        if not statement.started:
            yield StatementStart(statement.account, statement.currency, position=statement.position)
        closing = None
        if statement.closing_text:
            try:
                closing = _amount(statement.closing_text, currency_exponent(statement.currency))
            except AmountError as error:
                yield Flag(f"statement {statement.position}", "balance", f"LEDGERBAL: {error}")
        else:
            yield Flag(f"statement {statement.position}", "balance", "the statement states no LEDGERBAL")
        day = date_yyyymmdd(statement.date_text[:8])
        # One balance cannot be checked against the lines: OFX states no opening balance.
        yield StatementEnd(statement.account, statement.currency, None, closing, None, statement.lines, statement.sum,
                           date=day, position=f"statement {statement.position}")  # fmt: skip


def _amount(text: str, places: int) -> int:
    if "," in text and "." in text:  # grouped, against the standard: the last mark is the decimal one
        text = text.replace("." if text.rfind(",") > text.rfind(".") else ",", "")
    try:
        return minor(text, places)
    except AmountError:
        bare = _GROUPING.sub("", text)
        if bare == text:
            raise
        return minor(bare, places)  # "+1 006,60", as some banks group it
