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
from datetime import date
from typing import BinaryIO

from ingestion.parsers.amounts import currency_exponent
from ingestion.parsers.bai2_records import (
    FUNDS,
    MAX_LINE,
    Record,
    read_amount,
    read_date,
    read_records,
    sign_of,
    skip_funds,
)
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


# A header record on a line of its own, even under lines that a mainframe put on top.
_HEADER = re.compile(rb"^[ \t\xef\xbb\xbf]*01,[^,\r\n]*,[^,\r\n]*,\d{0,8},\d{0,4},", re.MULTILINE)
_FIRST = re.compile(rb"[\s\xef\xbb\xbf]*(01,[^,\r\n]*,[^,\r\n]*,[^,\r\n]*,|(0[23]|16),[^\r\n]*(\r?\n|/))")


def sniff(head: bytes) -> bool:
    return _FIRST.match(head) is not None or _HEADER.search(head) is not None


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
        for record in read_records(self.source, self.rejects):
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
        self.as_of = read_date(fields[4])
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
                amount = read_amount(text, account.places)
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
                at, _ = skip_funds(fields, at + 1)
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
            amount = read_amount(text, account.places)
        except AmountError as error:
            account.unread += 1
            return Reject(record.position, str(error), clip(raw))
        account.control_sum += amount
        sign = sign_of(int(code)) if code.isascii() and code.isdigit() and len(code) < 5 else None
        if sign is None and amount:
            account.unread += 1
            return Reject(record.position, f"type code {code[:20]!r} says neither credit nor debit", clip(raw))
        value_date = account.as_of
        if len(fields) > 3 and fields[3].strip().upper() in FUNDS:
            at, stated = skip_funds(fields, 3) if fields[3] else (4, "")
            if stated:
                value_date = read_date(stated.strip()) or value_date
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
        return skip_funds(fields, 3)[0] + 2

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
                stated = read_amount(fields[1], account.places) if fields[1] else None
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
            return read_amount(record.fields()[1], 2)
        except (AmountError, IndexError):
            return default

    @staticmethod
    def _check(record: Record, what: str, total: int, members: str, count: int, records: int) -> Events:
        fields = record.fields() + ["", "", ""]
        for name, text, found in ((f"{what}_total", fields[1], total), (f"{what}_{members}", fields[2], count),
                                  (f"{what}_records", fields[3], records)):  # fmt: skip
            try:
                stated = read_amount(text, 2) if text else None
            except AmountError as error:
                yield Reject(record.position, f"{name.replace('_', ' ')}: {error}", clip(record.raw()))
                continue
            if stated is not None and stated != found:
                yield Flag(record.position, name, f"the {what} trailer states {stated}, found {found}")
