"""The load test in small: a whole installation is started, asked by a few partners at once, and judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from console import loadtest

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.slow
def test_a_few_partners_for_a_few_seconds(tmp_path):
    unwanted = {"DATABASE_URL", "REDIS_URL", "PAYOS_TEST_DATABASE"}
    environment = {k: v for k, v in os.environ.items() if k not in unwanted} | {"PAYOS_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "manage.py", "loadtest", "--minutes", "0.15", "--partners", "4", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.stdout, done.stderr[-2000:]
    told = json.loads(done.stdout)
    assert told["errors"] == 0 and told["requests"] > 10, told["by_error"]
    assert set(told["statuses"]) <= {"200", "201"} and told["p50_ms"] <= told["p95_ms"] <= told["p99_ms"]
    assert {"granian", "worker", "beat", "serve"} <= {process["name"] for process in told["processes"]}


def test_percentiles_errors_and_growth_are_judged():
    told = loadtest.Told()
    told.latencies["me"] += [n / 1000 for n in range(1, 101)]
    big = 100 << 20
    calm = loadtest._report(told, 10.0, {1: ("web", big)}, {1: ("web", big + (4 << 20))}, {1: 2.0}, 1, 1)
    assert calm["ok"] and calm["rate"] == 10.0 and (calm["p50_ms"], calm["p95_ms"], calm["p99_ms"]) == (51.0, 96.0, 100.0)
    grown = loadtest._report(told, 10.0, {1: ("web", big)}, {1: ("web", int(big * 1.06))}, {}, 1, 1)
    assert not grown["ok"] and grown["processes"][0]["flagged"]
    gone = loadtest._report(told, 10.0, {1: ("web", big)}, {}, {}, 1, 1)
    assert not gone["ok"] and gone["processes"][0]["growth"] is None
    told.errors["me: 500"] += 1
    assert not loadtest._report(told, 10.0, {}, {}, {}, 1, 1)["ok"]
