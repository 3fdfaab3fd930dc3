"""Banking days: `holidays` behind one adapter, plus the days that operators enter.

US_FED has the eleven holidays of the Reserve Banks, moves a Sunday one to Monday and leaves a Saturday one; BR and MX are the exchanges'
financial calendars, which know Carnival and Maundy Thursday; KE includes the Islamic days. An operator's
`CalendarDay` closes a day or opens one.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

import holidays

CODES = {
    "US_FED": "United States, Federal Reserve",
    "BR": "Brazil, banking",
    "MX": "Mexico, banking",
    "KE": "Kenya",
    "TARGET": "Eurozone, TARGET",
    "NONE": "Every day",
}
LIMIT_DAYS = 3700
# Days off that a President gives federal offices (24 December, days of mourning) and inaugurations close no Reserve Bank.
RESERVE_BANK_HOLIDAYS = {
    "New Year's Day", "Birthday of Martin Luther King, Jr.", "Washington's Birthday", "Memorial Day", "Juneteenth National Independence Day",
    "Independence Day", "Labor Day", "Columbus Day", "Veterans Day", "Thanksgiving Day", "Christmas Day",
}  # fmt: skip


class UnknownCalendar(ValueError):
    pass


@lru_cache(maxsize=256)
def known_holidays(code: str, year: int) -> dict[date, str]:
    """Closed days that the library knows, weekends left out."""
    if code == "NONE":
        return {}
    if code == "US_FED":
        found = dict(holidays.country_holidays("US", categories=("government",), observed=False, years=[year]))
        return {
            day + timedelta(days=1) if day.weekday() == 6 else day: name
            for day, name in found.items()
            if day.weekday() != 5 and RESERVE_BANK_HOLIDAYS.intersection(name.split("; "))
        }
    if code == "BR":
        return dict(holidays.financial_holidays("BVMF", years=[year]))
    if code == "MX":
        return dict(holidays.financial_holidays("XMEX", years=[year]))
    if code == "KE":
        return dict(holidays.country_holidays("KE", categories=("public", "islamic"), years=[year]))
    if code == "TARGET":
        return dict(holidays.financial_holidays("XECB", years=[year]))
    raise UnknownCalendar(f"{code!r} is no banking calendar: use one of {', '.join(CODES)}")


@lru_cache(maxsize=64)
def _entered(code: str, year: int, stamp: int) -> dict[date, bool]:
    from payos.kernel.models import CalendarDay

    rows = CalendarDay.objects.filter(calendar=code, day__year=year)
    return dict(rows.values_list("day", "closed"))


def _stamp() -> int:
    # Operators' days are read again every minute: a closure entered now holds for every process soon.
    import time

    return int(time.monotonic() // 60)


def forget() -> None:
    """Read the operators' days again at once; called when one is saved."""
    _entered.cache_clear()


def is_business_day(code: str, day: date) -> bool:
    entered = _entered(code, day.year, _stamp()).get(day) if code != "NONE" else None
    if entered is not None:
        return not entered
    return code == "NONE" or (day.weekday() < 5 and day not in known_holidays(code, day.year))


def next_business_day(code: str, day: date, *, include: bool = True) -> date:
    """`day` itself if it is one (unless not `include`), else the next."""
    if not include:
        day += timedelta(days=1)
    for _ in range(LIMIT_DAYS):
        if is_business_day(code, day):
            return day
        day += timedelta(days=1)
    raise UnknownCalendar(f"the calendar {code!r} has no banking day within ten years of {day}: check its closures")


def add_business_days(code: str, day: date, count: int) -> date:
    step = timedelta(days=1 if count >= 0 else -1)
    left, walked = abs(count), 0
    while left:
        day += step
        walked += 1
        if walked > LIMIT_DAYS:
            raise UnknownCalendar(f"the calendar {code!r} has too few banking days: check its closures")
        if is_business_day(code, day):
            left -= 1
    return day


def business_days_between(code: str, start: date, end: date) -> int:
    """Banking days after `start` up to and with `end`; negative the other way."""
    if end < start:
        return -business_days_between(code, end, start)
    return sum(is_business_day(code, start + timedelta(days=n)) for n in range(1, (end - start).days + 1))
