"""Two files and the truth about them, for measuring the matching engine.

Every event below makes the rows that one business act leaves in our books and on the statement, and says what
a careful person with both files would conclude: these rows belong together, this is a discrepancy of that type,
or nobody could tell. Same seed and mix: same bytes. Rows are written in chunks, shuffled inside each chunk, so
memory does not grow with the size of the files.
"""

from __future__ import annotations

import csv
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

COLUMNS = "id date amount currency reference counterparty description type batch_id fee".split()
FIRST_DAY = date(2025, 1, 6)
CHUNK = 50_000
WORDS = "north harbor cedar summit river bright union pioneer atlas meadow silver quantum delta lunar coral ember".split()
KINDS = "trading logistics foods energy lending supplies travel media health motors".split()
SUFFIX = ["Ltd", "LLC", "SA", "Inc", "Co", "GmbH"]
CURRENCIES = ["USD"] * 12 + ["KES"] * 4 + ["MXN"] * 3 + ["BRL"] * 3 + ["EUR"] * 3 + ["UGX"] + ["USDC"]
PLACES = {"UGX": 0, "JPY": 0, "USDC": 6}

MIXES: dict[str, dict[str, float]] = {
    "clean": {"exact": 96, "reformatted": 3, "missing_external": 0.5, "missing_internal": 0.5},
    "realistic": {
        "exact": 76, "reformatted": 5, "padded": 2, "truncated": 1, "mistyped": 0.7, "narrative": 4, "net_of_fee": 3,
        "fx_rounding": 1.5, "no_reference": 0.5, "duplicate_internal": 0.3, "duplicate_external": 0.4,
        "missing_external": 0.6, "missing_internal": 0.6, "batch_reference": 0.06, "batch_bare": 0.03,
        "batch_partial": 0.02, "split": 0.5, "split_short": 0.1, "sign_flip": 0.3, "returned": 0.3, "identical": 0.2,
        "one_digit_apart": 0.4, "amount_wrong": 0.4, "fee_wrong": 0.2, "fx_wrong": 0.2, "date_far": 0.2,
        "currency_wrong": 0.1,
    },
    "hostile": {
        "exact": 30, "reformatted": 6, "padded": 4, "truncated": 5, "mistyped": 5, "narrative": 6, "net_of_fee": 4,
        "fx_rounding": 4, "no_reference": 3, "duplicate_internal": 3, "duplicate_external": 3, "missing_external": 4,
        "missing_internal": 4, "batch_reference": 0.2, "batch_bare": 0.1, "batch_partial": 0.1, "split": 2,
        "split_short": 1, "sign_flip": 2, "returned": 2, "identical": 2, "one_digit_apart": 5, "one_digit_orphans": 1,
        "amount_wrong": 3, "fee_wrong": 1, "fx_wrong": 1, "date_far": 1, "currency_wrong": 1, "same_amount_crowd": 1,
    },
    "cut": {
        "exact": 40, "reformatted": 5, "cut_narrative": 20, "cut_fee": 20, "no_reference": 2, "missing_external": 5,
        "missing_internal": 5, "amount_wrong": 3,
    },
}  # fmt: skip


@dataclass(slots=True)
class Row:
    id: str
    day: date
    minor: int
    currency: str
    reference: str = ""
    counterparty: str = ""
    description: str = ""
    type: str = ""
    batch_id: str = ""
    fee: int | None = None

    def cells(self) -> list[str]:
        return [
            self.id, self.day.isoformat(), decimal(self.minor, self.currency), self.currency, self.reference,
            self.counterparty, self.description, self.type, self.batch_id,
            "" if self.fee is None else decimal(self.fee, self.currency),
        ]  # fmt: skip


@dataclass(slots=True)
class Truth:
    """`pairs`: groups that belong together. `types`: discrepancy type -> the ids it is about."""

    event: str
    groups: list[tuple[list[str], list[str]]] = field(default_factory=list)
    discrepancies: list[tuple[str, list[str], list[str]]] = field(default_factory=list)
    decidable: bool = True
    # Nobody need decide it, but an operator should be shown the right counterpart.
    shown: bool = False


def decimal(minor: int, currency: str) -> str:
    places = PLACES.get(currency, 2)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def banking_days_later(day: date, count: int) -> date:
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day


class World:
    """What the events draw from: days, people, references that never repeat unless an event wants them to."""

    def __init__(self, seed: int, rows: int) -> None:
        self.random = random.Random(seed)
        self.rows = max(rows, 1)
        self.internal: list[Row] = []
        self.external: list[Row] = []
        self.made = {"I": 0, "E": 0}
        self.serial = 0
        self.people = [
            f"{a} {b} {k} {self.random.choice(SUFFIX)}".title().replace("Llc", "LLC").replace("Sa ", "SA ")
            for a in WORDS for b in WORDS if a != b for k in KINDS
        ]  # fmt: skip

    def day(self) -> date:
        # Days advance with the rows, as in a real year of business; small files cover fewer days.
        span = min(360, 5 + self.rows // 500)
        base = int(self.made["I"] / self.rows * span)
        day = FIRST_DAY + timedelta(days=base + self.random.randrange(3))
        return day

    def drift(self, day: date) -> date:
        return banking_days_later(day, self.random.choices([0, 1, 2, 3], [50, 30, 13, 7])[0])

    def amount(self, currency: str) -> int:
        size = int(10 ** self.random.uniform(3, 6.3))
        return size * (10_000 if currency == "USDC" else 1)

    def reference(self) -> str:
        self.serial += 1
        style = self.random.randrange(6)
        number = self.serial
        if style == 0:
            return f"INV-2025-{number:07d}"
        if style == 1:
            return f"PO{number:08d}"
        if style == 2:
            return f"TRF/{self.random.randrange(100, 999)}/{number:07d}"
        if style == 3:
            return "".join(self.random.choices(string.ascii_lowercase + string.digits, k=16))
        if style == 4:
            return f"E{self.random.randrange(10**7, 10**8)}{20250101 + number % 300}{number:011d}"
        return f"{self.random.randrange(10**5, 10**6)}{number:07d}"

    def mine(self, **kwargs: object) -> Row:
        self.made["I"] += 1
        row = Row(id=f"INT{self.made['I']:08d}", **kwargs)  # type: ignore[arg-type]
        self.internal.append(row)
        return row

    def theirs(self, like: Row, **kwargs: object) -> Row:
        self.made["E"] += 1
        values = {
            "day": self.drift(like.day), "minor": like.minor, "currency": like.currency, "reference": like.reference,
            "counterparty": self.spoken(like.counterparty), "type": like.type,
        } | kwargs  # fmt: skip
        row = Row(id=f"EXT{self.made['E']:08d}", **values)  # type: ignore[arg-type]
        self.external.append(row)
        return row

    def spoken(self, name: str) -> str:
        style = self.random.randrange(4)
        if style == 0:
            return name.upper()
        if style == 1:
            return name.rsplit(" ", 1)[0].upper()[:22]
        return name

    def usual(self, **kwargs: object) -> Row:
        currency = self.random.choice(CURRENCIES)
        values = {
            "day": self.day(), "minor": self.amount(currency), "currency": currency, "reference": self.reference(),
            "counterparty": self.random.choice(self.people), "type": "payment",
        } | kwargs  # fmt: skip
        return self.mine(**values)


def generate(folder: Path, rows: int, seed: int, mix: str) -> Iterator[Truth]:
    """Write internal.csv and external.csv with about `rows` rows each; yields the truth as it goes."""
    from bench.recon_events import EVENTS

    world = World(seed, rows)
    names = list(MIXES[mix])
    weights = [MIXES[mix][name] for name in names]
    with (folder / "internal.csv").open("w", newline="") as a, (folder / "external.csv").open("w", newline="") as b:
        mine, theirs = csv.writer(a, lineterminator="\n"), csv.writer(b, lineterminator="\n")
        mine.writerow(COLUMNS)
        theirs.writerow(COLUMNS)
        while world.made["I"] < rows:
            for name in world.random.choices(names, weights, k=1000):
                event: Callable[[World], Truth] = EVENTS[name]
                yield event(world)
                if world.made["I"] >= rows:
                    break
            if len(world.internal) >= CHUNK:
                _flush(world, mine, theirs)
        _flush(world, mine, theirs)


def _flush(world: World, mine: object, theirs: object) -> None:
    for rows, writer in ((world.internal, mine), (world.external, theirs)):
        world.random.shuffle(rows)
        writer.writerows(row.cells() for row in rows)  # type: ignore[attr-defined]
        rows.clear()
