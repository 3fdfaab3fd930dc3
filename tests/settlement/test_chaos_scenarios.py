"""Small storms, a jumping clock and a full disk, each in a home of its own; `make chaos` runs the long ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.settlement.conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: Any) -> Any:
    """`manage.py ...` against embedded servers that only these tests use: they are killed."""
    unwanted = {"DATABASE_URL", "REDIS_URL", "PAYOS_TEST_DATABASE"}
    environment = {k: v for k, v in os.environ.items() if k not in unwanted} | {
        "PAYOS_HOME": str(tmp_path_factory.mktemp("chaos") / "home")
    }

    def manage(*arguments: str) -> Any:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    made = manage("migrate", "--verbosity", "0")
    assert made.returncode == 0, made.stderr[-2000:]
    return manage


def run(home: Any, *arguments: str) -> dict[str, Any]:
    done = home("chaos", "--json", *arguments)
    assert done.stdout, done.stderr[-3000:]
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["ok"] and done.returncode == 0, told["violations"]
    assert told["ledger_ok"]
    return told


def test_payments_arrive_once_however_often_they_are_sent(home):
    told = run(home, "--scenario", "ingestion", "--seed", "3", "--size", "60", "--kills", "5", "--seconds", "8")
    assert told["answers"]["201"] >= 60 and told["answers"]["409"] >= 2 and told["answers"]["422"] >= 1
    assert sum(told["faults"].values()) == 5


def test_events_reach_a_receiver_that_fails(home):
    told = run(home, "--scenario", "webhooks", "--seed", "3", "--size", "60", "--kills", "4", "--seconds", "8")
    assert told["states"] == {"delivered": 60} and told["refusals"] > 0


def test_a_clock_that_jumps_neither_loses_nor_doubles(home):
    told = run(home, "--scenario", "clock", "--seed", "3", "--size", "21")
    assert told["accepted"] == 21 == told["executed"] and told["executed_twice"] == 0


def test_a_full_disk_refuses_files_whole_and_tells_somebody(home):
    told = run(home, "--scenario", "disk", "--seed", "3", "--size", "20")
    assert 0 < told["refused"] < 20


def test_a_broken_invariant_ends_with_one(home):
    """A store that takes everything: the trial of the full disk finds that it tried nothing, and says so."""
    done = home("chaos", "--json", "--scenario", "disk", "--seed", "3", "--size", "1")
    assert done.returncode == 1 and "never filled up" in done.stdout, done.stdout + done.stderr[-500:]
