"""The circuit breaker: one state for all processes, one trial at a time, closed by hand where a person knows better."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection, connections

from payos.kernel import clock, metrics
from payos.kernel.breaker import Breaker, BreakerOpen
from payos.kernel.models import AuditEvent, Circuit

pytestmark = pytest.mark.django_db


def fail():
    raise TimeoutError("no answer")


def failures(breaker, count):
    for _ in range(count):
        with pytest.raises(TimeoutError):
            breaker.call(fail)


def test_closed_open_half_open_closed():
    breaker = Breaker("bank", threshold=3, pause_seconds=30)
    assert breaker.call(lambda: 5) == 5 and breaker.state() == "closed"
    failures(breaker, 3)
    assert breaker.state() == "open"
    calls = []
    with pytest.raises(BreakerOpen, match="bank is open until"):
        breaker.call(lambda: calls.append(1))
    assert not calls
    with clock.travel(clock.now() + timedelta(seconds=31)):
        assert breaker.state() == "half_open"
        breaker.call(lambda: calls.append(1))
        assert breaker.state() == "closed" and calls == [1]
    assert Circuit.objects.get(name="bank").failures == 0


def test_a_success_in_between_starts_the_count_anew():
    breaker = Breaker("bank", threshold=3)
    failures(breaker, 2)
    breaker.call(lambda: None)
    failures(breaker, 2)
    assert breaker.state() == "closed"


def test_a_failed_trial_opens_it_for_longer_up_to_a_bound():
    breaker = Breaker("bank", threshold=1, pause_seconds=10, longest_seconds=60)
    waits, at = [], clock.now()
    for _ in range(6):
        with clock.frozen(at):
            failures(breaker, 1)
            retry_at = Circuit.objects.get(name="bank").retry_at
            waits.append((retry_at - at).total_seconds())
            at = retry_at
    assert waits == [10, 20, 40, 60, 60, 60]


def test_what_is_no_failure_of_the_other_side_does_not_count():
    breaker = Breaker("bank", threshold=1)
    with pytest.raises(ValueError):
        breaker.call(lambda: int("x"), failures=(TimeoutError,))
    assert breaker.state() == "closed"


def test_it_is_closed_by_hand_and_that_is_audited(platform):
    breaker = Breaker("bank", threshold=1)
    failures(breaker, 1)
    breaker.reset(reason="they answered the telephone")
    assert breaker.state() == "closed" and breaker.call(lambda: 1) == 1
    assert AuditEvent.objects.get(action="circuit.reset", subject_id="bank").reason == "they answered the telephone"


def test_it_is_seen_in_the_metrics():
    failures(Breaker("bank", threshold=1), 1)
    Breaker("other", threshold=5).failure("once")
    found = {labels["name"]: value for name, _, labels, value in metrics.kernel_source() if name == "payos_breaker_open"}
    assert found == {"bank": 1.0, "other": 0.0}


@pytest.mark.django_db(transaction=True)
class TestShared:
    def test_another_process_sees_it(self):
        failures(Breaker("bank", threshold=2), 2)
        code = (
            "import django; django.setup()\n"
            "from django.db import connections\n"
            f"connections['default'].settings_dict['NAME'] = {connections['default'].settings_dict['NAME']!r}\n"
            "from payos.kernel.breaker import Breaker\n"
            "print(Breaker('bank', threshold=2).state())\n"
        )
        import os

        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=settings.BASE_DIR, timeout=60,
            env=os.environ | {"DJANGO_SETTINGS_MODULE": "payos.settings"},
        )  # fmt: skip
        assert ran.stdout.strip() == "open", ran.stderr

    def test_one_of_many_wins_the_trial(self):
        failures(Breaker("bank", threshold=1, pause_seconds=30), 1)
        outcomes, barrier = [], threading.Barrier(8)
        with clock.travel(clock.now() + timedelta(seconds=31)):

            def attempt():
                try:
                    barrier.wait(10)
                    Breaker("bank", threshold=1, pause_seconds=30).enter()
                    outcomes.append("passed")
                except BreakerOpen:
                    outcomes.append("refused")
                finally:
                    connection.close()

            threads = [threading.Thread(target=attempt) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(30)
        assert sorted(outcomes) == ["passed"] + ["refused"] * 7

    def test_failures_of_many_at_once_are_all_counted(self):
        def work():
            try:
                for _ in range(5):
                    Breaker("bank", threshold=1000).failure("no answer")
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert Circuit.objects.get(name="bank").failures == 30
