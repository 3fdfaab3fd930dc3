"""Rows to lines: what CSV files, spreadsheets and processor reports have in common.

One statement per account and currency. A file that mixes them is read once for each (they are few), so that the
lines of a statement stay together without holding the file in memory.

What bites, and what is done about it: blank rows are nothing; short rows, totals and footers are recognised by
what they lack; a running balance is checked row by row in either direction and gives opening and closing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date

from ingestion.parsers.amounts import currency_exponent, known_currency
from ingestion.parsers.layout import Layout
from ingestion.parsers.records import AmountError, Events, Flag, Line, Reject, StatementEnd, StatementStart, clip
from ingestion.parsers.values import direction, number_text

#: A row with its 1-based number in the file.
Row = tuple[int, list[object]]
Rows = Callable[[], Iterable[Row]]

MAX_KEYS = 64
MAX_UNIQUE = 2_000_000
_TOTALS = re.compile(
    r"(grand |sub ?)?total(s|en|e)?\b|summe|somme|suma|totaal|razem|gesamt|celkem|(opening|closing|begin|end|start|ending|beginning)\w* balance"
    r"|(begin|eind|anfangs|end|alter |neuer )?saldo|solde|kontostand|end of (report|file|statement)|\*+|-{3,}|={3,}|generated|disclaimer|page \d",
    re.IGNORECASE,
)


class Table:
    """Reads the rows under a header according to a layout."""

    def __init__(self, layout: Layout, rows: Rows) -> None:
        self.layout = layout
        self.rows = rows
        profile = layout.profile
        columns = layout.columns
        self.numbers = layout.numbers
        self.dates = layout.dates
        self.default_currency = layout.currency
        self.default_account = layout.account
        get = columns.get
        self.at_amount, self.at_credit, self.at_debit = get("amount"), get("credit"), get("debit")
        self.at_direction, self.at_currency, self.at_account = get("direction"), get("currency"), get("account")
        self.at_booking, self.at_value = get("booking_date"), get("value_date")
        self.at_balance, self.at_type, self.at_status = get("balance"), get("type"), get("status")
        self.at_party, self.at_party_account = get("counterparty"), get("counterparty_account")
        self.at_gross, self.at_fee, self.at_net, self.at_payout = get("gross"), get("fee"), get("net"), get("payout")
        self.at_kind, self.at_fee_direction = get("row_kind"), get("fee_direction")
        if self.at_amount is None and self.at_net is not None:
            self.at_amount = self.at_net
        self.terms = [(sign, columns[name]) for sign, name in (profile.amount_terms if profile else ()) if name in columns]
        self.references = list(layout.references.items())
        self.descriptions = layout.descriptions
        self.profile = profile
        self.negate = bool(profile and profile.negate)
        self.row_kinds = frozenset(profile.row_kinds) if profile else frozenset()
        self.settled = frozenset(status.casefold() for status in profile.settled) if profile else frozenset()
        self.unique_at = layout.references.get(profile.unique) if profile and profile.unique else None
        self.minor_places = profile.minor_places if profile else {}
        self.first_key: tuple[str, str] | None = None
        self.other_keys: dict[tuple[str, str], None] = {}

    def events(self) -> Events:
        yield from self._pass(None)
        for key in list(self.other_keys):
            yield from self._pass(key)

    def _pass(self, wanted: tuple[str, str] | None) -> Events:
        """One reading of the rows. The first reading (None) takes the first key it meets, and reports what is wrong."""
        state: _State | None = None
        first = wanted is None
        loose: list[Reject | Flag] = []
        seen: set[str] = set()
        for number, row in self.rows():
            if not any(cell not in ("", None) for cell in row):
                continue
            item = self._row(number, row)
            if not isinstance(item, Line):
                if first and item is not None:
                    if state is None and len(loose) < 1000:
                        loose.append(item)
                    else:
                        if isinstance(item, Reject) and state is not None:
                            state.unread += 1
                        yield item
                continue
            if self.unique_at is not None and first:
                key_text = _cell(row, self.unique_at)
                if key_text and key_text in seen:
                    yield Reject(number, f"{key_text} is in this file twice; the first row counts", clip(item.raw))
                    continue
                if len(seen) < MAX_UNIQUE:
                    seen.add(key_text)
            elif self.unique_at is not None:
                key_text = _cell(row, self.unique_at)
                if key_text in seen:
                    continue
                seen.add(key_text)
            account = _cell(row, self.at_account) or self.default_account
            key = (account, item.currency)
            if wanted is None:
                wanted = self.first_key = key
            if key != wanted:
                if not first:
                    continue
                if key in self.other_keys or len(self.other_keys) < MAX_KEYS:
                    self.other_keys[key] = None
                    continue
                yield Flag(number, "mixed", f"more than {MAX_KEYS} accounts or currencies in one file; this line stays with the first")
            if state is None:
                state = _State(account, item.currency)
                yield StatementStart(account, item.currency, position=number)
                if first:
                    for text in self.layout.assumed:
                        yield Flag(self.layout.header_row + 1, "assumed", text)
                yield from loose
                loose = []
            state.add(item)
            yield item
        if state is None:
            if first:
                yield StatementStart(self.default_account, self.default_currency, position=self.layout.header_row + 1)
                yield from loose
                yield StatementEnd(self.default_account, self.default_currency, None, None, None, 0, 0)
            return
        yield from state.finish()

    def _row(self, number: int, row: list[object]) -> Line | Reject | Flag | None:
        if self.row_kinds:
            kind = _cell(row, self.at_kind)
            if kind not in self.row_kinds:
                return Flag(number, "row_kind", f"a row of kind {kind[:20]!r} is no transaction")
        try:
            return self._line(number, row)
        except AmountError as error:
            footer = self._footer(number, row)
            return footer or Reject(number, str(error), clip(_raw(row)))

    def _line(self, number: int, row: list[object]) -> Line | Reject | Flag | None:
        currency = _cell(row, self.at_currency).upper() or self.default_currency or "XXX"
        if len(currency) != 3 and not known_currency(currency):
            raise AmountError(f"{currency[:20]!r} is not a currency")
        places = self.minor_places.get(currency) if self.minor_places else None
        exponent = currency_exponent(currency)
        amount = self._amount(row, exponent)
        if amount is None:
            return self._footer(number, row) or Reject(number, "the row has no amount", clip(_raw(row)))
        booking = self._date(row, self.at_booking)
        value = self._date(row, self.at_value)
        if booking is None and value is None and (self.at_booking is not None or self.at_value is not None):
            return self._footer(number, row) or Reject(number, "the row has no date that can be read", clip(_raw(row)))
        if places is not None and places != exponent:
            scaled, rest = divmod(amount, 10 ** (places - exponent)) if places > exponent else (amount * 10 ** (exponent - places), 0)
            if rest:
                raise AmountError(f"{amount} is no whole number of minor units of {currency}")
            amount = scaled
        references = {}
        for kind, at in self.references:
            text = _cell(row, at)
            if text:
                references[kind] = text
        if len(self.descriptions) == 1:
            description = _cell(row, self.descriptions[0])
        else:
            description = " ".join(text for at in self.descriptions if (text := _cell(row, at)))
        extra = self._extra(row, exponent)
        status = _cell(row, self.at_status)
        if self.settled and status.casefold() not in self.settled:
            return Flag(number, "not_settled", f"status {status[:30]!r}: no money moved ({clip(_raw(row), 200)})")
        return Line(-amount if self.negate else amount, currency, value or booking, booking or value, references,
                    _cell(row, self.at_party), description, _cell(row, self.at_type), _raw(row), number,
                    _cell(row, self.at_party_account), (), extra)  # fmt: skip

    def _amount(self, row: list[object], exponent: int) -> int | None:
        read = self.numbers.read
        if self.terms:
            total, found = 0, False
            for sign, at in self.terms:
                text = _cell(row, at)
                if text:
                    total += sign * read(text, exponent)
                    found = True
            return total if found else None
        if self.at_amount is not None:
            text = _cell(row, self.at_amount)
            if text:
                amount = read(text, exponent)
                if self.at_direction is not None:
                    word = _cell(row, self.at_direction)
                    sign = direction(word)  # type: ignore[assignment]
                    if sign is None:
                        raise AmountError(f"{word[:20]!r} says neither debit nor credit")
                    amount = abs(amount) * sign if amount >= 0 or sign < 0 else amount
                if self.at_fee_direction is not None and self.at_fee is not None:
                    fee = _cell(row, self.at_fee)
                    if fee:
                        amount += read(fee, exponent) * (direction(_cell(row, self.at_fee_direction)) or -1)
                return amount
            if self.at_credit is None and self.at_debit is None:
                return None
        credit, debit = _cell(row, self.at_credit), _cell(row, self.at_debit)
        credit_minor = read(credit, exponent) if credit else 0
        # A debit column is money out, however the bank signs it there.
        debit_minor = abs(read(debit, exponent)) if debit else 0
        if not credit and not debit:
            return None
        return credit_minor - debit_minor

    def _date(self, row: list[object], at: int | None) -> date | None:
        if at is None or at >= len(row):
            return None
        return self.dates.read(row[at])

    def _extra(self, row: list[object], exponent: int) -> dict[str, object] | None:
        extra: dict[str, object] = {}
        read = self.numbers.read
        for name, at in (("gross_minor", self.at_gross), ("fee_minor", self.at_fee), ("net_minor", self.at_net),
                         ("balance_minor", self.at_balance)):  # fmt: skip
            if at is not None:
                text = _cell(row, at)
                if text:
                    try:
                        extra[name] = read(text, exponent)
                    except AmountError:
                        extra[name] = None
        if self.at_payout is not None and (text := _cell(row, self.at_payout)):
            extra["payout"] = text
        if self.at_status is not None and (text := _cell(row, self.at_status)):
            extra["status"] = text
        return extra or None

    def _footer(self, number: int, row: list[object]) -> Flag | None:
        """A row that lacks a date or an amount and says total, balance or the like is no lost line."""
        text = " ".join(part for cell in row if isinstance(cell, str) and (part := cell.strip()))
        if self._date(row, self.at_booking) is None and _TOTALS.search(text[:400]):
            return Flag(number, "totals_row", clip(text, 200))
        cells = [cell for cell in row if cell not in ("", None)]
        if len(cells) == 1 and isinstance(cells[0], str) and self.layout.width() > 2:
            return Flag(number, "note_row", clip(text, 200))
        return None


class _State:
    """One statement while its rows go by."""

    def __init__(self, account: str, currency: str) -> None:
        self.account, self.currency = account, currency
        self.lines = self.sum = self.unread = 0
        self.first: date | None = None
        self.last: date | None = None
        self.balances = 0
        self.first_balance = self.first_amount = self.last_balance = self.last_amount = 0
        self.up = self.down = True
        self.break_at: object = None

    def add(self, line: Line) -> None:
        self.lines += 1
        self.sum += line.amount_minor
        day = line.booking_date
        if day is not None:
            self.first = day if self.first is None or day < self.first else self.first
            self.last = day if self.last is None or day > self.last else self.last
        balance = line.extra.get("balance_minor") if line.extra else None
        if isinstance(balance, int):
            if self.balances:
                if self.up and self.last_balance + line.amount_minor != balance:
                    self.up = False
                    self.break_at = self.break_at or line.position
                if self.down and self.last_balance - self.last_amount != balance:
                    self.down = False
            else:
                self.first_balance, self.first_amount = balance, line.amount_minor
            self.balances += 1
            self.last_balance, self.last_amount = balance, line.amount_minor

    def finish(self) -> Iterator[Flag | StatementEnd]:
        opening = closing = None
        ok: bool | None = None
        controls: dict[str, dict[str, object]] = {}
        if self.balances and self.balances == self.lines:
            if self.up or not self.down:
                opening, closing = self.first_balance - self.first_amount, self.last_balance
            else:
                opening, closing = self.last_balance - self.last_amount, self.first_balance
            if self.lines > 1:
                ok = (self.up or self.down) and opening + self.sum == closing
            controls["running_balance"] = {"stated": closing, "found": opening + self.sum, "ok": bool(ok)}
            if ok is False:
                yield Flag(self.break_at or "end", "running_balance", f"account {self.account}: the running balance does not follow the"  # type: ignore[arg-type]
                           f" amounts (first seen at row {self.break_at})")  # fmt: skip
        yield StatementEnd(self.account, self.currency, opening, closing, ok, self.lines, self.sum, date=self.last,
                           controls=controls)  # fmt: skip


def _cell(row: list[object], at: int | None) -> str:
    if at is None or at >= len(row):
        return ""
    cell = row[at]
    if isinstance(cell, str):
        return cell.strip()
    return "" if cell is None else number_text(cell)


def _raw(row: list[object]) -> str:
    try:
        return "\t".join(row)  # type: ignore[arg-type]
    except TypeError:
        return "\t".join("" if cell is None else number_text(cell) for cell in row)
