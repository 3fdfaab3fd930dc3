"""Banking days, against dates that the institutions published, with what operators enter on top."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payos.kernel import calendars
from payos.kernel.models import CalendarDay

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh():
    calendars.forget()
    yield
    calendars.forget()


def closed_weekdays(code, year):
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
    return [day for day in days if day.year == year and day.weekday() < 5 and not calendars.is_business_day(code, day)]


def d(year, *pairs):
    return [date(year, month, day) for month, day in pairs]


def test_federal_reserve_moves_sundays_and_leaves_saturdays():
    assert closed_weekdays("US_FED", 2026) == d(
        2026, (1, 1), (1, 19), (2, 16), (5, 25), (6, 19), (9, 7), (10, 12), (11, 11), (11, 26), (12, 25)
    )  # 4 July 2026 is a Saturday: neither Friday nor Monday is closed
    assert closed_weekdays("US_FED", 2027) == d(
        2027, (1, 1), (1, 18), (2, 15), (5, 31), (7, 5), (9, 6), (10, 11), (11, 11), (11, 25)
    )  # Juneteenth and Christmas fall on Saturdays, Independence Day on a Sunday
    assert date(2023, 1, 2) in closed_weekdays("US_FED", 2023)  # New Year on a Sunday
    assert date(2022, 12, 26) in closed_weekdays("US_FED", 2022)
    assert closed_weekdays("US_FED", 2021)[-1] == date(2021, 11, 25) and date(2021, 12, 31) not in closed_weekdays("US_FED", 2021)
    # Days off for federal offices by order of the President, and an inauguration, close no Reserve Bank.
    for day in [date(2024, 12, 24), date(2025, 12, 24), date(2025, 12, 26), date(2025, 1, 9), date(2029, 1, 22)]:
        assert calendars.is_business_day("US_FED", day), day


def test_brazil_knows_carnival_and_corpus_christi():
    for day in d(2026, (2, 16), (2, 17), (4, 3), (4, 21), (5, 1), (6, 4), (9, 7), (10, 12), (11, 2), (11, 20), (12, 25)):
        assert not calendars.is_business_day("BR", day), day
    for day in d(2026, (2, 18), (6, 5), (12, 24), (12, 31)):  # Ash Wednesday afternoon is a banking day
        assert calendars.is_business_day("BR", day), day


def test_mexico_knows_maundy_thursday_and_guadalupe():
    for day in d(2025, (2, 3), (3, 17), (4, 17), (4, 18), (5, 1), (9, 16), (11, 17), (12, 12), (12, 25)):
        assert not calendars.is_business_day("MX", day), day
    assert calendars.is_business_day("MX", date(2025, 5, 5))


def test_kenya_knows_the_islamic_days():
    days = calendars.known_holidays("KE", 2025)
    assert date(2025, 3, 31) in days  # Eid al-Fitr
    assert date(2025, 6, 6) in days  # Eid al-Adha, in the Islamic category only
    for day in d(2025, (4, 18), (4, 21), (5, 1), (10, 20), (12, 12), (12, 25), (12, 26)):
        assert not calendars.is_business_day("KE", day), day


def test_target_closes_six_days():
    assert closed_weekdays("TARGET", 2026) == d(2026, (1, 1), (4, 3), (4, 6), (5, 1), (12, 25))  # the 26th is a Saturday
    assert calendars.is_business_day("TARGET", date(2026, 11, 2)) and calendars.is_business_day("TARGET", date(2026, 5, 25))


@pytest.mark.parametrize("code", calendars.CODES)
def test_weekends_are_closed_everywhere_but_in_none(code):
    assert calendars.is_business_day(code, date(2026, 11, 21)) is (code == "NONE")


def test_an_unknown_calendar_says_which_there_are():
    with pytest.raises(calendars.UnknownCalendar, match="US_FED, BR"):
        calendars.is_business_day("USA", date(2026, 11, 23))


def test_an_operator_closes_and_opens_days():
    day, saturday = date(2026, 11, 23), date(2026, 11, 21)
    assert calendars.is_business_day("KE", day)
    entry = CalendarDay.objects.create(calendar="KE", day=day, note="Gazetted on Friday")
    assert not calendars.is_business_day("KE", day)
    assert calendars.is_business_day("TARGET", day)
    CalendarDay.objects.create(calendar="KE", day=saturday, closed=False)
    assert calendars.is_business_day("KE", saturday)
    assert calendars.next_business_day("KE", day) == date(2026, 11, 24)
    entry.delete()
    assert calendars.is_business_day("KE", day)


def test_walks():
    friday = date(2026, 12, 24)
    assert calendars.next_business_day("TARGET", date(2026, 12, 25)) == date(2026, 12, 28)
    assert calendars.next_business_day("TARGET", friday) == friday
    assert calendars.next_business_day("TARGET", friday, include=False) == date(2026, 12, 28)
    assert calendars.add_business_days("TARGET", friday, 1) == date(2026, 12, 28)
    assert calendars.add_business_days("TARGET", date(2026, 12, 28), -1) == friday
    assert calendars.add_business_days("US_FED", date(2026, 12, 31), 1) == date(2027, 1, 4)  # over New Year
    assert calendars.business_days_between("US_FED", date(2026, 12, 31), date(2027, 1, 4)) == 1


@settings(derandomize=True, max_examples=100, deadline=None)
@given(st.sampled_from(["US_FED", "BR", "MX", "KE", "TARGET"]), st.dates(date(2020, 1, 1), date(2032, 1, 1)), st.integers(0, 25))
def test_there_and_back(code, day, count):
    start = calendars.next_business_day(code, day)
    end = calendars.add_business_days(code, start, count)
    assert calendars.is_business_day(code, end)
    assert calendars.add_business_days(code, end, -count) == start
    assert calendars.business_days_between(code, start, end) == count
    assert calendars.business_days_between(code, end, start) == -count


def test_a_calendar_that_is_always_closed_ends_in_a_sentence(monkeypatch):
    monkeypatch.setattr(calendars, "is_business_day", lambda code, day: False)
    with pytest.raises(calendars.UnknownCalendar, match="within ten years"):
        calendars.next_business_day("KE", date(2026, 1, 1))
    with pytest.raises(calendars.UnknownCalendar, match="too few"):
        calendars.add_business_days("KE", date(2026, 1, 1), 1)
