"""The outbox: with the business rows or not at all, in order per aggregate, at least once, and nothing blocks the rest."""

from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
import redis as library
from django.db import connection, transaction

from payos.kernel import clock, ids, outbox, redis, sinks, tenancy
from payos.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Only the subscribers of the test, and an empty stream."""
    monkeypatch.setattr(outbox, "_subscribers", [])
    monkeypatch.setattr(outbox, "_parked_hooks", [])
    for key in redis.client().scan_iter("payos:test*"):
        redis.client().delete(key)
    yield
    for key in redis.client().scan_iter("payos:test*"):
        redis.client().delete(key)


def publish(aggregate, number, partner=None, kind="test.happened"):
    with tenancy.platform_scope():
        return outbox.publish(
            topic="test", event_type=kind, aggregate_id=aggregate, payload={"number": number}, partner_id=partner and partner.pk
        )


def rows(**filters):
    with tenancy.platform_scope():
        return list(OutboxEvent.objects.filter(**filters).order_by("seq"))


def stream():
    return [json.loads(fields[b"event"]) for _, fields in redis.client().xrange("payos:test")]


def test_an_event_goes_with_its_transaction_or_not_at_all():
    with pytest.raises(RuntimeError), transaction.atomic():
        publish("a", 1)
        raise RuntimeError
    assert not rows() and outbox.drain() == 0
    publish("a", 2)
    outbox.drain()
    assert [event["number"] for event in stream()] == [2]


def test_a_tenant_publishes_for_itself_only(partner, other_partner):
    from django.db import DatabaseError

    with tenancy.tenant_scope(partner.pk, False):
        outbox.publish(topic="test", event_type="x", aggregate_id="a", payload={}, partner_id=partner.pk)
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            outbox.publish(topic="test", event_type="x", aggregate_id="a", payload={}, partner_id=other_partner.pk)


def test_what_leaves_the_house(partner):
    event = publish("trf_1", 7, partner)
    seen = []
    outbox.subscribe("test.*", seen.extend)
    outbox.drain()
    assert seen[0].payload == {"number": 7} and isinstance(seen[0].payload, dict)
    (told,) = stream()
    assert told["event_id"] == ids.encode("evt", event) and told["partner_id"] == partner.public_id
    assert (told["event_type"], told["livemode"], told["number"]) == ("test.happened", False, 7)
    (entry,) = redis.client().xrange("payos:test")
    assert entry[1][b"key"] == b"trf_1" and entry[1][b"id"].decode() == told["event_id"]
    assert outbox.lag() == {"unhandled": 0, "seconds": 0.0, "unpublished": 0, "parked": 0}


def test_patterns():
    seen = []
    outbox.subscribe("transfer.*", lambda events: seen.extend(e.event_type for e in events))
    for kind in ("transfer.settled", "transfer.failed", "payment.recorded"):
        publish("a", 1, kind=kind)
    outbox.drain()
    assert seen == ["transfer.settled", "transfer.failed"]


def test_order_is_kept_per_aggregate_while_one_of_them_fails():
    seen, broken = [], {("a", 2)}

    def handler(events):
        for event in events:
            if (event.aggregate_id, event.payload["number"]) in broken:
                raise ValueError("not yet")
            seen.append((event.aggregate_id, event.payload["number"]))

    outbox.subscribe("test.*", handler)
    for number in (1, 2, 3):
        publish("a", number)
        publish("b", number)
    outbox.relay()
    handled = [(e.aggregate_id, e.payload["number"]) for e in rows(handled_at__isnull=False)]
    assert handled == [("a", 1), ("b", 1), ("b", 2), ("b", 3)]  # nothing of `a` overtakes its second event
    (failed,) = rows(attempts=1)
    assert failed.payload == {"number": 2} and "ValueError: not yet" in failed.error
    broken.clear()
    outbox.relay()
    assert len(rows(handled_at__isnull=False)) == 4  # its time has not come
    with clock.travel(clock.now() + timedelta(seconds=5)):
        outbox.relay()
    assert not rows(handled_at=None)
    assert [number for aggregate, number in seen if aggregate == "a"][-2:] == [2, 3]
    assert [event["number"] for event in stream() if event["number"]] and len(stream()) == 6


def test_waits_grow():
    outbox.subscribe("test.*", lambda events: 1 / 0)
    publish("a", 1)
    with clock.frozen(clock.now()):
        start = clock.now()
    waits, at = [], start
    for _ in range(outbox.MAX_ATTEMPTS):
        with clock.frozen(at):
            outbox.relay()
            (row,) = rows()
        if row.parked_at:
            break
        waits.append((row.retry_at - at).total_seconds())
        at = row.retry_at
    assert waits == [1, 2, 4, 8, 16, 32, 64] and row.parked_at and row.attempts == outbox.MAX_ATTEMPTS


def test_a_poison_event_is_parked_told_of_and_what_follows_goes_on():
    told = []
    outbox.on_parked(lambda event, error: told.append((event.payload["number"], error)))

    def handler(events):
        if any(event.payload["number"] == 1 for event in events):
            raise KeyError("iban")

    outbox.subscribe("test.*", handler)
    for number in (1, 2, 3):
        publish("a", number)
    outbox.drain()
    assert [e.payload["number"] for e in rows(parked_at__isnull=False)] == [1]
    assert [event["number"] for event in stream()] == [2, 3]
    assert told == [(1, "KeyError: 'iban'")] and outbox.lag()["parked"] == 1
    outbox._subscribers.clear()
    (poison,) = rows(parked_at__isnull=False)
    assert outbox.unpark(poison.pk) is False  # a stranger sees it not
    with tenancy.platform_scope():
        assert outbox.unpark(poison.pk) is True and outbox.unpark(poison.pk) is False
    outbox.drain()
    assert [event["number"] for event in stream()] == [2, 3, 1] and outbox.lag()["parked"] == 0


def test_what_a_handler_wrote_before_it_failed_is_gone():
    from payos.kernel.heartbeat import say
    from payos.kernel.models import Heartbeat

    def handler(events):
        for event in events:
            say(f"handled {event.payload['number']}")
        if any(event.payload["number"] == 2 for event in events):
            raise ValueError

    outbox.subscribe("test.*", handler)
    publish("a", 1)
    publish("b", 2)
    outbox.drain()
    assert set(Heartbeat.objects.values_list("name", flat=True)) == {"handled 1"}


def test_a_bad_event_among_many_costs_only_itself():
    handled = []

    def handler(events):
        if any(event.payload["number"] == 250 for event in events):
            raise ValueError
        handled.extend(event.payload["number"] for event in events)

    outbox.subscribe("test.*", handler)
    with tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, livemode, payload, created_at)"
            " SELECT gen_random_uuid(), 'test', 'test.bulk', 'agg' || n, false, jsonb_build_object('number', n), now()"
            " FROM generate_series(1, 700) AS n"
        )
    outbox.drain()
    assert sorted(handled) == [n for n in range(1, 701) if n != 250]
    assert [e.payload["number"] for e in rows(parked_at__isnull=False)] == [250] and len(stream()) == 699


class Dead:
    """A Redis that is away: a client with nobody at the other end."""

    def __init__(self):
        self.real = library.Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)

    def __call__(self):
        return self.real


def test_redis_away_delays_the_sink_and_nothing_else(monkeypatch):
    seen = []
    outbox.subscribe("test.*", seen.extend)
    publish("a", 1)
    with monkeypatch.context() as away:
        away.setattr(redis, "client", Dead())
        outbox.drain()
        assert len(seen) == 1 and outbox.lag()["unhandled"] == 0
        assert outbox.lag()["unpublished"] == 1
        publish("a", 2)
        outbox.drain()
    assert len(seen) == 2
    outbox.drain()
    assert [event["number"] for event in stream()] == [1, 2] and not rows(published_at=None)


def test_a_crash_between_sending_and_marking_sends_again_with_the_same_id(monkeypatch):
    publish("a", 1)
    real = sinks.send

    def crash(events):
        real(events)
        raise SystemExit  # the process dies: it was sent, and nobody wrote that down

    monkeypatch.setattr(sinks, "send", crash)
    with pytest.raises(SystemExit), transaction.atomic():
        outbox.drain()
    assert [e.published_at for e in rows()] == [None]
    monkeypatch.setattr(sinks, "send", real)
    outbox.drain()
    first, second = stream()
    assert first == second and first["event_id"] == second["event_id"]  # at least once, told apart by the id


@pytest.mark.django_db(transaction=True)
class TestSeveralRelays:
    def test_two_relays_at_once_hand_on_every_event_once_and_in_order(self):
        seen, lock = [], threading.Lock()

        def handler(events):
            with lock:
                seen.extend((e.aggregate_id, e.payload["number"]) for e in events)

        outbox.subscribe("test.*", handler)
        for number in range(30):
            publish(f"agg{number % 3}", number)

        def work():
            try:
                for _ in range(40):
                    outbox.relay(limit=4)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        outbox.drain()
        assert len(seen) == len(set(seen)) == 30
        for aggregate in ("agg0", "agg1", "agg2"):
            numbers = [n for a, n in seen if a == aggregate]
            assert numbers == sorted(numbers)
        told = [event["number"] for event in stream()]
        assert sorted(told) == list(range(30))

    def test_an_event_that_commits_late_is_not_skipped(self):
        """Its number was drawn before another's that committed first: a reader by number would have passed it."""
        written, go_on = threading.Event(), threading.Event()

        def late():
            try:
                with transaction.atomic():
                    publish("late", 1)
                    written.set()
                    assert go_on.wait(20)
            finally:
                connection.close()

        thread = threading.Thread(target=late)
        thread.start()
        assert written.wait(20)
        publish("early", 2)
        outbox.drain()
        assert [event["number"] for event in stream()] == [2]
        go_on.set()
        thread.join(20)
        outbox.drain()
        assert [event["number"] for event in stream()] == [2, 1]
        first, second = rows()
        assert first.aggregate_id == "late" and first.handled_at > second.handled_at

    def test_what_a_subscriber_did_commits_with_the_mark(self):
        """The process dies after the handler: its effects are gone with it, and the next relay does them once."""
        from payos.kernel.heartbeat import say
        from payos.kernel.models import Heartbeat

        publish("a", 1)
        calls = []

        def handler(events):
            calls.append(len(events))
            say(f"effect {len(calls)}")
            if len(calls) == 1:
                connection.connection.close()
                raise SystemExit

        outbox.subscribe("test.*", handler)

        def dies():
            try:
                outbox.relay()
            except BaseException:  # noqa: B036
                pass
            finally:
                connection.close()

        thread = threading.Thread(target=dies)
        thread.start()
        thread.join(20)
        outbox.drain()
        assert set(Heartbeat.objects.values_list("name", flat=True)) == {f"effect {len(calls)}"} and len(calls) >= 2
        assert rows()[0].handled_at


def test_told_events_are_forgotten_after_their_time_and_others_never(settings):
    outbox.subscribe("test.poison", lambda events: 1 / 0)
    with clock.travel(clock.now() - timedelta(days=settings.OUTBOX_DAYS + 2)):
        with tenancy.platform_scope():
            for number, kind in ((1, "test.happened"), (2, "test.poison")):
                outbox.publish(
                    topic="test",
                    event_type=kind,
                    aggregate_id=f"a{number}",
                    payload={"number": number},
                    partner_id=None,
                    event_id=ids.uuid7(clock.now()),
                )
    publish("a3", 3)
    outbox.drain()
    with tenancy.platform_scope():
        assert outbox.remove_published() == 1
    assert [row.payload["number"] for row in rows()] == [2, 3]


def test_lag_is_the_age_of_the_oldest():
    with clock.travel(clock.now() - timedelta(minutes=7)):
        publish("a", 1)
    lag = outbox.lag()
    assert lag["unhandled"] == 1 and 415 < lag["seconds"] < 430
