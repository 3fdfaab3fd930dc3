"""The figures of a report. A builder is given the span as instants and returns sections of plain rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection

from operations.templatetags.payos import words
from payos.kernel import clock, sqlfile
from payos.kernel.money import to_decimal_str


class DoesNotTie(RuntimeError):
    """The figures disagree with the ledger: the report must not leave the house."""


@dataclass(frozen=True, slots=True)
class Span:
    start: datetime
    end: datetime  # the first instant after it
    label: str


@dataclass(slots=True)
class Section:
    title: str
    head: list[str]
    rows: list[list[str]]
    numbers: list[int] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return {"title": self.title, "head": self.head, "rows": self.rows, "numbers": self.numbers}


Builder = Callable[[Span, Any, bool], list[Section]]
BUILDERS: dict[str, Builder] = {}


def builder(kind: str) -> Callable[[Builder], Builder]:
    def register(function: Builder) -> Builder:
        BUILDERS[kind] = function
        return function

    return register


def span_of(kind: str, day: date, zone: str) -> Span:
    if kind == "daily":
        return Span(clock.instant(day, 0, 0, zone), clock.instant(day + timedelta(days=1), 0, 0, zone), f"{day:%Y-%m-%d}")
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return Span(clock.instant(first, 0, 0, zone), clock.instant(following, 0, 0, zone), f"{first:%Y-%m}")


def rows_of(here: str, name: str, **params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(here, name), params)
        return cursor.fetchall()


def amount(minor: Any, currency: str) -> str:
    return to_decimal_str(int(minor), currency) if currency and minor is not None else ""


def hours(seconds: Any) -> str:
    return "" if seconds is None else f"{float(seconds) / 3600:.1f}"


@builder("exceptions")
def exceptions(span: Span, partner: Any, livemode: bool) -> list[Section]:
    """What was opened and resolved, by whom, and how long it took."""
    params = {"start": span.start, "end": span.end}
    by_kind = rows_of(__file__, "report_exceptions_kinds.sql", **params)
    by_person = rows_of(__file__, "report_exceptions_people.sql", **params)
    aging = rows_of(__file__, "report_exceptions_open.sql", **params)
    opened, resolved, open_now = (sum(row[place] for row in by_kind) for place in (1, 2, 3))
    return [
        Section("Summary", ["Opened", "Resolved", "Open at the end"], [[str(opened), str(resolved), str(open_now)]], [0, 1, 2]),
        Section(
            "By kind",
            ["Kind", "Opened", "Resolved", "Open at the end", "Median hours to resolve", "Resolved late"],
            [[words(kind), str(new), str(done), str(left), hours(median), str(late)] for kind, new, done, left, median, late in by_kind],
            [1, 2, 3, 4, 5],
        ),
        Section(
            "By person",
            ["Person", "Resolved", "Median hours to resolve", "Longest hours"],
            [[who or "the system", str(count), hours(median), hours(longest)] for who, count, median, longest in by_person],
            [1, 2, 3],
        ),
        Section(
            "Open at the end, by severity and currency",
            ["Severity", "Currency", "Cases", "Amount"],
            [[str(severity), currency, str(count), amount(total, currency)] for severity, currency, count, total in aging],
            [2, 3],
        ),
    ]
