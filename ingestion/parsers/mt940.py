"""SWIFT MT940 statements and MT942 interim reports, in SWIFT blocks or as bare fields.

What bites, and what is done about it:
- `:26:37` in a narrative is a wrapped time, not a field: only known tags start a field, and those that could be
  part of a time (20, 21, 25, 28, 13) are not believed inside a narrative before the closing balance;
- several statements and accounts in one file, each with its own balances; a second opening balance starts a new
  statement even where `:20:` is missing;
- `RC` and `RD` are reversals: a reversed credit takes money, a reversed debit gives it back; `DR` and `CR` are
  a debit and a credit followed by the third letter of the currency;
- 30 February is real at banks that count 30/360: the date becomes the last of that month, with a flag.
"""

from __future__ import annotations

from datetime import date
from typing import BinaryIO

from ingestion.parsers import narrative
from ingestion.parsers.amounts import clamp_yymmdd, currency_exponent, date_yymmdd, date_yyyymmdd, known_currency
from ingestion.parsers.mt940_fields import (
    BALANCE,
    CLOCK_TAGS,
    CREDITED,
    ENVELOPE,
    FLOOR,
    LINE,
    LINE_LONG,
    MAX_FIELD_LINES,
    MAX_LINE,
    SIGN,
    SPACE,
    SUFFIX,
    SUMS,
    TAGS,
    Statement,
    entry_date,
    read_amount,
    said,
    sniff,
    supplement,
)
from ingestion.parsers.records import (
    AmountError,
    Event,
    Events,
    Flag,
    Line,
    Reject,
    StatementStart,
    Unreadable,
    clip,
    control,
)  # fmt: skip
from ingestion.parsers.textio import LineBlocks

VERSION = "3"
__all__ = ["VERSION", "parse", "sniff"]


def parse(file: BinaryIO) -> Events:
    """Events of an MT940 or MT942 file."""
    return _Reader(file).events()


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self.source = LineBlocks(file, MAX_LINE)
        self.statement: Statement | None = None
        self.pending: Line | None = None
        self.narrated = False
        self.tag = ""
        self.lines: list[str] = []
        self.position = 0
        self.preamble = 0
        self.overlong = 0
        self.indented = False
        self.notices: list[Event] = []

    def events(self) -> Events:
        number = 0
        seen = False
        tags = TAGS
        for block in self.source.blocks():
            for line in block:
                number += 1
                if line[:1] == " " and not self.tag and self.statement is None and line.lstrip()[:1] == ":":
                    self.indented = True
                if self.indented:
                    line = line.lstrip()
                if line[:1] == ":":
                    end = line.find(":", 1, 6)
                    tag = line[1:end] if end > 1 else ""
                    if tag in tags and not (tag in CLOCK_TAGS and self._is_clock(tag, line)):
                        done = self.tag
                        if done == "86":
                            self._narrate(self.lines)
                        elif done == "61":
                            if self.pending is not None:
                                yield self.pending
                                self.pending = None
                            self._movement(self.lines)
                            if self.notices:
                                yield from self.notices
                                self.notices.clear()
                        elif done:
                            seen = True
                            yield from self._field()
                        self.tag = tag
                        self.lines = [line[end + 1 :]]
                        self.position = number
                        continue
                elif line[:1] in ("-", "{", "\x01", "\x03", " ", "\x02"):
                    kind = self._boundary(line)
                    if kind:
                        if self.tag:
                            seen = True
                            yield from self._field()
                        if kind > 1:
                            yield from self._end()
                        rest = line.partition("{4:")[2].strip()
                        if rest.startswith(":") and rest[1:3].isdigit():
                            end = rest.find(":", 1, 6)
                            self.tag, self.lines, self.position = rest[1:end], [rest[end + 1 :]], number
                        continue
                if self.tag:
                    if len(self.lines) < MAX_FIELD_LINES:
                        self.lines.append(line)
                    else:
                        if not self.overlong:
                            yield Reject(number, f"a field of more than {MAX_FIELD_LINES} lines; the rest of it is not read", clip(line))
                        self.overlong += 1
                elif line.strip() and not ENVELOPE.match(line.strip()):
                    if seen:
                        yield Reject(number, "text outside of a statement", clip(line))
                    else:
                        self.preamble += 1
        seen = seen or bool(self.tag)
        yield from self._field()
        yield from self._end()
        if self.preamble and seen:
            yield Flag(1, "preamble", f"{self.preamble} lines of text before the first field")
        if self.source.problem:
            if not seen:
                raise Unreadable(f"not MT940: {self.source.problem}")
            yield Reject(number + 1, self.source.problem)
        if not seen:
            raise Unreadable("no MT940 field in the file: fields look like :20: and :61:")

    def _is_clock(self, tag: str, line: str) -> bool:
        """Inside a narrative before the closing balance, :20:37 is more likely a time than a field."""
        statement = self.statement
        if self.tag not in ("86", "61") or statement is None or not statement.started or statement.closed:
            return False
        return tag != "20" or (line[4:6].isdigit() and not line[6:7].isalnum())

    def _inside(self) -> bool:
        """A lone dash in a narrative ends nothing while the closing balance is still to come."""
        statement = self.statement
        return self.tag == "86" and statement is not None and statement.opening is not None and not statement.closed

    def _boundary(self, line: str) -> int:
        """2 for the end of a message, 1 for an envelope line that ends a field, 0 for text."""
        bare = line.strip(" \t\x00\x01\x02\x03\x1a")
        if bare == "-" and self._inside():
            return 0
        if bare in ("", "-"):
            return 2 if bare else (0 if line[:1] == " " and self.tag else int(bool(line.strip("\t "))))
        if bare.startswith(("-}", "{1:", "{2:", "{4:")) or (bare[0] == "-" and len(bare) <= 4 and bare[1:].isupper()):
            return 2
        return int(bare.startswith(("{3:", "{5:")))

    def _field(self) -> Events:
        """The field that is complete: act on it."""
        tag, lines = self.tag, self.lines
        self.tag = ""
        self.overlong = 0
        if not tag:
            return
        if tag == "61":
            yield from self._flush()
            self._movement(lines)
            yield from self.notices
            self.notices.clear()
        elif tag == "86":
            self._narrate(lines)
        elif tag == "NS":
            self._note(lines)
        else:
            yield from self._flush()
            yield from self._header(tag, "".join(line.strip(SPACE) for line in lines))

    def _open(self) -> Statement:
        self.statement = self.statement or Statement(self.position)
        return self.statement

    def _header(self, tag: str, value: str) -> Events:
        statement = self.statement
        if tag == "20":
            if statement is not None and (statement.has_content() or statement.account):
                yield from self._end()
            self.statement = Statement(self.position)
        elif tag in ("25", "25P"):
            if statement is not None and statement.closed:
                yield from self._end()
            statement = self._open()
            account = value.strip()
            suffix = SUFFIX.match(account)
            if suffix and known_currency(suffix[2]):
                account, statement.currency = suffix[1].strip(), suffix[2]
            statement.account = account
        elif tag in ("28", "28C"):
            self._open().number = value.strip()
        elif tag in ("60F", "60M", "60"):
            yield from self._opening(value)
        elif tag in ("62F", "62M", "62"):
            yield from self._closing(value)
        elif tag == "34F":
            statement = self._open()
            floor = FLOOR.match(value)
            if floor and not statement.currency:
                statement.currency = floor[1]
        elif tag in ("90C", "90D"):
            yield from self._totals(tag[2], value)
        elif tag in ("64", "65", "65F") and BALANCE.match(value) is None:
            yield Flag(self.position, "available_balance", f":{tag}: {value[:40]!r} is not a balance")

    def _balance(self, value: str) -> tuple[int, str, date | None] | None:
        match = BALANCE.match(value)
        if match is None:
            return None
        currency = match[3] or ""
        statement = self._open()
        places = currency_exponent(currency or statement.currency)
        try:
            amount = read_amount(match[4], places)
        except AmountError:
            return None
        text = match[2] or ""
        day = date_yyyymmdd(text) if len(text) == 8 else date_yymmdd(text)
        return (-amount if match[1] == "D" else amount), currency, day

    def _opening(self, value: str) -> Events:
        statement = self._open()
        if statement.opening is not None or statement.closed:
            previous = statement
            yield from self._end()
            statement = self._open()
            statement.account, statement.number = previous.account, previous.number
        found = self._balance(value)
        if found is None:
            yield Reject(self.position, "the opening balance (60) cannot be read", clip(value))
        else:
            statement.opening, currency, statement.date = found
            statement.currency = currency or statement.currency
        yield from self._start(statement)

    def _start(self, statement: Statement) -> Events:
        if statement.started:
            return
        statement.started = True
        yield StatementStart(statement.account, statement.currency, statement.opening, statement.number, statement.date,
                             statement.position)  # fmt: skip
        if not statement.currency:
            yield Flag(self.position, "currency", "no currency is stated before the first line; two places are assumed")

    def _closing(self, value: str) -> Events:
        statement = self._open()
        found = self._balance(value)
        if found is not None and not statement.currency:
            statement.currency = found[1]
        yield from self._start(statement)
        statement.closed = True
        if found is None:
            yield Reject(self.position, "the closing balance (62) cannot be read", clip(value))
            return
        if statement.closing is not None:
            yield Flag(self.position, "second_closing", "a second closing balance in one statement; the last one counts")
        statement.closing, statement.closing_currency, statement.date = found[0], found[1], found[2] or statement.date

    def _totals(self, side: str, value: str) -> Events:
        match = SUMS.match(value)
        statement = self._open()
        if match is None:
            yield Flag(self.position, "totals", f":90{side}: {value[:40]!r} cannot be read")
            return
        try:
            stated = (int(match[1]), read_amount(match[3], currency_exponent(match[2])))
        except AmountError as error:
            yield Flag(self.position, "totals", f":90{side}: {error}")
            return
        found = tuple(statement.counts[side])
        statement.controls[f"total_{side}"] = control(list(stated), list(found))
        if stated != found:
            yield Flag(self.position, "control_total", f":90{side}: states {stated[0]} lines of {stated[1]}, found"
                       f" {found[0]} of {found[1]}")  # fmt: skip

    def _movement(self, lines: list[str]) -> None:
        """A :61: becomes the pending line; what is wrong with it goes to `notices`."""
        statement = self.statement
        if statement is None or not statement.started:
            statement = self._open()
            self.notices += self._start(statement)
        if statement.closed:
            self.notices.append(Flag(self.position, "line_after_closing", "a line after the closing balance"))
        first = lines[0]
        match = LINE.match(first) or LINE_LONG.match(first.strip())
        raw = ":61:" + ("\n".join(lines) if len(lines) > 1 else first)
        self.narrated = False
        if match is None:
            statement.unread += 1
            reason = "the line (61) cannot be read: date, C or D, amount, type, reference"
            self.notices.append(Reject(self.position, reason, clip(raw)))
            return
        value_text, entry_text, mark, amount_text, rest = match.groups()
        places = statement.places
        # "123,45" with as many places as the currency has is by far the most common.
        if len(amount_text) < 16 and amount_text[-places - 1 : -places or None] == "," and amount_text.count(".") == 0:
            amount = int(amount_text.replace(",", "", 1)) if amount_text.count(",") == 1 else -1
        else:
            amount = -1
        if amount < 0:
            try:
                amount = read_amount(amount_text, places)
            except AmountError as error:
                statement.unread += 1
                self.notices.append(Reject(self.position, str(error), clip(raw)))
                return
        value_date = date_yymmdd(value_text) if len(value_text) == 6 else date_yyyymmdd(value_text)
        if value_date is None:
            value_date = clamp_yymmdd(value_text[-6:])
            if value_date is None:
                statement.unread += 1
                self.notices.append(Reject(self.position, f"the value date {value_text} is no date", clip(raw)))
                return
            self.notices.append(Flag(self.position, "value_date", f"{value_text} is not in the calendar; read as {value_date}"))
        booking = entry_date(entry_text, value_date) if entry_text else value_date
        kind = ""
        if rest[:1] in ("S", "N", "F") and len(rest) >= 3:
            kind, rest = rest[:4].strip(), rest[4:]
        owner, slashes, bank = rest.partition("//")
        references = {}
        if said(owner):
            references["owner"] = owner.strip()
        if slashes and said(bank):
            references["bank"] = bank.strip()
        signed = amount * SIGN[mark]
        counts = statement.counts["C" if mark in CREDITED else "D"]
        counts[0] += 1
        counts[1] += amount
        statement.lines += 1
        statement.sum += signed
        account, more = supplement(lines[1:])
        self.pending = Line(signed, statement.currency, value_date, booking, references, "",
                            narrative.plain(more) if more else "", kind, raw, self.position, account)  # fmt: skip

    def _narrate(self, lines: list[str]) -> None:
        line = self.pending
        if line is None:
            return  # a narrative of the statement, or of a line that was rejected
        line.raw += "\n:86:" + ("\n".join(lines) if len(lines) > 1 else lines[0])
        found = narrative.read(lines)
        if self.narrated or line.description:
            line.description = f"{line.description} {found.text}".strip()
        else:
            line.description = found.text
        self.narrated = True
        if found.references:
            for kind, value in found.references.items():
                line.references.setdefault(kind, value)
        line.counterparty = line.counterparty or found.counterparty
        line.counterparty_account = found.account or line.counterparty_account
        if found.code and not line.type_code:
            line.type_code = found.code

    def _note(self, lines: list[str]) -> None:
        """`:NS:` holds numbered notes; after a line they describe it."""
        line = self.pending
        if line is None:
            return
        line.raw += "\n:NS:" + "\n".join(lines)
        text = " ".join(item[2:].strip() if item[:2].isdigit() else item.strip() for item in lines if item.strip())
        line.description = f"{line.description} {text}".strip()

    def _flush(self) -> Events:
        if self.pending is not None:
            line, self.pending = self.pending, None
            yield line

    def _end(self) -> Events:
        yield from self._flush()
        statement, self.statement = self.statement, None
        if statement is None:
            return
        if not statement.has_content():
            if statement.account and statement.number:
                yield from self._start(statement)
            else:
                yield Flag(statement.position, "empty_statement", "a message with neither balances nor lines")
                return
        yield from statement.finish()
