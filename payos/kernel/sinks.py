"""Where events go outside the process: Redis Streams by default, Kafka where KAFKA_BROKERS is set."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from payos.kernel import redis

log = logging.getLogger("payos.outbox")
STREAM_LENGTH = 200_000
_producer: Any = None
_producer_lock = threading.Lock()


# What it took, and what it can never take with the reason.
Outcome = tuple[list[Any], list[tuple[Any, str]]]


def send(events: Sequence[Any]) -> Outcome:
    """Hand events to the configured sink; what it took is a prefix of what was given, per aggregate."""
    return _to_kafka(events) if settings.KAFKA_BROKERS else _to_redis(events)


def _to_redis(events: Sequence[Any]) -> Outcome:
    try:
        pipe = redis.client().pipeline(transaction=False)
        for event in events:
            pipe.xadd(
                f"payos:{event.topic}",
                {"id": event.public_id, "key": event.aggregate_id, "event": json.dumps(event.envelope(), cls=DjangoJSONEncoder)},
                maxlen=STREAM_LENGTH,
                approximate=True,
            )
        pipe.execute()
    except redis.Unavailable as error:
        log.warning("outbox.redis_unavailable", extra={"error": str(error)})
        return [], []
    return list(events), []


def _kafka() -> Any:
    global _producer
    with _producer_lock:
        if _producer is None:
            from confluent_kafka import Producer

            _producer = Producer(
                {
                    "bootstrap.servers": settings.KAFKA_BROKERS,
                    "enable.idempotence": True,  # acks=all and order per partition, kept over retries
                    "message.timeout.ms": 20_000,
                    "linger.ms": 5,
                }
            )
        return _producer


def close() -> None:
    """Forget the Kafka connection, so that the next event makes a new one."""
    global _producer
    with _producer_lock:
        _producer = None


def _to_kafka(events: Sequence[Any]) -> Outcome:
    from confluent_kafka import KafkaError, KafkaException

    producer, broken = _kafka(), set()
    taken: list[Any] = []
    refused: list[tuple[Any, str]] = []

    def report(event: Any) -> Any:
        def delivered(error: Any, message: Any) -> None:
            if error is None:
                taken.append(event)
            else:
                broken.add(event.aggregate_id)
                log.warning("outbox.kafka_refused", extra={"event_id": event.public_id, "error": str(error)})

        return delivered

    for event in events:
        try:
            producer.produce(
                event.topic,
                key=event.aggregate_id,
                value=json.dumps(event.envelope(), cls=DjangoJSONEncoder),
                headers={"event-id": event.public_id},
                on_delivery=report(event),
            )
        except KafkaException as error:
            if error.args[0].code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise
            refused.append((event, str(error)))  # no later try will make it smaller
        producer.poll(0)
    if producer.flush(30):
        close()  # what is still in its queue is sent again by a later call, through a new producer
    order = {event.id: place for place, event in enumerate(events)}
    return sorted((e for e in taken if e.aggregate_id not in broken), key=lambda e: order[e.id]), refused
