"""Warming the caches never changes an answer; what runs full or late is measured and told."""

from __future__ import annotations

import io
import random
from datetime import timedelta
from importlib import import_module

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, connections

from ingestion import dedup, metrics, services, stats, tasks
from ingestion.models import Payment, PaymentStaging, WebhookLatency
from ingestion.services import partitions
from operations import alerts
from operations.models import Alert, AlertRule
from payos.kernel import clock, outbox, redis, tenancy
from payos.kernel import metrics as kernel_metrics
from payos.kernel.models import OutboxEvent
from tests.conftest import superuser_url

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh():
    client = redis.client()
    dedup.forget()
    client.flushdb()
    yield
    dedup.forget()
    client.flushdb()


def pay(partner, number, amount="10.00"):
    payment = services.check(
        {"reference_number": f"W-{number}", "loan_account_number": "L", "cif": "C", "amount": amount, "payment_date": clock.now().isoformat()},
        currency="USD", channel="core",
    )  # fmt: skip
    with tenancy.tenant_scope(partner.pk, False, actor="source:core"):
        return services.record(partner_id=partner.pk, livemode=False, source="core", payment=payment)


@pytest.mark.django_db(transaction=True)  # within a transaction Redis is never asked
def test_a_warm_cache_answers_without_the_database(partner, platform, django_assert_num_queries):
    made = [pay(partner, number).payment_id for number in range(20)]
    assert tasks.warm_dedup() == 20
    with django_assert_num_queries(0):
        assert [pay(partner, number).status for number in range(20)] == ["duplicate"] * 20
    known = dedup.statistics.redis
    dedup._memory.clear()  # another process: Redis knows, and is believed after one look at the payment
    assert [pay(partner, number).payment_id for number in range(20)] == made
    assert dedup.statistics.redis - known >= 20
    out = io.StringIO()
    call_command("warm_dedup", "--limit", "5", stdout=out)
    assert out.getvalue().startswith("5 references")


def test_warming_takes_the_newest_and_no_more_than_memory_holds(partner, platform, monkeypatch):
    for number in range(10):
        pay(partner, number)
    monkeypatch.setattr(dedup, "CAPACITY", 4)
    dedup.warm_up(8)
    assert [key.reference for key in dedup._memory] == ["W-6", "W-7", "W-8", "W-9"]


def swapped(names):
    """Every answer under another reference's name: each correctly sealed, for the wrong one."""
    client = redis.client()
    values = [client.get(name) for name in names]
    for name, value in zip(names, values[1:] + values[:1], strict=True):
        client.set(name, value)


def garbage(names):
    chance = random.Random(7)
    for name in names:
        redis.client().set(name, chance.choice([b"", b"\x00" * 200, b"a|b|c", b"|||", "ä|ü|ö".encode(), chance.randbytes(90)]))


def of_another_kind(names):
    for name in names:
        redis.client().delete(name)
        redis.client().lpush(name, "no string at all")


DAMAGE = {
    "none": lambda names: None,
    "swapped": swapped,
    "garbage": garbage,
    "kinds": of_another_kind,
    "lost": lambda names: redis.client().flushdb(),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("damage", [*DAMAGE, "away while warming", "away afterwards"])
@pytest.mark.parametrize("memory", ["kept", "another process"])
def test_whatever_happens_to_redis_the_answers_are_the_same(partner, platform, monkeypatch, damage, memory):
    made = {number: pay(partner, number).payment_id for number in range(12)}
    dedup.forget()
    redis.client().flushdb()

    def gone():
        raise redis.Unavailable[0]("gone")

    if damage == "away while warming":
        with monkeypatch.context() as away:
            away.setattr(dedup.redis, "client", gone)
            assert tasks.warm_dedup() == 12
    else:
        assert tasks.warm_dedup() == 12
    if damage in DAMAGE:
        DAMAGE[damage]([dedup.Key(partner.pk, False, "core", f"W-{number}").name for number in made])
    elif damage == "away afterwards":
        monkeypatch.setattr(dedup.redis, "client", gone)
    if memory == "another process":
        dedup._memory.clear()
    assert [(pay(partner, number).status, pay(partner, number).payment_id) for number in made] == [
        ("duplicate", key) for key in made.values()
    ]
    assert [pay(partner, number, amount="99.00").status for number in made] == ["conflict"] * 12
    assert [pay(partner, number).status for number in range(100, 105)] == ["created"] * 5
    assert Payment.objects.count() == 17


def test_a_worker_that_starts_asks_for_it(monkeypatch):
    from kombu.exceptions import OperationalError

    from payos import celery

    sent = []
    monkeypatch.setattr(celery.app, "send_task", lambda name, **more: sent.append(name))
    from celery import signals

    signals.worker_ready.send(sender=None)
    assert sent == ["ingestion.tasks.warm_dedup"] and sent[0] in celery.app.tasks

    def away(*args, **more):
        raise OperationalError("no broker")

    monkeypatch.setattr(celery.app, "send_task", away)
    celery._warm_the_caches()


# What is measured.


def gauges():
    return {
        (name, *labels.values()): value for source in (metrics.samples, kernel_metrics.kernel_source) for name, _, labels, value in source()
    }


RULES = import_module("operations.migrations.0006_ingestion_rules").RULES


@pytest.fixture
def rules(db, platform):
    # What earlier tests' messages left to be counted is not this test's.
    stats.flush()
    WebhookLatency.objects.all().delete()
    AlertRule.objects.update(enabled=False)
    for rule in RULES:
        AlertRule.objects.update_or_create(name=rule["name"], defaults={**rule, "enabled": True, "for_minutes": 0})


def fired():
    alerts.evaluate()
    return set(Alert.objects.filter(state="firing").values_list("rule__name", flat=True))


def test_every_rule_watches_a_metric_that_is_there(partner, platform):
    stats.add(None, "core", "created", 3.0)
    stats.flush()
    names = {key[0] for key in gauges()}
    assert {rule["metric"] for rule in RULES} <= names
    first = import_module("operations.migrations.0004_defaults").RULES
    assert {rule["metric"] for rule in first if "metric" in rule} <= names | {"payos_breaker_open", "payos_heartbeat_age_seconds"}


def test_nothing_fires_on_a_quiet_day(rules):
    partitions.make_partitions()
    assert fired() == set()


def test_a_backlog_is_told(rules, partner, superuser):
    PaymentStaging.objects.bulk_create([PaymentStaging(partner_id=partner.pk, reference_number=str(n)) for n in range(10_001)])
    assert "Staging backlog" in fired()
    PaymentStaging.objects.filter(reference_number="1").update(processed=True)
    assert "Staging backlog" not in fired()


def test_slow_answers_are_told_by_their_share_and_forgotten(rules):
    for _ in range(94):
        stats.add(None, "core", "created", 8.0)
    for _ in range(6):
        stats.add(None, "core", "created", 900.0)
    stats.flush()
    assert 750 < stats.quantile_ms() <= 1000 and 5 < stats.quantile_ms(0.5) <= 10
    assert "Webhooks are answered slowly" in fired()
    for _ in range(40):
        stats.add(None, "core", "created", 8.0)
    stats.flush()
    assert stats.quantile_ms() <= 10 and "Webhooks are answered slowly" not in fired()
    stats.add(None, "core", "created", 1e8)
    stats.flush()
    assert stats.quantile_ms(1.0) == stats.BUCKETS[-2]
    with clock.travel(clock.now() + timedelta(minutes=6)):
        assert stats.quantile_ms() is None
    with clock.travel(clock.now() + timedelta(days=3)):
        assert tasks.forget_latency() > 0


def test_events_that_no_sink_takes_are_told(rules, monkeypatch):
    for number in range(100):
        outbox.publish(topic="t", event_type="x", aggregate_id=str(number), payload={}, partner_id=None)
    outbox.drain()
    assert outbox.failure_ratio() == 0.0
    monkeypatch.setattr(outbox.sinks, "send", lambda events: ([], []))
    for number in range(2):
        outbox.publish(topic="t", event_type="x", aggregate_id=f"late {number}", payload={}, partner_id=None)
    outbox.relay()
    assert outbox.failure_ratio() == 0.0, "they may still be taken"
    OutboxEvent.objects.filter(published_at=None).update(handled_at=clock.now() - timedelta(minutes=2))
    assert outbox.failure_ratio() == pytest.approx(2 / 102) and "Events are not published" in fired()
    with clock.travel(clock.now() + timedelta(hours=2)):
        assert outbox.failure_ratio() == 0.0


@pytest.mark.django_db(transaction=True)  # a transaction looks at the list of sessions once
def test_connections_are_counted_against_what_there_is(platform):
    before = kernel_metrics._connections()
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int")
        allowed = cursor.fetchone()[0]
    links = [psycopg.connect(superuser_url(connections["default"].settings_dict["NAME"])) for _ in range(5)]
    try:
        assert kernel_metrics._connections() - before >= 3 / allowed
    finally:
        for link in links:
            link.close()


def test_partitions_that_run_out_or_are_missing_are_told(rules, partner):
    partitions.make_partitions()
    room = partitions.room()
    assert room.days_left > 80 and room.stray == 0 and room.largest.startswith("ingestion_payment_2")
    with clock.travel(clock.now() + timedelta(days=70)):
        assert partitions.room().days_left < 40 and "Partitions of payments run out" in fired()
    with clock.travel(clock.now() + timedelta(days=400)):
        assert partitions.room().days_left == 0
    with tenancy.platform_scope(), connection.cursor() as cursor:
        month = (clock.now().date().replace(day=1) + timedelta(days=40)).replace(day=1)
        cursor.execute("SELECT ingestion_detach_partition(%s)", [month])
    assert partitions.room().days_left < 32, "what lies behind a gap does not count"


def test_a_nearly_full_partition_is_told(rules, superuser, monkeypatch):
    monkeypatch.setattr(partitions, "ROWS_OF_A_MONTH", 10)
    superuser.execute("UPDATE pg_class SET reltuples = 9 WHERE relname = %s", [partitions.room().largest])
    try:
        assert "A partition of payments is nearly full" not in fired()
        superuser.execute("UPDATE pg_class SET reltuples = 10 WHERE relname = %s", [partitions.room().largest])
        assert "A partition of payments is nearly full" in fired()
    finally:
        superuser.execute("UPDATE pg_class SET reltuples = -1 WHERE relname = %s", [partitions.room().largest])
