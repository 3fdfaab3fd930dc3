"""One clock that tests can stop, and wall-clock times that daylight saving skips or repeats."""

from __future__ import annotations

import ast
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from payos.kernel import clock

NEW_YORK = "America/New_York"


def test_frozen_and_travel_end_with_their_block():
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with clock.frozen(at):
        assert clock.now() == at == clock.now()
        with clock.frozen(at + timedelta(days=1)):
            assert clock.now() == at + timedelta(days=1)
        assert clock.now() == at
    with clock.travel(at):
        first = clock.now()
        assert at <= first < at + timedelta(seconds=5) and clock.now() > first
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_clock_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"), clock.frozen(datetime(2026, 1, 1)):
        pass


def test_today_depends_on_where():
    with clock.frozen(datetime(2026, 1, 1, 2, tzinfo=UTC)):
        assert clock.today() == date(2026, 1, 1)
        assert clock.today(NEW_YORK) == date(2025, 12, 31)
        assert clock.today("Africa/Nairobi") == date(2026, 1, 1)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../../etc/passwd", "America", "x" * 5000])
def test_a_wrong_zone_is_one_clear_sentence(zone):
    with pytest.raises(ValueError, match="is no time zone"):
        clock.tz(zone)


@pytest.mark.parametrize(
    ("day", "hour", "minute", "zone", "utc"),
    [
        # Skipped: the next valid minute.
        (date(2026, 3, 8), 2, 30, NEW_YORK, datetime(2026, 3, 8, 7, 0)),
        (date(2026, 3, 8), 2, 0, NEW_YORK, datetime(2026, 3, 8, 7, 0)),
        (date(2026, 3, 8), 1, 59, NEW_YORK, datetime(2026, 3, 8, 6, 59)),
        (date(2026, 3, 8), 3, 0, NEW_YORK, datetime(2026, 3, 8, 7, 0)),
        (date(2026, 10, 4), 2, 15, "Australia/Lord_Howe", datetime(2026, 10, 3, 15, 30)),  # a gap of half an hour
        (date(2011, 12, 30), 12, 0, "Pacific/Apia", datetime(2011, 12, 30, 10, 0)),  # a day that never was
        (date(2018, 11, 4), 0, 30, "America/Sao_Paulo", datetime(2018, 11, 4, 3, 0)),  # skipped at midnight
        # Twice: the first.
        (date(2026, 11, 1), 1, 30, NEW_YORK, datetime(2026, 11, 1, 5, 30)),
        (date(2026, 11, 1), 2, 0, NEW_YORK, datetime(2026, 11, 1, 7, 0)),
        (date(2026, 4, 5), 1, 45, "Australia/Lord_Howe", datetime(2026, 4, 4, 14, 45)),
        # Plain.
        (date(2026, 7, 1), 17, 0, "Africa/Nairobi", datetime(2026, 7, 1, 14, 0)),
        (date(2026, 7, 1), 17, 0, "America/Mexico_City", datetime(2026, 7, 1, 23, 0)),
    ],
)
def test_wall_clock_times(day, hour, minute, zone, utc):
    assert clock.instant(day, hour, minute, zone) == utc.replace(tzinfo=UTC)


ZONES = [
    NEW_YORK,
    "America/Sao_Paulo",
    "America/Mexico_City",
    "Africa/Nairobi",
    "Europe/Berlin",
    "Australia/Lord_Howe",
    "America/Havana",
    "Africa/Casablanca",
    "Asia/Tehran",
    "UTC",
]


@settings(derandomize=True, max_examples=400)
@given(st.dates(date(2000, 1, 1), date(2040, 12, 31)), st.integers(0, 23), st.integers(0, 59), st.sampled_from(ZONES))
def test_an_instant_is_the_asked_time_or_the_first_minute_after_it(day, hour, minute, zone):
    asked = datetime(day.year, day.month, day.day, hour, minute)
    found = clock.instant(day, hour, minute, zone)
    local = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert local >= asked
    before = (found - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if local != asked:
        assert before < asked  # the minute before lies before the gap
    else:
        earlier = [found - timedelta(minutes=30 * n) for n in range(1, 7)]
        assert all(other.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != asked for other in earlier)  # the first of two


def test_nobody_asks_another_clock():
    """`datetime.now`, `timezone.now` and `date.today` stand in the clock alone."""
    root = Path(django_settings.BASE_DIR)
    wrong = []
    for folder in (
        "payos",
        "partners",
        "ledger",
        "operations",
        "webhooks",
        "ingestion",
        "settlement",
        "reconciliation",
        "treasury",
        "compliance",
        "console",
    ):
        for path in sorted((root / folder).rglob("*.py")):
            if path.name == "clock.py" or "supervisor" in path.parts or "embedded" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in {"now", "today", "utcnow"}:
                    owner = ast.unparse(node.func.value)
                    if owner.split(".")[-1] in {"datetime", "timezone", "date"}:
                        wrong.append(f"{path.relative_to(root)}:{node.lineno} {ast.unparse(node.func)}")
    assert not wrong, "\n".join(wrong)
