"""Windows by the clock on the wall: where clocks change, months end, days are skipped and banks are closed. No database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payos.kernel import clock
from payos.kernel.calendars import CODES, known_holidays
from settlement import windows
from settlement.windows import Rule

ZONES = {"America/Sao_Paulo": "BR", "America/Mexico_City": "MX", "America/New_York": "US_FED", "Africa/Nairobi": "KE"}


def is_business_day(code, day):
    return code == "NONE" or (day.weekday() < 5 and day not in known_holidays(code, day.year))


def at(text, zone="UTC"):
    return datetime.fromisoformat(text).replace(tzinfo=clock.tz(zone))


def nexts(rule, start, count=1):
    found = []
    for closing in windows.closings(rule, start, is_business_day):
        found.append(closing.astimezone(clock.tz(rule.timezone)).strftime("%Y-%m-%d %H:%M"))
        if len(found) == count:
            break
    return found


# --- clocks that change

CHANGES = [
    # New York skips 02:00-03:00 on 8 March 2026 and has 01:00-02:00 twice on 1 November 2026.
    ("America/New_York", "02:30", "2026-03-07 12:00", ["2026-03-08 03:00", "2026-03-09 02:30"]),
    ("America/New_York", "01:30", "2026-10-31 12:00", ["2026-11-01 01:30", "2026-11-02 01:30"]),
    # Sao Paulo skipped midnight of 4 November 2018 and had 23:00-24:00 twice on 17 February 2018; no changes since 2019.
    ("America/Sao_Paulo", "00:30", "2018-11-03 12:00", ["2018-11-04 01:00", "2018-11-05 00:30"]),
    ("America/Sao_Paulo", "23:30", "2018-02-17 12:00", ["2018-02-17 23:30", "2018-02-18 23:30"]),
    ("America/Sao_Paulo", "02:30", "2026-03-07 12:00", ["2026-03-08 02:30", "2026-03-09 02:30"]),
    # Mexico City skipped 02:00-03:00 on 3 April 2022, its last; none in 2026, when the border states still change.
    ("America/Mexico_City", "02:30", "2022-04-02 12:00", ["2022-04-03 03:00", "2022-04-04 02:30"]),
    ("America/Mexico_City", "01:30", "2022-10-29 12:00", ["2022-10-30 01:30", "2022-10-31 01:30"]),
    ("America/Mexico_City", "02:30", "2026-04-04 12:00", ["2026-04-05 02:30", "2026-04-06 02:30"]),
    # Nairobi never changes.
    ("Africa/Nairobi", "02:30", "2026-03-07 12:00", ["2026-03-08 02:30", "2026-03-09 02:30"]),
]


@pytest.mark.parametrize(("zone", "time", "start", "expected"), CHANGES)
def test_a_skipped_time_moves_on_and_a_doubled_one_happens_once(zone, time, start, expected):
    assert nexts(Rule("times", zone, (time,)), at(start, zone), 2) == expected


def test_an_overlap_is_the_first_of_the_two_instants():
    rule = Rule("times", "America/New_York", ("01:30",))
    closing = windows.next_closing(rule, at("2026-11-01 00:00", "America/New_York"), is_business_day)
    assert closing == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)  # still daylight time
    assert windows.next_closing(rule, closing, is_business_day) == datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 24), ("2026-06-10", 24)])
def test_hourly_closings_over_a_change_are_distinct_instants(day, hours):
    found = windows.day_closings(Rule("hourly", "America/New_York"), date.fromisoformat(day))
    assert len(found) == len(set(found)) == hours
    assert found == sorted(found)


def test_a_gap_that_swallows_two_times_makes_one_window():
    rule = Rule("times", "America/New_York", ("02:10", "02:50", "03:00"))
    assert nexts(rule, at("2026-03-08 00:00", "America/New_York"), 2) == ["2026-03-08 03:00", "2026-03-09 02:10"]


# --- days that are not like others


@pytest.mark.parametrize(
    ("zone", "start", "expected"),
    [
        ("America/New_York", "2026-07-02 17:00", "2026-07-03 10:00"),  # the 4th is a Saturday: Friday stays open
        ("America/New_York", "2027-07-02 17:00", "2027-07-06 10:00"),  # the 4th is a Sunday: Monday is off
        ("America/New_York", "2026-11-25 17:00", "2026-11-27 10:00"),  # Thanksgiving
        ("America/New_York", "2026-12-31 17:00", "2027-01-04 10:00"),
        ("America/Sao_Paulo", "2026-02-13 17:00", "2026-02-18 10:00"),  # Carnival, Monday and Tuesday
        ("America/Sao_Paulo", "2026-04-02 17:00", "2026-04-06 10:00"),  # Good Friday
        ("America/Sao_Paulo", "2026-09-04 17:00", "2026-09-08 10:00"),
        ("America/Mexico_City", "2026-04-01 17:00", "2026-04-06 10:00"),  # Maundy Thursday and Good Friday
        ("America/Mexico_City", "2026-11-13 17:00", "2026-11-17 10:00"),  # Revolution Day is kept on the third Monday
        ("Africa/Nairobi", "2026-05-29 17:00", "2026-06-02 10:00"),  # Madaraka Day is a Monday
        ("Africa/Nairobi", "2026-12-11 17:00", "2026-12-14 10:00"),
    ],
)
def test_holidays_and_weekends_have_no_window(zone, start, expected):
    assert nexts(Rule("times", zone, ("10:00",), calendar=ZONES[zone]), at(start, zone)) == [expected]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-01-31 23:59", ["2026-02-01 09:00", "2026-02-02 09:00"]),
        ("2026-04-30 12:00", ["2026-05-01 09:00", "2026-05-02 09:00"]),
        ("2028-02-28 12:00", ["2028-02-29 09:00", "2028-03-01 09:00"]),  # a leap day
        ("2026-02-28 12:00", ["2026-03-01 09:00", "2026-03-02 09:00"]),  # none
        ("2100-02-28 12:00", ["2100-03-01 09:00", "2100-03-02 09:00"]),  # a century without one
        ("2026-12-31 12:00", ["2027-01-01 09:00", "2027-01-02 09:00"]),
    ],
)
def test_month_and_year_ends_and_leap_days(zone, start, expected):
    assert nexts(Rule("times", zone, ("09:00",)), at(start, zone), 2) == expected


def test_exactly_at_the_closing_belongs_to_the_next_window():
    rule = Rule("times", "America/Mexico_City", ("09:00", "12:00"))
    closing = windows.next_closing(rule, at("2026-03-02 08:59", "America/Mexico_City"), is_business_day)
    assert windows.next_closing(rule, closing, is_business_day) == closing + timedelta(hours=3)
    assert windows.next_closing(rule, closing - timedelta(microseconds=1), is_business_day) == closing


def test_hourly_stops_at_its_last_hour():
    rule = windows.from_config({"frequency": "hourly", "cutoff_hour": 17, "timezone": "America/Sao_Paulo"})
    assert nexts(rule, at("2026-03-02 16:30", "America/Sao_Paulo"), 2) == ["2026-03-02 17:00", "2026-03-03 00:00"]


def test_the_end_of_the_day_is_its_last_minute_unless_said_otherwise():
    assert nexts(Rule("end_of_day", "Africa/Nairobi"), at("2026-03-02 10:00", "Africa/Nairobi")) == ["2026-03-02 23:59"]
    assert nexts(Rule("end_of_day", "Africa/Nairobi", ("18:00",)), at("2026-03-02 10:00", "Africa/Nairobi")) == ["2026-03-02 18:00"]


def test_a_calendar_that_never_opens_ends_in_words_and_not_in_a_loop():
    with pytest.raises(ValueError, match="no window closes"):
        windows.next_closing(Rule("hourly", calendar="X"), at("2026-01-01"), lambda code, day: False)


@pytest.mark.parametrize(
    "config",
    [
        {"frequency": "4_per_day", "times": ["09:00"]}, {"frequency": "never"}, {"frequency": "hourly", "cutoff_hour": 24},
        {"frequency": "times", "times": ["9"]}, {"frequency": "times", "times": ["24:00"]}, {"timezone": "Mars/Base"},
        {"frequency": "hourly", "first_hour": 9, "cutoff_hour": 8},
    ],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(config):
    with pytest.raises(ValueError):
        windows.from_config(config)


# --- laws

times = st.lists(st.builds(lambda h, m: f"{h:02}:{m:02}", st.integers(0, 23), st.integers(0, 59)), min_size=1, max_size=6, unique=True)
rules = st.one_of(
    st.builds(
        lambda zone, t, cal: Rule("times", zone, tuple(t), calendar=cal), st.sampled_from(list(ZONES)), times, st.sampled_from(list(CODES))
    ),
    st.builds(
        lambda zone, a, b: Rule("hourly", zone, (), min(a, b), max(a, b)),
        st.sampled_from(list(ZONES)),
        st.integers(0, 23),
        st.integers(0, 23),
    ),
)
instants = st.datetimes(min_value=datetime(2017, 1, 1), max_value=datetime(2030, 12, 31)).map(lambda d: d.replace(tzinfo=UTC))


@settings(max_examples=150, deadline=None)
@given(rules, instants)
def test_the_next_window_is_later_on_a_banking_day_and_nothing_lies_between(rule, start):
    closing = windows.next_closing(rule, start, is_business_day)
    assert closing > start
    local = closing.astimezone(clock.tz(rule.timezone))
    assert is_business_day(rule.calendar, local.date())
    assert windows.due(rule, start, closing, is_business_day) == [closing]
    assert windows.due(rule, start, closing - timedelta(microseconds=1), is_business_day) == []


@settings(max_examples=60, deadline=None)
@given(rules, instants, st.integers(1, 20))
def test_what_was_missed_is_the_same_in_one_go_as_step_by_step(rule, start, steps):
    end = start + timedelta(days=5)
    whole = windows.due(rule, start, end, is_business_day)
    marks = [start + (end - start) * n / steps for n in range(steps + 1)]
    parts = [closing for a, b in zip(marks, marks[1:], strict=False) for closing in windows.due(rule, a, b, is_business_day)]
    assert parts == whole == sorted(set(whole))


@settings(max_examples=100, deadline=None)
@given(rules)
def test_what_is_exported_is_imported_the_same(rule):
    if rule.frequency == "times":
        assert windows.from_config(windows.to_config(rule)) == rule
    else:
        again = windows.from_config(windows.to_config(rule))
        assert windows.to_config(again) == windows.to_config(rule)
