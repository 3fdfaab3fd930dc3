"""Settlement windows as wall-clock rules: which instants they close at. Pure: no database, no clock of its own.

A closing time that the clocks skip moves to the next valid minute; one that happens twice means its first occurrence.
A transfer that arrives exactly at a closing belongs to the next window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from payos.kernel import clock

LONGEST_SEARCH_DAYS = 400
MOST_WINDOWS = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    frequency: str
    timezone: str = "UTC"
    times: Sequence[str] = ()
    first_hour: int = 0
    cutoff_hour: int = 23
    calendar: str = "NONE"


BusinessDay = Callable[[str, date], bool]


def day_closings(rule: Rule, day: date) -> list[datetime]:
    """The closings of one local day, as instants in order."""
    if rule.frequency == "hourly":
        wall = [(hour, 0) for hour in range(rule.first_hour, rule.cutoff_hour + 1)]
    else:
        wall = [parse_time(text) for text in rule.times] or [(23, 59)]
    return sorted({clock.instant(day, hour, minute, rule.timezone) for hour, minute in wall})


def parse_time(text: str) -> tuple[int, int]:
    hour, separator, minute = text.partition(":")
    if not (separator and hour.isdigit() and minute.isdigit() and len(minute) == 2 and int(hour) < 24 and int(minute) < 60):
        raise ValueError(f"{text!r} is no time of day: write HH:MM")
    return int(hour), int(minute)


def closings(rule: Rule, after: datetime, is_business_day: BusinessDay) -> Iterator[datetime]:
    """The closings strictly after an instant, on banking days only."""
    day = after.astimezone(clock.tz(rule.timezone)).date()
    for offset in range(LONGEST_SEARCH_DAYS):
        current = day + timedelta(days=offset)
        if is_business_day(rule.calendar, current):
            yield from (closing for closing in day_closings(rule, current) if closing > after)


def next_closing(rule: Rule, at: datetime, is_business_day: BusinessDay) -> datetime:
    """The window that a transfer arriving at `at` waits for. Continuous rules close at once."""
    if rule.frequency == "continuous":
        return at
    for closing in closings(rule, at, is_business_day):
        return closing
    raise ValueError(f"no window closes within {LONGEST_SEARCH_DAYS} days: check the rule and its calendar")


def due(rule: Rule, since: datetime, until: datetime, is_business_day: BusinessDay) -> list[datetime]:
    """Closings in (since, until]: what was missed while nobody looked, in order."""
    found: list[datetime] = []
    for closing in closings(rule, since, is_business_day):
        if closing > until or len(found) >= MOST_WINDOWS:
            break
        found.append(closing)
    return found


FREQUENCY_WORDS = {"hourly": "hourly", "continuous": "continuous", "end_of_day": "end_of_day", "daily": "end_of_day"}


def from_config(config: Mapping[str, Any]) -> Rule:
    """A rule as partners write it: {"frequency": "4_per_day", "times": [...], "timezone": ...}."""
    word = str(config.get("frequency", "hourly"))
    times = [str(text) for text in config.get("times", ())]
    if word.endswith("_per_day") and word.removesuffix("_per_day").isdigit():
        wanted = int(word.removesuffix("_per_day"))
        if len(times) != wanted:
            raise ValueError(f"{word} needs exactly {wanted} times, and {len(times)} are given")
        word = "times"
    elif word in FREQUENCY_WORDS:
        word = FREQUENCY_WORDS[word]
    elif word != "times":
        raise ValueError(f"{word!r} is no frequency: use hourly, N_per_day, end_of_day or continuous")
    for text in times:
        parse_time(text)
    timezone = str(config.get("timezone", "UTC"))
    clock.tz(timezone)
    first, last = int(config.get("first_hour", 0)), int(config.get("cutoff_hour", 23))
    if not 0 <= first <= last <= 23:
        raise ValueError("first_hour and cutoff_hour must lie between 0 and 23, in this order")
    return Rule(word, timezone, tuple(times), first, last, str(config.get("calendar", "NONE")))


def to_config(rule: Rule) -> dict[str, Any]:
    config: dict[str, Any] = {"frequency": rule.frequency, "timezone": rule.timezone, "calendar": rule.calendar}
    if rule.frequency == "hourly":
        config |= {"first_hour": rule.first_hour, "cutoff_hour": rule.cutoff_hour}
    elif rule.frequency == "times":
        config |= {"frequency": f"{len(rule.times)}_per_day", "times": list(rule.times)}
    elif rule.times:
        config["times"] = list(rule.times)
    return config
