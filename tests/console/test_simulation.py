"""A day in small: it runs to its end with faults and every invariant holds."""

from __future__ import annotations

import pytest

from console import simulation


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_small_day_ends_with_proven_books():
    told = []
    day = simulation.simulate(seed=3, partner_count=2, payments=60, transfers=25, progress=told.append)
    assert day.violations == []
    assert day.transfers == 25 and day.settled + day.failed == 25 and day.executed >= day.settled
    assert day.difference_minor == 0
    assert simulation.ledger_is_whole()
    assert "the bank's statement" in told
