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
from ingestion.parsers.records import (
    AmountError,
    Flag,
    Line,
    Pieces,
    Reject,
    StatementEnd,
    StatementStart,
    clip,
)
from ingestion.parsers.tabular_bulk import Block, Bulk
from ingestion.parsers.tabular_fast import quick
from ingestion.parsers.tabular_state import State
from ingestion.parsers.values import direction

#: A row with its 1-based number in the file. Every cell is text: a reader turns numbers and dates into it.
Row = tuple[int, list[str]]
Rows = Callable[[], Iterable[Row]]
#: The same rows, as many at a time as come together.
Blocks = Callable[[], Iterable[Block]]

_CARRIED = re.compile(
    r"(opening|closing|begin\w*|end|ending|start\w*|previous|initial|final|old|new) balance|balance (brought|carried|forward|b/f|c/f)|(brought|carried) forward|\bb/f\b|\bc/f\b"
    r"|(alter |neuer |anfangs|end|vorheriger |begin|eind)saldo|\b(alter|neuer) saldo|saldo (inicial|final|anterior|iniziale|finale|poczatkowe|koncowe|do dia|del dia|total|em conta|dispon[ií]vel)|(ancien|nouveau) solde|solde (initial|final|precedent|précédent)|kontostand",
    re.IGNORECASE,
)
#: What stands in a column of one side where the row is of the other.
_NOTHING = frozenset(("-", "--", "–", "—"))
MAX_KEYS = 64
MAX_UNIQUE = 2_000_000
#: A cell longer than this is a narrative and no label.
MAX_LABEL = 60
_TOTALS = re.compile(
    r"(grand |sub ?)?total(s|en|e)?\b|summe|somme|suma|totaal|razem|gesamt|celkem|(opening|closing|begin|end|start|ending|beginning)\w* balance"
    r"|(begin|eind|anfangs|end|alter |neuer )?saldo|solde|kontostand|end of (report|file|statement)|\*+|-{3,}|={3,}|generated|disclaimer|page \d",
    re.IGNORECASE,
)


class Table:
    """Reads the rows under a header according to a layout."""

    def __init__(self, layout: Layout, rows: Rows, blocks: Blocks | None = None) -> None:
        self.layout = layout
        self.rows = self._with_computed(rows) if layout.computed else rows
        self.blocks = blocks if blocks is not None and not layout.computed else self._single
        self.width = layout.width() if layout.computed else None
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
        self.at_type, self.at_status, self.at_kind = get("type"), get("status"), get("row_kind")
        self.at_party, self.at_party_account = get("counterparty"), get("counterparty_account")
        if self.at_amount is None:
            self.at_amount = get("net")
        self.terms = [(sign, columns[name]) for sign, name in (profile.amount_terms if profile else ()) if name in columns]
        self.references = list(layout.references.items())
        self.descriptions = layout.descriptions
        self.profile = profile
        self.negate = bool(profile and profile.negate)
        self.row_kinds = frozenset(profile.row_kinds) if profile else frozenset()
        self.settled = frozenset(status.casefold() for status in profile.settled) if profile else frozenset()
        self.debit_words = frozenset(word.casefold() for word in profile.debit_words) if profile else frozenset()
        self.credit_words = frozenset(word.casefold() for word in profile.credit_words) if profile else frozenset()
        self.unique_at = layout.references.get(profile.unique) if profile and profile.unique else None
        self.minor_places = profile.minor_places if profile else {}
        self.plain_amount = None
        if self.at_amount is not None and not (
            self.terms or self.at_direction is not None or self.at_credit is not None or self.at_debit is not None
        ):
            self.plain_amount = self.at_amount
        self.extras = [(f"{name}_minor", at, True) for name in ("gross", "fee", "net", "balance") if (at := get(name)) is not None]
        self.extras += [(name, at, False) for name in ("payout", "status") if (at := get(name)) is not None]
        self.at_balance = get("balance")
        self.dated = self.at_booking is not None or self.at_value is not None
        self.need = 1 + max([*columns.values(), *layout.references.values(), *layout.descriptions, 0])
        self.currencies: dict[str, tuple[str, int, int | None]] = {}
        self.days: dict[str, date | None] = {}
        self.first_key: tuple[str, str] | None = None
        self.other_keys: dict[tuple[str, str], None] = {}

    def events(self) -> Pieces:
        yield from self._pass(None)
        for key in list(self.other_keys):
            yield from self._pass(key)

    def _pass(self, wanted: tuple[str, str] | None) -> Pieces:
        """One reading of the rows. The first reading (None) takes the first key it meets, and reports what is wrong."""
        state: State | None = None
        first = wanted is None
        loose: list[Reject | Flag] = []
        seen: set[str] = set()
        read = quick(self) or _never
        bulk = Bulk(self)
        at_account, account = self.at_account, self.default_account
        current: str | None = None  # the currency of lines that are of the open statement, without further questions
        seen_day: date | None = None
        lines = total = 0
        item: Line | Reject | Flag | None
        for block in self.blocks():
            if state is not None and bulk.able:
                whole = bulk.read(block, state.currency, state.account)
                if whole is not None:
                    state.note_all(whole)
                    yield whole.lines
                    continue
            for number, row in zip(block.numbers, block.rows(), strict=True):
                item = read(number, row)
                if item is None:
                    if not any(row):
                        continue
                    item = self._row(number, row)
                elif item.currency == current:
                    lines += 1
                    total += item.amount_minor
                    if item.booking_date is not seen_day or item.extra:
                        seen_day = item.booking_date
                        state.note(item)  # type: ignore[union-attr]
                    yield item
                    continue
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
                    if key_text and key_text in seen:
                        continue
                    if len(seen) < MAX_UNIQUE:
                        seen.add(key_text)
                own = _cell(row, at_account) or account
                key = (own, item.currency)
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
                    state = State(own, item.currency)
                    yield StatementStart(own, item.currency, position=number)
                    if first:
                        for text in self.layout.assumed:
                            yield Flag(self.layout.header_row + 1, "assumed", text)
                    yield from loose
                    loose = []
                    if self.unique_at is None and at_account is None:
                        current = item.currency
                state.lines += 1
                state.sum += item.amount_minor
                state.note(item)
                yield item
        if state is None:
            if first:
                yield StatementStart(self.default_account, self.default_currency, position=self.layout.header_row + 1)
                yield from loose
                yield StatementEnd(self.default_account, self.default_currency, None, None, None, 0, 0)
            return
        state.lines += lines
        state.sum += total
        yield from state.finish()

    def _row(self, number: int, row: list[str]) -> Line | Reject | Flag | None:
        if self.row_kinds:
            kind = _cell(row, self.at_kind)
            if kind not in self.row_kinds:
                return Flag(number, "row_kind", f"a row of kind {kind[:20]!r} is no transaction")
        try:
            return self._line(number, row)
        except AmountError as error:
            return self._footer(number, row) or Reject(number, str(error), clip("\t".join(row)))

    def _line(self, number: int, row: list[str]) -> Line | Reject | Flag | None:
        if len(row) < self.need:
            row = row + [""] * (self.need - len(row))
        at = self.at_currency
        text = row[at].strip() if at is not None else ""
        currency, exponent, places = self.currencies.get(text) or self.read_currency(text)
        if self.plain_amount is not None:
            text = row[self.plain_amount].strip()
            amount = self.numbers.read(text, exponent) if text else None
        else:
            amount = self.read_amount(row, exponent)
        if amount is None:
            return self._footer(number, row) or Reject(number, "the row has no amount", clip("\t".join(row)))
        if self.settled:
            status = _cell(row, self.at_status)
            if status.casefold() not in self.settled:
                return Flag(number, "not_settled", f"status {status[:30]!r}: no money moved ({clip(' '.join(row), 200)})")
        at = self.at_booking
        booking = self.read_date(row[at]) if at is not None else None
        at = self.at_value
        value = self.read_date(row[at]) if at is not None else None
        if booking is None and value is None and self.dated:
            return self._footer(number, row) or Reject(number, "the row has no date that can be read", clip("\t".join(row)))
        if places is not None and places != exponent:
            amount = self._rescale(amount, places, exponent, currency)
        references = {}
        for kind, place in self.references:
            text = row[place].strip()
            if text:
                references[kind] = text
        descriptions = self.descriptions
        if len(descriptions) == 1:
            description = row[descriptions[0]].strip()
        else:
            description = " ".join(part for place in descriptions if (part := row[place].strip()))
        at_party, at_type, at_account = self.at_party, self.at_type, self.at_party_account
        return Line(-amount if self.negate else amount, currency, value or booking, booking or value, references,
                    row[at_party].strip() if at_party is not None else "", description,
                    row[at_type].strip() if at_type is not None else "", "\t".join(row[: self.width]), number,
                    row[at_account].strip() if at_account is not None else "", (),
                    self.fields_beside(row, exponent) if self.extras else None)  # fmt: skip

    def read_currency(self, text: str) -> tuple[str, int, int | None]:
        """Currency, its places, and the places that amounts in minor units were written with."""
        currency = text.upper() or self.default_currency or "XXX"
        if len(currency) != 3 and not known_currency(currency):
            raise AmountError(f"{currency[:20]!r} is not a currency")
        found = (currency, currency_exponent(currency), self.minor_places.get(currency))
        if len(self.currencies) < 1000:
            self.currencies[text] = found
        return found

    @staticmethod
    def _rescale(amount: int, places: int, exponent: int, currency: str) -> int:
        if places < exponent:
            return amount * 10 ** (exponent - places)
        scaled, rest = divmod(amount, 10 ** (places - exponent))
        if rest:
            raise AmountError(f"{amount} is no whole number of minor units of {currency}")
        return scaled

    def read_amount(self, row: list[str], exponent: int) -> int | None:
        read = self.numbers.read
        if self.terms:
            total, found = 0, False
            for sign, at in self.terms:
                text = row[at].strip()
                if text:
                    total += sign * read(text, exponent)
                    found = True
            return total if found else None
        if self.at_amount is not None:
            text = row[self.at_amount].strip()
            if text:
                amount = read(text, exponent)
                if self.at_direction is not None:
                    word = row[self.at_direction].strip()
                    side = self._side(word)
                    if side is None:
                        raise AmountError(f"{word[:20]!r} says neither debit nor credit")
                    amount = abs(amount) * side if amount >= 0 or side < 0 else amount
                return amount
            if self.at_credit is None and self.at_debit is None:
                return None
        credit, debit = (text if text not in _NOTHING else "" for text in (_cell(row, self.at_credit), _cell(row, self.at_debit)))
        if not credit and not debit:
            return None
        # A debit column is money out, however the bank signs it there.
        return (read(credit, exponent) if credit else 0) - (abs(read(debit, exponent)) if debit else 0)

    def _side(self, word: str) -> int | None:
        if self.debit_words or self.credit_words:
            folded = word.casefold()
            if folded in self.debit_words:
                return -1
            if folded in self.credit_words:
                return 1
        return direction(word)

    def _single(self) -> Iterator[Block]:
        for number, row in self.rows():
            yield Block((number,), [row])

    def _with_computed(self, rows: Rows) -> Rows:
        """The rows with the profile's computed fields as columns right of their own."""
        templates, width = self.layout.computed, self.layout.width()

        def longer() -> Iterator[Row]:
            for number, row in rows():
                if any(row):
                    row = (row + [""] * (width - len(row)))[:width]
                    row += ["".join(part if isinstance(part, str) else row[part].strip() for part in parts).strip() for parts in templates]
                yield number, row

        return longer

    def read_date(self, text: str) -> date | None:
        days = self.days
        if text in days and type(text) is str:
            return days[text]
        day = self.dates.read(text)
        if len(days) < 20_000:
            days[text] = day
        return day

    def fields_beside(self, row: list[str], exponent: int) -> dict[str, object] | None:
        extra: dict[str, object] = {}
        for name, place, is_amount in self.extras:
            text = row[place].strip()
            if not text:
                continue
            if is_amount:
                try:
                    extra[name] = self.numbers.read(text, exponent)
                except AmountError:
                    extra[name] = None
            else:
                extra[name] = text
        return extra or None

    def _footer(self, number: int, row: list[str]) -> Flag | None:
        """A row that lacks a date or an amount and says total, balance or the like is no lost line."""
        cells = [part for cell in row if (part := cell.strip())]
        text = " ".join(cells)
        at = self.at_booking
        if self.layout.header_row >= 0 and [cell.strip() for cell in row[: self.width]] == [name.strip() for name in self.layout.names]:
            return Flag(number, "header_again", "the header is repeated")
        if _CARRIED.search(text[:400]) and not self._has_amount(row):
            return Flag(number, "totals_row", clip(text, 200))
        if (at is None or at >= len(row) or self.read_date(row[at]) is None) and _says_total(cells):
            return Flag(number, "totals_row", clip(text, 200))
        if len(cells) == 1 and self.layout.width() > 2:
            return Flag(number, "note_row", clip(text, 200))
        return None

    def _has_amount(self, row: list[str]) -> bool:
        """Something stands where the movement would; a running balance is none."""
        places = [self.at_amount, self.at_credit, self.at_debit, *(at for _, at in self.terms)]
        return any(any(char in "123456789" for char in _cell(row, at)) for at in places if at is not None)


def _never(number: int, row: list[str]) -> Line | None:
    return None


def _says_total(cells: list[str]) -> bool:
    """A label says total or balance in a few words; a narrative that mentions a sum is none."""
    return any(_TOTALS.match(cell) if len(cell) > MAX_LABEL else _TOTALS.search(cell) for cell in cells)


def _cell(row: list[str], at: int | None) -> str:
    return row[at].strip() if at is not None and at < len(row) else ""
