"""A day in small: it runs to its end with faults and every invariant holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console import simulation

ROOT = Path(__file__).resolve().parent.parent.parent


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


@pytest.mark.slow
def test_it_needs_nothing_that_ran_before(tmp_path):
    unwanted = {"DATABASE_URL", "REDIS_URL", "PAYOS_TEST_DATABASE"}
    environment = {k: v for k, v in os.environ.items() if k not in unwanted} | {"PAYOS_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "manage.py", "simulate_day", "--partners", "2", "--payments", "40", "--transfers", "10", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=290,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["violations"] == [] and told["transfers"] == 10
