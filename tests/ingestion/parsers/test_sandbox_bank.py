"""What the sandbox bank prints, read back: the printers and the readers share no code, so they check each other."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.statements import FORMATS, Line, Statement
from tests.ingestion.parsers.helpers import Read

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x17F, exclude_categories=["Cc"]), max_size=60)
KINDS = {
    True: st.sampled_from(["deposit", "wire_in", "ach_in", "lockbox", "interest"]),
    False: st.sampled_from(["transfer", "fee", "check_paid", "chargeback"]),
}
DAY = date(2026, 2, 28)


@st.composite
def statement(draw: st.DrawFn, currency: str) -> Statement:
    amounts = draw(st.lists(st.integers(-(10**9), 10**9).filter(bool), max_size=6))
    opening = draw(st.integers(-(10**10), 10**10))
    lines = tuple(
        Line(number, "2026-02-28T10:00:00Z", DAY, draw(KINDS[amount > 0]), amount, f"trf-{number}", draw(TEXT), draw(TEXT))
        for number, amount in enumerate(amounts, 1)
    )
    return Statement(currency, f"00{currency}4711", DAY, opening, opening + sum(amounts), lines, datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize("form", sorted(FORMATS))
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_amount_and_balance_comes_back(form: str, data: st.DataObject) -> None:
    printed = [data.draw(statement(currency)) for currency in data.draw(st.sampled_from([["USD"], ["EUR", "USD"], ["JPY"]]))]
    render, _, extension = FORMATS[form]
    read = Read(render(printed), name=f"day.{extension}")
    assert not read.rejects
    if form == "csv":
        printed = [item for item in printed if item.lines]
    found = {(item.account, item.currency): item for item in read.statements if item.line_count or form != "csv"}
    assert len(found) == len(printed)
    for item in printed:
        ours = found[(item.number, item.currency)]
        amounts = [line.amount_minor for line in read.lines if line.currency == item.currency]
        assert amounts == [line.amount_minor for line in item.lines]
        assert ours.sum_minor == sum(amounts) and ours.line_count == len(amounts)
        if form in ("bai2", "mt940", "camt053"):
            assert (ours.opening_minor, ours.closing_minor, ours.balances_ok) == (item.opening_minor, item.closing_minor, True)
        if form == "ofx":
            assert ours.closing_minor == item.closing_minor
    assert all(line.booking_date == DAY for line in read.lines)
