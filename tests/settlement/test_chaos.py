"""A small run under fire in a home of its own; `manage.py chaos` does the long ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.settlement.conftest import ROOT


@pytest.mark.slow
def test_nothing_is_sent_twice_lost_or_stuck_under_fire(tmp_path):
    unwanted = {"DATABASE_URL", "REDIS_URL", "PAYOS_TEST_DATABASE"}
    environment = {k: v for k, v in os.environ.items() if k not in unwanted} | {"PAYOS_HOME": str(tmp_path / "home")}

    def manage(*arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600
        )

    made = manage("migrate")
    assert made.returncode == 0, made.stderr[-2000:]
    done = manage("chaos", "--seed", "11", "--transfers", "60", "--kills", "6", "--seconds", "10", "--timeout", "300", "--json")
    assert done.stdout, done.stderr[-3000:]
    told = json.loads(done.stdout)
    assert told["ok"] and done.returncode == 0, told["violations"]
    assert told["kills"] == 6 and told["accepted"] == 60 and told["executed_twice"] == 0 and told["executed"] > 0


def test_a_run_that_finds_something_says_so():
    from settlement.chaos.invariants import MOST, Findings

    found = Findings()
    found.check(True, "fine")
    assert found.violations == []
    for n in range(MOST + 5):
        found.check(False, f"broken {n}")
    assert len(found.violations) == MOST
