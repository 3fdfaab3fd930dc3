"""A day of an account, as every format prints it: opening balance, the lines that are shown, closing balance.

What the statement calls its balances leaves out a line that is missing from it, so that the statement adds up, unless
the fault `missing_line_in_balance` asks for one that does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sandbox.books import Books
from sandbox.formats import bai2, camt053, csvfile, mt940, ofx


@dataclass(frozen=True)
class Line:
    seq: int
    at: str
    day: date
    kind: str
    amount_minor: int  # signed: money out is negative
    reference: str
    narrative: str
    counterparty: str

    @property
    def bank_reference(self) -> str:
        return f"SB{self.seq:010d}"


@dataclass(frozen=True)
class Statement:
    currency: str
    number: str
    day: date
    opening_minor: int
    closing_minor: int
    lines: tuple[Line, ...]
    made_at: datetime

    @property
    def serial(self) -> int:
        return self.day.timetuple().tm_yday


FORMATS = {
    "bai2": (bai2.render, "text/plain", "bai2"),
    "mt940": (mt940.render, "text/plain", "sta"),
    "camt053": (camt053.render, "application/xml", "xml"),
    "ofx": (ofx.render, "application/x-ofx", "ofx"),
    "csv": (csvfile.render, "text/csv; charset=utf-8", "csv"),
}


def statements(books: Books, day: date, currency: str = "") -> list[Statement]:
    found = []
    for account in books.accounts():
        code = account["currency"]
        if currency and code != currency:
            continue
        before, today = books.db.execute(
            "SELECT coalesce(sum(amount_minor) FILTER (WHERE day < :day), 0), coalesce(sum(amount_minor) FILTER (WHERE day = :day), 0)"
            " FROM lines WHERE currency = :currency AND counted = 1 AND day <= :day",
            {"day": day.isoformat(), "currency": code},
        ).fetchone()
        rows = books.db.execute(
            "SELECT seq, at, day, kind, amount_minor, reference, narrative, counterparty FROM lines"
            " WHERE currency = ? AND day = ? AND shown = 1 ORDER BY seq",
            [code, day.isoformat()],
        ).fetchall()
        lines = tuple(Line(**{**dict(row), "day": date.fromisoformat(row["day"])}) for row in rows)
        opening = account["opening_minor"] + before
        found.append(Statement(code, account["number"], day, opening, opening + today, lines, books.now()))
    return found


def render(books: Books, day: date, form: str, currency: str = "") -> bytes:
    return FORMATS[form][0](statements(books, day, currency))
