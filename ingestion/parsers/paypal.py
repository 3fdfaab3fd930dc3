"""PayPal settlement (STL) and transaction detail (TRR) reports: CSV with a record code in front of every row.

RH/FH/SH open report, file and section, CH names the columns of the SB rows, SF/SC, RF/RC and FF close and count.
Amounts are whole minor units without sign; the direction is a column of its own, for the gross and for the fee.
"""

from __future__ import annotations

import csv
import re
from datetime import date
from typing import BinaryIO

from ingestion.parsers.amounts import currency_exponent, date_iso, integer, minor
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
from ingestion.parsers.values import plain

_CODES = frozenset(("RH", "FH", "SH", "CH", "SB", "SF", "SC", "RF", "RC", "FF"))
_HEAD = re.compile(rb"""\A[\xef\xbb\xbf\s]*["']?(RH|FH|SH|CH|SB)["']?\s*[,\t;|]""")
_EVENT = re.compile(r"T\d{4}\Z")
_COLUMNS = ("transaction id", "invoice id", "paypal reference id", "paypal reference id type", "transaction event code",
            "transaction initiation date", "transaction completion date", "transaction debit or credit",
            "gross transaction amount", "gross transaction currency", "fee debit or credit", "fee amount", "fee currency")  # fmt: skip


def sniff(head: bytes) -> bool:
    return _HEAD.match(head) is not None


def _sign(text: str) -> int:
    word = text.strip().upper()
    if word in ("CR", "C", "CREDIT"):
        return 1
    if word in ("DR", "D", "DEBIT"):
        return -1
    raise AmountError(f"{text[:20]!r} says neither debit (DR) nor credit (CR)")


def _amount(text: str, currency: str) -> int:
    places = currency_exponent(currency)
    return minor(text.replace(",", ""), places) if "." in text else integer(text)


class _Section:
    def __init__(self, account: str, currency: str) -> None:
        self.account, self.currency = account, currency
        self.lines = self.sum = 0
        self.last: date | None = None


def parse(file: BinaryIO) -> Events:
    """Events of a PayPal STL or TRR report; a statement for every run of rows in one currency."""
    source = LineBlocks(file, 1 << 20)
    delimiter = ","
    columns: dict[str, int] = {name: index + 1 for index, name in enumerate(_COLUMNS)}
    account = ""
    section: _Section | None = None
    rows = 0
    seen = False
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        if not seen:
            match = re.match(r"\W*(?:RH|FH|SH|CH|SB)[\"']?\s*([,\t;|])", line)
            delimiter = match[1] if match else ","
        try:
            row = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
        except (csv.Error, StopIteration) as error:
            yield Reject(number, f"not a row: {error}", clip(line))
            continue
        code = row[0].strip("\ufeff \"'").upper()
        if code not in _CODES:
            yield Reject(number, "a row without one of PayPal's record codes", clip(line))
            continue
        seen = True
        if code == "RH" and len(row) > 3:
            account = row[3].strip()
        elif code == "SH":
            if section is not None:
                yield _end(section)
                section = None
            account = row[4].strip() if len(row) > 4 and row[4].strip() else account
            rows = 0
        elif code == "CH":
            columns = {plain(name): index for index, name in enumerate(row)}
        elif code == "SB":
            rows += 1
            row = _unquoted(row, line, delimiter)
            try:
                item = _line(row, columns, number, line)
            except AmountError as error:
                yield Reject(number, str(error), clip(line))
                continue
            if section is None or section.currency != item.currency:
                if section is not None:
                    yield _end(section)
                section = _Section(account, item.currency)
                yield StatementStart(account, item.currency, position=number)
            if _shift(row, columns):
                yield Flag(number, "shifted_row", "the cells of this row do not stand under their columns; aligned by event code")
            section.lines += 1
            section.sum += item.amount_minor
            section.last = item.booking_date or section.last
            yield item
        elif code == "SC":
            stated = row[1].strip() if len(row) > 1 else ""
            if stated.isdigit() and int(stated[:12]) != rows:
                yield Flag(number, "record_count", f"the section states {stated[:12]} rows, found {rows}")
    if not seen:
        raise Unreadable(f"no row with PayPal's record codes{': ' + source.problem if source.problem else ''}")
    if section is not None:
        yield _end(section)
    else:
        yield StatementStart(account)
        yield StatementEnd(account, "", None, None, None, 0, 0)
    if source.problem:
        yield Reject("end", source.problem)


def _unquoted(row: list[str], line: str, delimiter: str) -> list[str]:
    """A stray quote glues cells together: where that hid the event code, cut at every delimiter instead."""
    if any(_EVENT.match(cell.strip()) for cell in row):
        return row
    plain_cells = [cell.strip().strip('"') for cell in line.split(delimiter)]
    return plain_cells if any(_EVENT.match(cell) for cell in plain_cells) else row


def _shift(row: list[str], columns: dict[str, int]) -> int:
    """Rows edited by hand may have gained or lost cells: the event code (T0000) shows by how many."""
    at = columns.get("transaction event code", -1)
    if 0 <= at < len(row) and not _EVENT.match(row[at].strip()):
        found = [index for index, cell in enumerate(row) if _EVENT.match(cell.strip())]
        if len(found) == 1:
            return found[0] - at
    return 0


def _line(row: list[str], columns: dict[str, int], number: int, raw: str) -> Line:
    shift = _shift(row, columns)

    def get(*names: str) -> str:
        for name in names:
            at = columns.get(name)
            if at is not None and 0 < at + shift < len(row) and row[at + shift].strip():
                return row[at + shift].strip()
        return ""

    currency = get("gross transaction currency", "currency").upper() or get("fee currency").upper()
    if not currency:
        raise AmountError("the row names no currency")
    gross_text = get("gross transaction amount")
    if not gross_text:
        raise AmountError("the row has no gross amount")
    gross = _amount(gross_text, currency) * _sign(get("transaction debit or credit"))
    fee_text = get("fee amount")
    fee = 0
    fee_currency = get("fee currency").upper() or currency
    if fee_text:
        fee = _amount(fee_text, fee_currency)
        fee = fee * _sign(get("fee debit or credit")) if fee else 0
    net = gross + (fee if fee_currency == currency else 0)
    day = date_iso(get("transaction completion date").replace("/", "-"))
    begun = date_iso(get("transaction initiation date").replace("/", "-"))
    references = {}
    for kind, name in (
        ("id", "transaction id"),
        ("customer", "invoice id"),
        ("related", "paypal reference id"),
        ("custom", "custom field"),
    ):
        text = get(name)
        if text and not text.startswith("*"):
            references[kind] = text
    extra: dict[str, object] = {"gross_minor": gross, "fee_minor": fee, "net_minor": net}
    if fee_currency != currency:
        extra["fee_currency"] = fee_currency
    return Line(net, currency, day or begun, begun or day, references, get("consumer id", "payer s account id"), get("transaction subject", "transaction note"),
                get("transaction event code"), raw, number, extra=extra)  # fmt: skip


def _end(section: _Section) -> StatementEnd:
    return StatementEnd(section.account, section.currency, None, None, None, section.lines, section.sum, date=section.last,
                        controls={"lines": control(section.lines, section.lines)})  # fmt: skip
