"""What is known of one statement of a table while its rows go by: counts, days, and a running balance in either direction."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from operator import add, sub

from ingestion.parsers.records import Flag, Line, Lines, Position, StatementEnd
from ingestion.parsers.tabular_bulk import Read


class State:
    """One statement while its rows go by."""

    def __init__(self, account: str, currency: str) -> None:
        self.account, self.currency = account, currency
        self.lines = self.sum = self.unread = 0
        self.first: date | None = None
        self.last: date | None = None
        self.balances = 0
        self.first_balance = self.first_amount = self.last_balance = self.last_amount = 0
        self.up = self.down = True
        self.break_at: Position | None = None

    def note(self, line: Line) -> None:
        """Days and running balance of a line that has been counted."""
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

    def note_all(self, read: Read) -> None:
        """The lines of a block, all of this statement."""
        self.lines += len(read.lines)
        self.sum += read.lines.total
        if read.single or (read.balances is not None and not self._follows(read.lines, read.balances)):
            for line in read.lines:
                self.note(line)
            return
        first, last = min(read.days), max(read.days)
        self.first = first if self.first is None or first < self.first else self.first
        self.last = last if self.last is None or last > self.last else self.last

    def _follows(self, lines: Lines, balances: list[int]) -> bool:
        """Take the running balances of a block, unless they stop following the amounts in it: then each line is looked at."""
        amounts = [line.amount_minor for line in lines]
        before = self.last_balance if self.balances else balances[0] - amounts[0]
        if self.up and list(map(add, [before, *balances], amounts)) != balances:
            return False
        if self.down:
            earlier = [before, *balances[:-1]] if self.balances else balances[:-1]
            taken = [self.last_amount, *amounts[:-1]] if self.balances else amounts[:-1]
            self.down = list(map(sub, earlier, taken)) == (balances if self.balances else balances[1:])
        if not self.balances:
            self.first_balance, self.first_amount = balances[0], amounts[0]
        self.balances += len(balances)
        self.last_balance, self.last_amount = balances[-1], amounts[-1]
        return True

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
                yield Flag(self.break_at or "end", "running_balance", f"account {self.account}: the running balance does not follow the"
                           f" amounts (first seen at row {self.break_at})")  # fmt: skip
        yield StatementEnd(self.account, self.currency, opening, closing, ok, self.lines, self.sum, date=self.last,
                           controls=controls)  # fmt: skip
