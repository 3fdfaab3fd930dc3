"""What a run may do: tolerances, windows, levels, rules. Frozen data, so that it can be stored and replayed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from payos.kernel import calendars

FIELDS = ("reference", "counterparty", "description", "type", "batch_id", "currency", "amount_minor", "day", "ext_id")
TEXT_OPERATORS = ("equals", "contains", "starts_with", "matches")
NUMBER_OPERATORS = ("equals", "at_least", "at_most")
ACTIONS = ("ignore", "suggest", "label")
# Money moves when both ends are open: a currency's own calendar beside the dollar's.
CALENDAR_OF = {"BRL": "BR", "MXN": "MX", "KES": "KE", "EUR": "TARGET"}
FIRST_YEAR, LAST_YEAR = 1990, 2060


class SpecError(ValueError):
    """The specification cannot be run; the text says which part and what it may be."""


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    operator: str
    value: str

    def __post_init__(self) -> None:
        if self.field not in FIELDS:
            raise SpecError(f"a rule cannot look at {self.field!r}: use one of {', '.join(FIELDS)}")
        allowed = NUMBER_OPERATORS if self.field in {"amount_minor", "day"} else TEXT_OPERATORS
        if self.operator not in allowed:
            raise SpecError(f"{self.field} cannot be compared by {self.operator!r}: use one of {', '.join(allowed)}")


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions hold -> the action, on the rows of one side or of both. The lowest priority number wins.

    ignore: the row takes no part, with the reason. suggest: its matches are suggested, never confirmed.
    label: its matches carry the label.
    """

    id: str
    action: str
    conditions: tuple[Condition, ...]
    side: str = "both"
    priority: int = 100
    version: int = 1
    reason: str = ""

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise SpecError(f"rule {self.id}: the action {self.action!r} is unknown: use one of {', '.join(ACTIONS)}")
        if self.side not in {"internal", "external", "both"}:
            raise SpecError(f"rule {self.id}: the side is internal, external or both, not {self.side!r}")
        if not self.conditions:
            raise SpecError(f"rule {self.id} has no condition and would meet every row: give it one")


@dataclass(frozen=True, slots=True)
class Spec:
    tolerance_minor: int = 2
    tolerance_percent: str = "0"
    window_days: int = 3
    window_kind: str = "banking"
    levels: tuple[int, ...] = (1, 2, 3, 4)
    rules: tuple[Rule, ...] = ()
    holidays: Mapping[str, tuple[date, ...]] | None = None
    confirm_score: int = 60
    suggest_score: int = 25
    # A confirmed pair of level 3 leads every other candidate of either row by this much.
    margin: int = 12
    suggestions_per_item: int = 3
    # Bounds: a block with more pairs than this meets by its keys only; a reference on more pairs is only a word.
    block_pairs: int = 6_000
    crowd_pairs: int = 5_000
    pair_budget: int = 3_000_000
    subset_items: int = 24
    subset_steps: int = 200_000
    work_mem: str = "256MB"
    version: int = 1

    def __post_init__(self) -> None:
        if self.tolerance_minor < 0 or not 0 <= self.percent_millionths <= 1_000_000:
            raise SpecError("a tolerance is not negative, and at most 100 percent")
        if not 0 <= self.window_days <= 60:
            raise SpecError(f"the date window is 0 to 60 days, not {self.window_days}")
        if self.window_kind not in {"banking", "calendar"}:
            raise SpecError(f"the date window counts banking or calendar days, not {self.window_kind!r}")
        if not self.levels or not set(self.levels) <= {1, 2, 3, 4}:
            raise SpecError("the levels are some of 1, 2, 3 and 4")

    @property
    def percent_millionths(self) -> int:
        """The percentage as an integer: 1.5 percent is 15,000 millionths."""
        whole, _, fraction = self.tolerance_percent.partition(".")
        if not (whole.isdigit() and (fraction.isdigit() or not fraction) and len(fraction) <= 4):
            raise SpecError(f"the tolerance is a percentage such as 0.5, not {self.tolerance_percent!r}")
        return int(whole) * 10_000 + int(fraction.ljust(4, "0"))

    def closed_days(self, first_year: int, last_year: int) -> dict[str, tuple[date, ...]]:
        """Currency -> weekdays on which its money does not move; the empty key is for every other currency."""
        if self.window_kind == "calendar":
            return {}
        if self.holidays is not None:
            return dict(self.holidays)
        return known_closed_days(max(first_year, FIRST_YEAR), min(last_year, LAST_YEAR))

    def fingerprint(self) -> str:
        """Changes when the run could come out differently."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def known_closed_days(first_year: int, last_year: int) -> dict[str, tuple[date, ...]]:
    years = range(first_year, last_year + 1)
    dollar = {day for year in years for day in calendars.known_holidays("US_FED", year)}
    found = {"": dollar}
    for currency, code in CALENDAR_OF.items():
        found[currency] = dollar | {day for year in years for day in calendars.known_holidays(code, year)}
    return {currency: tuple(sorted(day for day in days if day.weekday() < 5)) for currency, days in found.items()}
