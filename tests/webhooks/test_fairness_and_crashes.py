"""One bad endpoint delays nobody; a killed worker and an emptied Redis lose nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from django.conf import settings as django_settings
from django.db import connections

from payos.kernel import clock, ids, tenancy
from tests.webhooks.conftest import deliver, make_due, publish, register
from webhooks import claims, policy
from webhooks.models import Attempt, Delivery, DeliveryState, Lane
from webhooks.sending import Job

pytestmark = pytest.mark.django_db(transaction=True)

CHILD = """
import asyncio, os, django
from django.conf import settings
django.setup()
from django.db import connections
for alias in ("default", "owner"):
    connections[alias].settings_dict["NAME"] = os.environ["PAYOS_TEST_DATABASE"]
settings.WEBHOOKS_ALLOW_PRIVATE = True
from webhooks.worker import Worker
asyncio.run(Worker().run())
"""


def states() -> dict[str, int]:
    with tenancy.platform_scope():
        found: dict[str, int] = {}
        for state in Delivery.objects.values_list("state", flat=True):
            found[state] = found.get(state, 0) + 1
        return found


def test_a_hanging_endpoint_does_not_delay_the_others(partner, other_partner, receiver):
    register(partner, receiver.url("/hang"), max_in_flight=100)
    register(other_partner, receiver.url("/ok"))
    publish(partner, count=200)
    publish(other_partner, count=200)
    deliver(timeout=10.0, until_idle=False, seconds=6.0)
    with tenancy.platform_scope():
        served = Attempt.objects.filter(partner=other_partner).count()
    assert served == 200, "all were served before a single hanging request had timed out"
    assert max(request.at for request in receiver.to("/ok")) < min(request.at for request in receiver.to("/hang")) + 10.0


def test_endpoints_that_can_take_nothing_take_no_share_from_the_others(partner, receiver):
    for _ in range(12):
        register(partner, receiver.url("/hang"), max_in_flight=1)
    publish(partner)
    assert len(claims.claim(limit=100)) == 12, "all of them hang now"
    healthy = register(partner, receiver.url("/ok"), max_in_flight=50)
    poor = register(partner, receiver.url("/status/200"), max_in_flight=50, rate_limit=1)
    publish(partner, count=60)
    found = claims.claim(limit=40)
    assert [sum(1 for job in found if job.endpoint_id == endpoint.pk) for endpoint in (healthy, poor)] == [20, 1]
    assert sum(1 for job in claims.claim(limit=40) if job.endpoint_id == healthy.pk) == 30


def test_requests_under_way_stay_within_the_endpoints_limit(partner, receiver):
    register(partner, receiver.url("/slow/30"), max_in_flight=3)
    publish(partner, count=30)
    deliver()
    assert states() == {"delivered": 30}
    assert receiver.most_in_flight["/slow/30"] <= 3


def test_the_limit_holds_over_two_workers_claiming_at_the_same_time(partner, receiver):
    register(partner, receiver.url("/ok"), max_in_flight=5)
    publish(partner, count=30)
    first, second = claims.claim(limit=100), claims.claim(limit=100)
    assert (len(first), len(second)) == (5, 0)
    assert len({job.delivery_id for job in first}) == 5


def test_the_rate_limit_holds(partner, receiver):
    register(partner, receiver.url("/ok"), rate_limit=20, max_in_flight=100)
    publish(partner, count=60)
    began = time.monotonic()
    deliver(until_idle=False, seconds=1.0)
    took = time.monotonic() - began
    assert 20 <= len(receiver.requests) <= 20 + 20 * took + 1


def test_an_endpoint_that_fails_gets_only_probes(partner, receiver):
    register(partner, receiver.url("/status/500"), max_in_flight=50)
    publish(partner, count=60)
    with tenancy.platform_scope():
        Lane.objects.update(consecutive_failures=policy.FAILING_FROM)
    assert len(claims.claim(limit=100)) == policy.FAILING_IN_FLIGHT


def test_retry_after_is_honoured_by_the_whole_endpoint(partner, receiver):
    register(partner, receiver.url("/429/7200"), max_in_flight=1)
    publish(partner, count=3)
    deliver()
    assert len(receiver.requests) == 1, "the others wait as long as it asked"
    with tenancy.platform_scope():
        row = Delivery.objects.get(state=DeliveryState.RETRYING)
        assert (row.next_attempt_at - clock.now()).total_seconds() > 7100
        assert (Lane.objects.get().not_before - clock.now()).total_seconds() > 7100


def test_a_claim_that_ended_is_taken_over_and_the_late_word_is_not_taken(partner, receiver):
    from datetime import timedelta

    from webhooks.sending import Outcome

    register(partner, receiver.url("/ok"))
    publish(partner)
    (stale,) = claims.claim(limit=10, lease=timedelta(seconds=-1))
    (job,) = claims.claim(limit=10)
    assert isinstance(job, Job) and job.delivery_id == stale.delivery_id and job.webhook_id == stale.webhook_id
    claims.finish([Outcome(stale, clock.now(), status=500, error_code="http_500", error="late")])
    with tenancy.platform_scope():
        row = Delivery.objects.get()
    assert (row.state, row.lease, row.lost_leases) == (DeliveryState.PENDING, job.lease, 1)
    claims.finish([Outcome(job, clock.now(), status=200)])
    with tenancy.platform_scope():
        assert Delivery.objects.get().state == DeliveryState.DELIVERED
        assert Attempt.objects.count() == 2, "the log tells of both requests"


def test_what_kills_its_workers_becomes_a_dead_letter(partner, receiver):
    from datetime import timedelta

    register(partner, receiver.url("/ok"))
    publish(partner)
    for _ in range(policy.MAX_LOST_LEASES + 1):
        assert len(claims.claim(limit=10, lease=timedelta(seconds=-1))) == 1
    deliver()
    assert states() == {"dead": 1}
    assert receiver.requests == []


def test_an_event_that_is_no_longer_kept_is_a_dead_letter_and_not_a_crash(partner, receiver, superuser):
    register(partner, receiver.url("/ok"))
    publish(partner)
    superuser.execute("DELETE FROM kernel_outbox_event")
    deliver()
    assert states() == {"dead": 1}


def worker_process() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=django_settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "payos.settings", "PAYOS_TEST_DATABASE": connections["default"].settings_dict["NAME"]},
    )


@pytest.mark.slow
def test_killed_workers_and_a_flushed_redis_lose_no_event(partner, receiver):
    """Workers are killed with SIGKILL in the middle of sending, again and again, and Redis is emptied each time."""
    from payos.kernel import redis

    register(partner, receiver.url("/slow/40"), max_in_flight=8)
    register(partner, receiver.url("/flaky/1"), max_in_flight=8)
    events = publish(partner, count=80)
    kills = 0
    for _ in range(5):
        before = len(receiver.requests)
        process = worker_process()
        deadline = time.monotonic() + 20
        while len(receiver.requests) < before + 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
        redis.client().flushall()
        with tenancy.platform_scope():
            leased = Delivery.objects.filter(lease__isnull=False)
            if not leased.exists() and not Delivery.objects.filter(state=DeliveryState.PENDING).exists():
                break
        make_due()  # time passes: leases end, retries fall due
    for _ in range(4):
        make_due()
        deliver()
    assert kills >= 2
    assert states() == {"delivered": 160}
    wanted = {ids.encode("evt", event) for event in events}
    assert {request.id for request in receiver.to("/slow/40")} == wanted
    assert {request.id for request in receiver.to("/flaky/1")} == wanted


def test_redis_plays_no_part_in_delivery(partner, receiver, monkeypatch):
    from payos.kernel import redis

    def away(*args, **kwargs):
        raise redis.Unavailable("no Redis in this test")

    register(partner, receiver.url("/ok"))
    publish(partner)
    monkeypatch.setattr(redis, "client", away)
    deliver()
    assert states() == {"delivered": 1}
