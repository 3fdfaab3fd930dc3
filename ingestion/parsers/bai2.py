"""BAI2 cash management reports (version 2), read for what banks send rather than for what the standard allows.

What bites, and what is done about it:
- several records on one physical line, and records wrapped over lines with or without `88`: records are cut at
  `/` followed by something shaped like a record, and a line that starts with no record code continues the one before;
- `88` may split a group of fields anywhere, or continue the text of a `16`, with or without the closing `/`;
- control totals add every Amount field of 03 and 16 with its own sign: credits and debits both add. Totals that
  do not agree are flagged and make `balances_ok` false; a blank or missing total makes it None. Detail records
  are optional in BAI2, so opening plus lines against closing is a flag of its own and not part of `balances_ok`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import BinaryIO

from ingestion.parsers.amounts import currency_exponent, date_yymmdd, date_yyyymmdd, integer, minor
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
    control,
)
from ingestion.parsers.textio import LineBlocks

VERSION = "1"
FUNDS = frozenset(("", "0", "1", "2", "Z", "S", "V", "D"))
MAX_LINE = 32 << 20
MAX_RECORD = 1 << 20

_CODES = frozenset(("01", "02", "03", "16", "49", "88", "98", "99"))
# Where one record ends and the next begins on the same line. The shape of the next record is checked, because
# the text of a 16 may itself hold "/".
_NEXT = re.compile(
    r"/(?:\s+(?=(?:01|02|03|88),)|\s*(?=(?:16,\d{3,5},[+-]?[\d.]*,|03,[^,/]*,[A-Z]{3},|49,[+-]?\d*,\d*\s*/?\s*(?:$|/|\d\d,)"
    r"|9[89],[+-]?\d*,\d*,\d*\s*/)))"
)
_JUNK = "\x00\x1a \t\r\n\x0c"


def sniff(head: bytes) -> bool:
    return re.match(rb"[\s\xef\xbb\xbf]*01,[^,\r\n]*,[^,\r\n]*,[^,\r\n]*,", head) is not None or (
        re.match(rb"[\s\xef\xbb\xbf]*(0[23]|16),[^\r\n]*(\r?\n|/)", head) is not None
    )


class Record:
    """One logical record: its parts as (text, closed) where closed says that a `/` ended it."""

    __slots__ = ("closed", "code", "count", "cut", "parts", "position", "size")

    def __init__(self, code: str, text: str, closed: bool, position: int) -> None:
        self.code = code
        self.parts = [text]
        self.closed = closed
        self.position = position
        self.count = 1
        self.cut = False
        self.size = len(text)

    def fields(self) -> list[str]:
        """All fields, the parts joined as one list (for every record but 16)."""
        text = self.parts[0]
        for part in self.parts[1:]:
            text += part if text.endswith(",") and part.startswith(",") else "," + part
        return [item.strip() for item in text.split(",")]

    def raw(self) -> str:
        return "\n88,".join(self.parts) if len(self.parts) > 1 else self.parts[0]


def _records(source: LineBlocks, rejects: list[Reject]) -> Iterator[Record]:
    current: Record | None = None
    number = 0
    for block in source.blocks():
        for line in block:
            number += 1
            line = line.strip(_JUNK)
            if not line:
                continue
            # Fast path: a line with one record has "/" at most at its end.
            slash = line.find("/")
            pieces = _NEXT.split(line) if 0 <= slash < len(line) - 1 else (line,)
            last = len(pieces) - 1
            for index, piece in enumerate(pieces):
                piece = piece.strip()
                closed = index < last or piece.endswith("/")
                text = piece[:-1].rstrip() if piece.endswith("/") else piece
                code = piece[:2]
                if code in _CODES and (piece[2:3] == "," or text == code):
                    if code != "88":
                        if current is not None:
                            yield current
                        current = Record(code, text, closed, number)
                    elif current is None:
                        rejects.append(Reject(number, "a continuation (88) with no record before it", clip(piece)))
                    elif current.size > MAX_RECORD:
                        if not current.cut:
                            rejects.append(Reject(number, "the record continues past 1 MiB; the rest of it is not kept", ""))
                        current.cut = True
                        current.count += 1
                    else:
                        current.parts.append(text[3:])
                        current.size += len(text)
                        current.closed = closed
                        current.count += 1
                elif current is not None and not current.closed and current.size <= MAX_RECORD:
                    current.parts[-1] += " " + text  # wrapped without 88
                    current.size += len(text)
                    current.closed = closed
                else:
                    rejects.append(Reject(number, "no BAI2 record: it must start with 01, 02, 03, 16, 49, 88, 98 or 99",
                                          clip(piece)))  # fmt: skip
    if current is not None:
        yield current


def _date(text: str) -> date | None:
    if len(text) == 8:
        return date_yyyymmdd(text)
    return date_yymmdd(text[-6:])


def _amount(text: str, places: int) -> int:
    """Whole minor units; with a decimal point (a deviation) the amount is in major units."""
    if not text:
        return 0
    if text.isdigit() and len(text) < 18 and text.isascii():
        return int(text)
    return minor(text, places) if "." in text else integer(text)


def _skip_funds(fields: list[str], at: int) -> tuple[int, str]:
    """Past the fields that belong to the funds type at `at`; also the value date that type V carries."""
    kind = fields[at].upper() if at < len(fields) else ""
    at += 1
    if kind == "S":
        return at + 3, ""
    if kind == "V":
        return at + 2, fields[at] if at < len(fields) else ""
    if kind == "D":
        count = fields[at] if at < len(fields) else ""
        return at + 1 + 2 * (int(count) if count.isdigit() and len(count) < 4 else 0), ""
    return at, ""


def _sign(code: int) -> int | None:
    """+1 credit, -1 debit, 0 information only, None where a detail line has no direction."""
    if 100 <= code <= 399 or 920 <= code <= 959 or 720 <= code <= 759:
        return 1
    if 400 <= code <= 699 or 960 <= code <= 999 or 760 <= code <= 799:
        return -1
    return 0 if 890 <= code <= 899 else None


class _Account:
    """The statement being read: one 03 with its lines up to 49."""

    def __init__(self, account: str, currency: str, position: int, as_of: date | None, implied: bool) -> None:
        self.account = account
        self.currency = currency
        self.places = currency_exponent(currency)
        self.position = position
        self.as_of = as_of
        self.implied = implied
        self.opening: int | None = None
        self.closing: int | None = None
        self.control_sum = 0
        self.records = 0
        self.plain_records = 0
        self.lines = 0
        self.sum = 0
        self.unread = 0


def parse(file: BinaryIO) -> Events:
    """Events of a BAI2 file."""
    return _Reader(file).events()


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.source = LineBlocks(file, MAX_LINE)
        self.rejects: list[Reject] = []
        self.account: _Account | None = None
        self.group_currency = ""
        self.as_of: date | None = None
        self.group_totals: list[int] = []
        self.group_accounts = 0
        self.group_records = 0
        self.file_totals: list[int] = []
        self.file_groups = 0
        self.file_records = 0
        self.group_open = False
        self.seen_end = False

    def events(self) -> Events:
        seen = False
        for record in _records(self.source, self.rejects):
            if self.rejects:
                yield from self.rejects
                self.rejects.clear()
            seen = True
            self.file_records += record.count
            self.group_records += record.count
            code = record.code
            if code == "16":
                if self.account is None:
                    self.account = _Account("", self.group_currency or "USD", record.position, self.as_of, True)
                    yield StatementStart("", self.account.currency, position=record.position, date=self.as_of)
                    yield Flag(record.position, "missing_account", "a 16 record without an 03 (account) before it")
                yield self._line(record, self.account)
            elif code == "03":
                yield from self._close_account(None)
                yield from self._open_account(record)
            elif code == "49":
                yield from self._close_account(record)
            elif code == "02":
                yield from self._close_account(None)
                yield from self._close_group(None)
                yield from self._open_group(record)
            elif code == "98":
                yield from self._close_account(None)
                yield from self._close_group(record)
            elif code == "99":
                yield from self._close_account(None)
                yield from self._close_group(None)
                yield from self._close_file(record)
            else:
                yield from self._header(record)
        yield from self.rejects
        if self.source.problem:
            if not seen:
                raise Unreadable(f"not BAI2: {self.source.problem}")
            yield Reject(self.file_records, self.source.problem)
        if not seen:
            raise Unreadable("no BAI2 record in the file: a record starts with a two-digit code and a comma")
        yield from self._close_account(None)
        yield from self._close_group(None)
        if not self.seen_end:
            yield Flag("end", "missing_file_trailer", "no 99 record: the file may have been cut off")

    def _header(self, record: Record) -> Events:
        fields = record.fields()
        version = fields[8] if len(fields) > 8 else ""
        if version not in ("", "2"):
            yield Flag(record.position, "version", f"the file says version {version[:20]!r}, it is read as version 2")
        if self.file_groups or self.account or self.group_open:
            yield Flag(record.position, "second_header", "another 01 record: two files joined")
        self.seen_end = False
        self.file_totals, self.file_groups = [], 0
        self.file_records = record.count

    def _open_group(self, record: Record) -> Events:
        fields = record.fields() + [""] * 8
        self.group_open = True
        self.group_totals, self.group_accounts, self.group_records = [], 0, record.count
        self.file_groups += 1
        currency = fields[6].upper()
        self.group_currency = currency if len(currency) == 3 and currency.isalpha() else ""
        self.as_of = _date(fields[4])
        if self.as_of is None and fields[4]:
            yield Flag(record.position, "as_of_date", f"the as-of date {fields[4][:20]!r} is not a date")
        if fields[3] in ("2", "3", "4"):
            word = {"2": "deletes", "3": "corrects", "4": "is a test of"}[fields[3]]
            yield Flag(record.position, "group_status", f"group status {fields[3]}: it {word} what was sent before")

    def _open_account(self, record: Record) -> Events:
        fields = record.fields()
        currency = fields[2].upper() if len(fields) > 2 else ""
        if not (len(currency) == 3 and currency.isalpha()):
            if currency:
                yield Flag(record.position, "currency", f"{currency[:20]!r} is not a currency; the group's is used")
            currency = self.group_currency or "USD"
        account = self.account = _Account(fields[1] if len(fields) > 1 else "", currency, record.position, self.as_of, False)
        account.records = record.count
        account.plain_records = 1
        flags = list(self._summaries(fields, account, record.position))
        yield StatementStart(account.account, currency, account.opening, date=self.as_of, position=record.position)
        yield from flags

    def _summaries(self, fields: list[str], account: _Account, position: int) -> Events:
        """The repeating groups of an 03: type, amount, item count, funds type and its fields."""
        at = 3
        while at < len(fields):
            code = fields[at]
            if not code:
                at += 1
                continue
            text = fields[at + 1] if at + 1 < len(fields) else ""
            try:
                amount = _amount(text, account.places)
            except AmountError as error:
                yield Reject(position, f"summary {code[:10]}: {error}", clip(",".join(fields)))
                account.unread += 1
                amount = 0
            account.control_sum += amount
            if text and code in ("010", "10"):
                account.opening = amount
            elif text and code in ("015", "15"):
                account.closing = amount
            at += 2
            # The item count may be left out altogether: then what follows is a type code, and no funds type
            # stands where one should.
            if at + 1 < len(fields) and fields[at + 1].upper() in FUNDS:
                at, _ = _skip_funds(fields, at + 1)
            elif at + 1 >= len(fields):
                break

    def _line(self, record: Record, account: _Account) -> Line | Reject:
        account.records += record.count
        account.plain_records += 1
        parts = record.parts
        fields = parts[0].split(",")
        used = 1
        # A split inside the fixed fields: take parts until the reference fields are complete.
        while used < len(parts) and (len(fields) < 6 or (fields[3].strip().upper() in "SVD" and self._short(fields))):
            if self._text_at(fields) < len(fields):
                break
            tail = parts[used].split(",")
            if fields[-1] == "" and len(tail) > 1 and tail[0] == "":
                tail = tail[1:]
            fields += tail
            used += 1
        raw = record.raw()
        if len(fields) < 3:
            account.unread += 1
            return Reject(record.position, "a transaction (16) needs a type code and an amount", clip(raw))
        code = fields[1].strip()
        text = fields[2].strip()
        try:
            amount = _amount(text, account.places)
        except AmountError as error:
            account.unread += 1
            return Reject(record.position, str(error), clip(raw))
        account.control_sum += amount
        sign = _sign(int(code)) if code.isascii() and code.isdigit() and len(code) < 5 else None
        if sign is None and amount:
            account.unread += 1
            return Reject(record.position, f"type code {code[:20]!r} says neither credit nor debit", clip(raw))
        value_date = account.as_of
        if len(fields) > 3 and fields[3].strip().upper() in FUNDS:
            at, stated = _skip_funds(fields, 3) if fields[3] else (4, "")
            if stated:
                value_date = _date(stated.strip()) or value_date
        else:
            at = 3
        references = {}
        if at < len(fields):
            reference = fields[at].strip()
            if reference:
                references["bank"] = reference
            if at + 1 < len(fields):
                reference = fields[at + 1].strip()
                if reference:
                    references["check" if code == "475" else "customer"] = reference
        description = ",".join(fields[at + 2 :]).strip() if at + 2 < len(fields) else ""
        if used < len(parts):
            description = " ".join([description, *(part.strip() for part in parts[used:])]).strip()
        signed = amount * (sign or 0)
        account.sum += signed
        account.lines += 1
        return Line(signed, account.currency, value_date, account.as_of, references, "", description, code, raw,
                    record.position)  # fmt: skip

    @staticmethod
    def _text_at(fields: list[str]) -> int:
        if len(fields) < 4:
            return 6
        if fields[3].strip().upper() not in FUNDS:
            return 5
        return _skip_funds(fields, 3)[0] + 2

    @classmethod
    def _short(cls, fields: list[str]) -> bool:
        return len(fields) <= cls._text_at(fields)

    def _close_account(self, record: Record | None) -> Events:
        account = self.account
        if account is None:
            if record is not None:
                yield Reject(record.position, "an account trailer (49) without an account (03)", clip(record.raw()))
            return
        self.account = None
        controls: dict[str, dict[str, object]] = {}
        ok: bool | None = None
        position = record.position if record else account.position
        total = account.control_sum
        if record is None:
            if not account.implied:
                yield Flag(account.position, "missing_account_trailer", f"account {account.account} has no 49 record")
        else:
            account.records += record.count
            account.plain_records += 1
            fields = record.fields() + ["", ""]
            try:
                stated = _amount(fields[1], account.places) if fields[1] else None
            except AmountError as error:
                stated = None
                yield Reject(record.position, f"account control total: {error}", clip(record.raw()))
            if stated is None:
                yield Flag(record.position, "control_total_blank", f"account {account.account} states no control total")
            else:
                controls["account_total"] = control(stated, account.control_sum)
                ok = stated == account.control_sum and not account.unread
                total = stated
                if stated != account.control_sum:
                    yield Flag(record.position, "control_total", f"account {account.account} states {stated}, its amounts"
                               f" add up to {account.control_sum}")  # fmt: skip
            count = fields[2]
            if count.isdigit() and len(count) < 12 and not account.implied:
                found = account.plain_records if int(count) == account.plain_records else account.records
                controls["account_records"] = control(int(count), found)
                if int(count) != found:
                    yield Flag(record.position, "record_count", f"account {account.account} states {int(count)} records,"
                               f" there are {found}")  # fmt: skip
        self.group_totals.append(total)
        self.group_accounts += not account.implied
        if account.opening is not None and account.closing is not None:
            expected = account.opening + account.sum
            agrees = expected == account.closing
            controls["balance_equation"] = {"stated": account.closing, "found": expected, "ok": agrees}
            if ok is None and agrees and account.lines and not account.unread:
                ok = True
            if not agrees and account.lines:
                yield Flag(position, "balance_equation", f"account {account.account}: opening {account.opening} plus lines"
                           f" {account.sum} is {expected}, closing says {account.closing}")  # fmt: skip
        yield StatementEnd(account.account, account.currency, account.opening, account.closing, ok, account.lines,
                           account.sum, date=account.as_of, position=position, controls=controls)  # fmt: skip

    def _close_group(self, record: Record | None) -> Events:
        found = sum(self.group_totals)
        if record is not None:
            yield from self._check(record, "group", found, "accounts", self.group_accounts, self.group_records)
            self.file_totals.append(self._stated(record, found))
        elif self.group_open:
            yield Flag("end", "missing_group_trailer", "a group has no 98 record")
            self.file_totals.append(found)
        self.group_open = False
        self.group_totals, self.group_accounts = [], 0

    def _close_file(self, record: Record) -> Events:
        self.seen_end = True
        found = sum(self.file_totals)
        yield from self._check(record, "file", found, "groups", self.file_groups, self.file_records)

    @staticmethod
    def _stated(record: Record, default: int) -> int:
        try:
            return _amount(record.fields()[1], 2)
        except (AmountError, IndexError):
            return default

    @staticmethod
    def _check(record: Record, what: str, total: int, members: str, count: int, records: int) -> Events:
        fields = record.fields() + ["", "", ""]
        for name, text, found in ((f"{what}_total", fields[1], total), (f"{what}_{members}", fields[2], count),
                                  (f"{what}_records", fields[3], records)):  # fmt: skip
            try:
                stated = _amount(text, 2) if text else None
            except AmountError as error:
                yield Reject(record.position, f"{name.replace('_', ' ')}: {error}", clip(record.raw()))
                continue
            if stated is not None and stated != found:
                yield Flag(record.position, name, f"the {what} trailer states {stated}, found {found}")
