"""Payments that wait for each other are recorded in one transaction; each caller still gets its own true answer."""

from __future__ import annotations

import threading
import time

import pytest
from django.db import connection

from ingestion import dedup
from ingestion.models import Payment
from ingestion.services import recording, together
from ledger.models import Account, Transaction
from ledger.services import account_for
from payos.kernel import clock, redis, tenancy
from payos.kernel.errors import Problem
from payos.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forget():
    dedup.forget()
    redis.client().flushdb()


def payment(reference, amount=1250, channel="webhook", **fields):
    return recording.PaymentIn(reference, amount, "USD", clock.now(), channel, "L-1", "C-1", **fields)


def at_once(partner, superuser, payments):
    """All are sent while a lock of somebody else stops the first: the others gather behind it and go as one batch."""
    for channel in {one.payment_channel for one in payments}:
        with tenancy.platform_scope():
            account_for(partner_id=partner.pk, livemode=False, code=f"receivable:{channel}", currency="USD")
            account_for(partner_id=partner.pk, livemode=False, code="partner:available", currency="USD")
    answers: list = [None] * len(payments)

    def caller(place):
        with tenancy.tenant_scope(partner.pk, False):
            try:
                answers[place] = recording.record(partner_id=partner.pk, livemode=False, source="core", payment=payments[place])
            except Problem as problem:
                answers[place] = problem.code
        connection.close()

    lane = together.lane_of((partner.pk, False, "core"))
    threads = [threading.Thread(target=caller, args=(place,)) for place in range(len(payments))]
    with superuser.transaction():
        superuser.execute("LOCK TABLE ingestion_paymentreference IN SHARE MODE")
        for number, thread in enumerate(threads):
            thread.start()
            for _ in range(500):
                if len(lane.waiting) >= number:
                    break
                time.sleep(0.01)
    for thread in threads:
        thread.join(30)
    assert not lane.running and not lane.waiting
    return answers


def transactions_that_wrote_payments(superuser):
    return superuser.execute("SELECT count(DISTINCT xmin::text) FROM ingestion_payment").fetchone()[0]


def test_what_gathers_is_one_transaction_with_an_answer_for_each(partner, superuser):
    answers = at_once(partner, superuser, [payment(f"T-{n}", amount=100 + n) for n in range(12)])
    assert [answer.status for answer in answers] == ["created"] * 12
    assert transactions_that_wrote_payments(superuser) == 2  # the first alone, the eleven behind it together
    with tenancy.platform_scope():
        rows = dict(Payment.objects.values_list("reference_number", "id"))
        assert rows == {f"T-{n}": answer.payment_id for n, answer in enumerate(answers)}
        amounts = dict(Payment.objects.values_list("reference_number", "amount_minor"))
        assert amounts == {f"T-{n}": 100 + n for n in range(12)}
        assert set(Transaction.objects.filter(kind="payment.recorded").values_list("subject_id", flat=True)) == {
            str(i) for i in rows.values()
        }
        events = OutboxEvent.objects.filter(event_type="payment.recorded")
        assert {event.payload["payment"]["amount"] for event in events} == {f"1.{n:02}" for n in range(12)}


def test_repeats_and_contradictions_within_a_batch_are_told_apart(partner, superuser):
    answers = at_once(
        partner, superuser, [payment("first"), payment("A"), payment("A"), payment("A", amount=999), payment("B", hold_days=0)]
    )
    assert answers[0].status == answers[4].status == "created"
    same = answers[1:4]
    assert sorted(answer.status for answer in same) in (["conflict", "created", "duplicate"], ["conflict", "conflict", "created"])
    assert len({answer.payment_id for answer in same}) == 1
    with tenancy.platform_scope():
        assert Payment.objects.count() == Transaction.objects.filter(kind="payment.recorded").count() == 3


def test_one_refused_payment_does_not_take_its_neighbours_with_it(partner, superuser):
    with tenancy.platform_scope():
        account_for(partner_id=partner.pk, livemode=False, code="receivable:shut", currency="USD")
        Account.objects.filter(code="receivable:shut").update(closed_at=clock.now())
    answers = at_once(partner, superuser, [payment("first"), payment("G-1"), payment("bad", channel="shut"), payment("G-2")])
    assert answers[2] == "account_refused"
    assert [answers[place].status for place in (0, 1, 3)] == ["created"] * 3
    with tenancy.platform_scope():
        assert set(Payment.objects.values_list("reference_number", flat=True)) == {"first", "G-1", "G-2"}


def test_a_refused_payment_does_not_hide_that_its_neighbours_were_recorded_before(partner, superuser):
    with tenancy.platform_scope():
        account_for(partner_id=partner.pk, livemode=False, code="receivable:shut", currency="USD")
        Account.objects.filter(code="receivable:shut").update(closed_at=clock.now())
    (known,) = at_once(partner, superuser, [payment("K-1")])
    # Another process recorded it: only Redis knows.
    key = dedup.Key(partner.pk, False, "core", "K-1")
    dedup._to_redis([(key, dedup.in_memory(key))])
    dedup.forget()
    answers = at_once(partner, superuser, [payment("first"), payment("K-1"), payment("bad", channel="shut")])
    assert (answers[1].status, answers[1].payment_id) == ("duplicate", known.payment_id)
    assert answers[2] == "account_refused" and answers[0].status == "created"


def test_a_leader_that_fails_tells_all_and_the_lane_goes_on():
    gate, calls = threading.Event(), []

    def execute(items):
        calls.append(len(items))
        gate.wait(10)
        if "bad" in items:
            raise RuntimeError("lost")
        return [item.upper() for item in items]

    answers: dict = {}

    def caller(item):
        try:
            answers[item] = together.run("a lane", item, execute)
        except RuntimeError as error:
            answers[item] = str(error)

    lane = together.lane_of("a lane")
    threads = [threading.Thread(target=caller, args=(item,)) for item in ("one", "bad", "two")]
    for number, thread in enumerate(threads):
        thread.start()
        while not (lane.running and len(lane.waiting) >= number):
            time.sleep(0.001)
    gate.set()
    for thread in threads:
        thread.join(10)
    assert calls == [1, 2] and answers == {"one": "ONE", "bad": "lost", "two": "lost"}
    assert together.run("a lane", "three", execute) == "THREE"
