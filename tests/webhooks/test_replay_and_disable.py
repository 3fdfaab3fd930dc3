"""Replays, switching off and on, retention: what was missed comes back, and what is kept is kept."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction

from operations.models import Case
from payos.kernel import clock, outbox
from payos.kernel.errors import Problem
from tests.webhooks.conftest import deliver, make_due, publish, register
from webhooks import claims, policy, replays, selectors, services, tasks
from webhooks.models import Attempt, Delivery, DeliveryState, Endpoint, Lane

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("platform")]


def test_one_dead_delivery_is_replayed_under_the_same_ids(api, partner, receiver):
    endpoint = register(partner, receiver.url("/flaky/5"))
    publish(partner)
    for _ in range(5):
        make_due()
        deliver()
    row = Delivery.objects.get()
    assert row.state == DeliveryState.DEAD
    case = Case.objects.get(kind="webhook_dead")
    answer = api.post(f"/v1/webhooks/{endpoint.public_id}/replay", {"delivery_id": row.public_id})
    assert answer.json() == {"object": "webhook_replay", "replayed": 1}
    deliver()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.replays) == (DeliveryState.DELIVERED, 1, 1)
    assert len({request.id for request in receiver.requests}) == 1
    case.refresh_from_db()
    assert case.state == "resolved", "no dead letter is left"


def test_a_range_or_a_state_is_replayed(api, partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    publish(partner, count=4)
    deliver()
    path = f"/v1/webhooks/{endpoint.public_id}/replay"
    assert api.post(path, {"status": "dead"}).json()["replayed"] == 0
    past = (clock.now() - timedelta(days=2)).isoformat()
    assert api.post(path, {"since": past, "until": (clock.now() - timedelta(days=1)).isoformat()}).json()["replayed"] == 0
    assert api.post(path, {"since": past}).json()["replayed"] == 4
    deliver()
    assert len(receiver.requests) == 8
    for wrong in (
        {},
        {"status": "pending"},
        {"since": "soon"},
        {"since": past, "until": past},
        {"delivery_id": "dlv_x", "status": "dead"},
        {"colour": 1},
    ):
        assert api.post(path, wrong).status_code in {400, 404}, wrong


def test_events_from_before_the_endpoint_come_on_request(partner, receiver):
    publish(partner, count=3)
    endpoint = register(partner, receiver.url("/ok"), ("transfer.*",))
    publish(partner, event_type="payment.recorded")
    assert replays.many(endpoint=endpoint) == 0
    assert replays.many(endpoint=endpoint, include_missed=True) == 3
    deliver()
    assert len(receiver.requests) == 3


def test_a_replay_that_is_too_large_changes_nothing(partner, receiver, monkeypatch):
    endpoint = register(partner, receiver.url("/ok"))
    publish(partner, count=4)
    deliver()
    monkeypatch.setattr(policy, "MAX_REPLAY", 3)
    with pytest.raises(Problem) as problem:
        replays.many(endpoint=endpoint, status="delivered")
    assert problem.value.code == "replay_too_large"
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 0


def test_switched_off_then_on_it_gets_what_it_missed(api, partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    path = f"/v1/webhooks/{endpoint.public_id}"
    publish(partner, count=2)  # owed, and not sent before it is switched off
    assert api.post(f"{path}/disable", {}).json()["disabled_reason"] == "manual"
    publish(partner, count=3)  # missed
    assert deliver() == 0
    assert tasks.sweep_disabled() == 2
    assert Case.objects.get(kind="webhook_dead").partner_id == partner.pk
    answer = api.post(f"{path}/enable", {}).json()
    assert (answer["enabled"], answer["replayed"]) == (True, 5)
    deliver()
    assert len({request.id for request in receiver.requests}) == len(receiver.requests) == 5
    assert api.post(f"{path}/enable", {}).json()["replayed"] == 0, "enabled twice, replayed once"


def test_an_event_written_before_and_relayed_after_the_switch_off_is_missed_too(partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    with transaction.atomic():
        outbox.publish(topic="transfers", event_type="transfer.settled", aggregate_id="t", partner_id=partner.pk, payload={"transfer": {}})
    services.endpoint_disable(endpoint_id=endpoint.pk)
    outbox.drain()
    assert Delivery.objects.count() == 0
    assert services.endpoint_enable(endpoint_id=endpoint.pk)[1] == 1


def test_switched_on_without_replay_the_past_is_let_go(partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    publish(partner, count=2)
    services.endpoint_disable(endpoint_id=endpoint.pk)
    publish(partner)
    services.endpoint_enable(endpoint_id=endpoint.pk, replay=False)
    publish(partner)
    deliver()
    assert len(receiver.requests) == 1
    assert Delivery.objects.filter(state=DeliveryState.DISCARDED).count() == 2


def test_five_days_of_failing_switch_it_off_and_one_click_brings_everything_back(partner, receiver):
    endpoint = register(partner, receiver.url("/status/500"))
    publish(partner, count=3)
    for _ in range(3):
        make_due()
        deliver()
    assert Endpoint.objects.get().enabled
    with clock.travel(clock.now() + timedelta(days=5, minutes=1)):
        make_due()
        deliver()
        endpoint.refresh_from_db()
        assert (endpoint.enabled, endpoint.disabled_reason) == (False, "failing")
        case = Case.objects.get(kind="webhook_disabled")
        publish(partner, count=2)
        tasks.sweep_disabled()
        Endpoint.objects.update(url=receiver.url("/ok"))
        _, count = services.endpoint_enable(endpoint_id=endpoint.pk)
        assert count == 5
        deliver()
    assert Delivery.objects.filter(state=DeliveryState.DELIVERED).count() == 5
    case.refresh_from_db()
    assert case.state == "resolved"


def test_a_quiet_endpoint_is_not_switched_off_for_two_failures_far_apart(partner, receiver):
    register(partner, receiver.url("/status/500"))
    publish(partner)
    deliver()
    with clock.travel(clock.now() + timedelta(days=6)):
        make_due()
        deliver()
        assert Endpoint.objects.get().enabled


def test_an_event_relayed_while_an_endpoint_is_enabled_belongs_to_it_once(partner, receiver):
    """Either the fan-out or the replay brings it: the two wait for each other, so it is neither lost nor sent twice."""
    endpoint = register(partner, receiver.url("/ok"))
    services.endpoint_disable(endpoint_id=endpoint.pk)
    with transaction.atomic():
        outbox.publish(topic="transfers", event_type="transfer.settled", aggregate_id="t", partner_id=partner.pk, payload={"transfer": {}})
    with transaction.atomic():
        services.endpoint_enable(endpoint_id=endpoint.pk)
        from concurrent.futures import ThreadPoolExecutor

        from django.db import connections

        def relay():
            try:
                return outbox.relay()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(1) as other:
            other.submit(relay).result()
            assert Delivery.objects.count() == 0, "the relay did not run beside the act"
    outbox.drain()
    assert Delivery.objects.count() == 1


def test_the_log_cannot_be_changed_and_is_forgotten_after_thirty_days_only(partner, receiver, superuser):
    register(partner, receiver.url("/ok"))
    publish(partner, count=2)
    deliver()
    for act in (lambda: Attempt.objects.update(status=500), lambda: Attempt.objects.all()._raw_delete("default")):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()
    with pytest.raises(DatabaseError), transaction.atomic():
        from django.db import connection

        connection.cursor().execute("SELECT webhooks_forget(%s, 10)", [clock.now() - timedelta(days=29)])
    assert tasks.forget_old_attempts() == 0
    old = clock.now() - timedelta(days=31)
    from payos.kernel import ids

    for table in ("attempt", "delivery"):
        superuser.execute(f"UPDATE webhooks_{table} SET created_at = %s", [old])
    superuser.execute("UPDATE webhooks_delivery SET finished_at = %s", [old])
    for number, (key,) in enumerate(superuser.execute("SELECT id FROM webhooks_attempt").fetchall()):
        superuser.execute("UPDATE webhooks_attempt SET id = %s WHERE id = %s", [ids.uuid7(old + timedelta(seconds=number)), key])
    assert tasks.forget_old_attempts() == 2
    assert (Attempt.objects.count(), Delivery.objects.count()) == (0, 2), "their keys say that these are young"


def test_health_and_gauges(partner, receiver):
    endpoint = register(partner, receiver.url("/flaky/1"))
    publish(partner, count=4)
    deliver()
    make_due()
    deliver()
    publish(partner)
    figures = selectors.health([endpoint.pk])[endpoint.pk]
    assert (figures["attempts"], figures["success_rate"], figures["backlog"], figures["dead"]) == (8, 0.5, 1, 0)
    assert figures["p50_ms"] is not None and figures["p95_ms"] >= figures["p50_ms"]
    gauges = {name: value for name, _, labels, value in selectors.metrics_source() if not labels}
    assert gauges["payos_webhooks_backlog"] == 1
    assert gauges["payos_webhooks_dead"] == 0
    total = selectors.summary()
    assert (total["endpoints"], total["disabled"], total["success_rate"]) == (1, 0, 0.5)
    assert Lane.objects.get().consecutive_failures == 0


def test_the_tick_delivers_unless_a_worker_lives(partner, receiver):
    from payos.kernel import heartbeat

    register(partner, receiver.url("/ok"))
    publish(partner)
    heartbeat.say("webhooks:elsewhere:1")
    assert tasks.deliver_due() == 0
    with clock.travel(clock.now() + timedelta(seconds=30)):
        assert tasks.deliver_due() == 1
    assert tasks.deliver_due() == 0


def test_a_claim_is_not_replayed_while_it_is_being_sent(partner, receiver):
    endpoint = register(partner, receiver.url("/ok"))
    publish(partner)
    (job,) = claims.claim(limit=1)
    row = replays.one(endpoint=endpoint, delivery=Delivery.objects.get())
    assert row.lease == job.lease
