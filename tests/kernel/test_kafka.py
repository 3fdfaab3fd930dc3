"""The Kafka sink, against the mock cluster that librdkafka carries: real broker protocol on loopback, no broker."""

from __future__ import annotations

import json

import pytest
from django.test import override_settings

from payos.kernel import ids, outbox, sinks, tenancy
from payos.kernel.models import OutboxEvent

confluent_kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def brokers():
    from confluent_kafka.admin import AdminClient

    # The cluster lives as long as this client, which asks it for its addresses as any client would.
    owner = AdminClient({"bootstrap.servers": "ignored:1", "test.mock.num.brokers": 3})
    addresses = ",".join(f"{b.host}:{b.port}" for b in owner.list_topics(timeout=20).brokers.values())
    assert addresses.count(":") == 3
    yield addresses
    del owner


@pytest.fixture(autouse=True)
def kafka(brokers, monkeypatch):
    monkeypatch.setattr(outbox, "_subscribers", [])
    monkeypatch.setattr(outbox, "_parked_hooks", [])
    sinks.close()
    with override_settings(KAFKA_BROKERS=brokers):
        yield
    sinks.close()


def publish(topic, aggregate, number, **payload):
    with tenancy.platform_scope():
        return outbox.publish(
            topic=topic, event_type="transfer.settled", aggregate_id=aggregate, payload={"number": number, **payload}, partner_id=None
        )


def read(brokers, topic, count):
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": brokers, "group.id": "test", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    partitions = consumer.list_topics(topic, timeout=20).topics[topic].partitions
    consumer.assign([confluent_kafka.TopicPartition(topic, number, 0) for number in partitions])
    found = []
    for _ in range(200):
        message = consumer.poll(0.2)
        if message is not None and message.error() is None:
            found.append(message)
        if len(found) >= count and message is None:
            break
    consumer.close()
    return found


def test_events_arrive_keyed_by_aggregate_and_in_order(brokers):
    made = [publish("kafka-order", f"trf_{n % 4}", n) for n in range(40)]
    outbox.drain()
    messages = read(brokers, "kafka-order", 40)
    assert len(messages) == 40
    by_aggregate: dict[str, list[int]] = {}
    for message in messages:
        body = json.loads(message.value())
        assert dict(message.headers())["event-id"].decode() == body["event_id"]
        by_aggregate.setdefault(message.key().decode(), []).append(body["number"])
    assert by_aggregate == {f"trf_{k}": [n for n in range(40) if n % 4 == k] for k in range(4)}
    assert {json.loads(m.value())["event_id"] for m in messages} == {ids.encode("evt", one) for one in made}
    assert not _unpublished()


def test_brokers_that_are_away_lose_nothing(brokers):
    with override_settings(KAFKA_BROKERS="127.0.0.1:1"):
        sinks.close()
        sinks._producer = confluent_kafka.Producer({"bootstrap.servers": "127.0.0.1:1", "message.timeout.ms": 500, "log_level": 0})
        publish("kafka-away", "trf_1", 1)
        publish("kafka-away", "trf_1", 2)
        with tenancy.platform_scope():
            outbox.relay()
        assert _unpublished() == 2
    sinks.close()
    outbox.drain()
    assert [json.loads(m.value())["number"] for m in read(brokers, "kafka-away", 2)] == [1, 2] and not _unpublished()


def test_an_event_that_is_too_large_for_the_broker_is_parked_and_holds_up_nobody(brokers):
    told = []
    outbox.on_parked(lambda event, error: told.append((event.payload["number"], error)))
    publish("kafka-large", "trf_1", 1)
    publish("kafka-large", "trf_2", 2, blob="x" * 1_200_000)
    publish("kafka-large", "trf_3", 3)
    outbox.drain()
    assert sorted(json.loads(m.value())["number"] for m in read(brokers, "kafka-large", 2)) == [1, 3]
    assert [number for number, _ in told] == [2] and "too large" in told[0][1].lower()
    with tenancy.platform_scope():
        (row,) = OutboxEvent.objects.filter(parked_at__isnull=False)
    assert row.payload["number"] == 2


def _unpublished():
    with tenancy.platform_scope():
        return OutboxEvent.objects.filter(published_at=None).count()
