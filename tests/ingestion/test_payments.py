"""Payments in: each exactly once, from the staging table and by webhook; whatever is wrong is said and kept."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection

from ingestion import channels, dedup, services, stats
from ingestion.models import Currency, Payment, PaymentReference, PaymentStaging, RawMessage, StagingProcessLog
from ledger import selectors
from ledger.models import Account, Transaction
from operations.models import Case
from partners.services import branch_create
from payos.kernel import clock, outbox, redis, tenancy
from payos.kernel.currencies import EXPONENTS
from payos.kernel.models import OutboxEvent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _forget():
    dedup.forget()
    channels.forget_sources()
    redis.client().flushdb()


@pytest.fixture
def source(partner, platform):
    made, secret = services.source_create(partner=partner, livemode=False, name="core", adapter="generic")
    return made, secret


def stage(partner, *rows, **common):
    base = {"amount": Decimal("10.00"), "payment_date": clock.now(), "loan_account_number": "L-1", "partner_id": partner.pk}
    PaymentStaging.objects.bulk_create([PaymentStaging(**{**base, **common, **row}) for row in rows])


def send(client, source, body, channel="", secret=None, at=None, raw=None):
    made, real = source
    raw = raw if raw is not None else json.dumps(body).encode()
    timestamp = str(int((at or clock.now()).timestamp()))
    signature = hmac.new((secret or real).encode(), timestamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
    return client.post(
        f"/api/v1/payments/webhook{channel}?source={made.public_id}",
        raw,
        content_type="application/json",
        headers={"X-Timestamp": timestamp, "X-Signature": f"sha256={signature}"},
    )


def body(**fields):
    return {
        "reference_number": "R-1",
        "loan_account_number": "L-1",
        "cif": "C-1",
        "amount": "125.50",
        "payment_date": clock.now().isoformat(),
        **fields,
    }


def balance(partner, code, currency="USD"):
    return selectors.balance(Account.objects.get(partner=partner, livemode=False, code=code, currency=currency)).posted_minor


def test_the_sql_currency_table_is_the_code_s(platform):
    assert {row.code: row.factor for row in Currency.objects.all()} == {code: 10**places for code, places in EXPONENTS.items()}


def test_a_staged_batch_is_recorded_once(partner, platform):
    stage(partner, *[{"reference_number": f"S-{n}", "amount": Decimal(n + 1)} for n in range(30)])
    done = services.process_all(batch=7)
    assert (done.total, done.created) == (30, 30)
    assert Payment.objects.count() == 30
    assert balance(partner, "receivable:staging") == sum(range(1, 31)) * 100
    assert Transaction.objects.filter(kind="payment.recorded").count() == 30
    assert OutboxEvent.objects.filter(event_type="payment.recorded").count() == 30
    assert services.process_all().total == 0
    stage(partner, *[{"reference_number": f"S-{n}", "amount": Decimal(n + 1)} for n in range(30)])
    assert services.process_all().duplicates == 30
    assert Payment.objects.count() == 30 and StagingProcessLog.objects.filter(total__gt=0).count() == 6


def test_bad_rows_are_rejected_alone_with_their_reason(partner, platform):
    now = clock.now()
    bad = [
        {"reference_number": "neg", "amount": Decimal("-1")},
        {"reference_number": "zero", "amount": Decimal("0")},
        {"reference_number": "precise", "amount": Decimal("1.001")},
        {"reference_number": "huge", "amount": Decimal("9" * 24)},
        {"reference_number": "currency", "currency": "XXQ"},
        {"reference_number": "future", "payment_date": now + timedelta(days=30)},
        {"reference_number": "past", "payment_date": now - timedelta(days=9999)},
        {"reference_number": None},
        {"reference_number": "branch", "branch_code": "nowhere"},
        {"reference_number": "nodate", "payment_date": None},
    ]
    stage(partner, {"reference_number": "good-1"}, *bad, {"reference_number": "good-2"})
    done = services.process_all()
    assert (done.created, done.rejected) == (2, len(bad))
    reasons = dict(PaymentStaging.objects.filter(outcome="rejected").values_list("reference_number", "error"))
    assert reasons["precise"].startswith("amount: has more decimal places")
    assert reasons["currency"].startswith("currency") and reasons["future"].startswith("payment_date")
    assert Case.objects.filter(kind="payment_rejected").count() == len(bad)


def test_a_row_that_the_database_refuses_is_found_by_halving(partner, platform, monkeypatch):
    from ingestion.services import staging as module

    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    rows = [{"reference_number": f"B-{n}"} for n in range(20)]
    rows[11]["metadata"] = {"a": 1}
    stage(partner, *rows)
    with connection.cursor() as cursor:
        # A fault that no check of ours foresees.
        cursor.execute("UPDATE payment_staging SET loan_account_number = repeat('x', 64), cif = 'poison' WHERE reference_number = 'B-11'")
    real = module.process_batch

    def poisoned(**arguments):
        from django.db import DatabaseError, transaction

        with transaction.atomic():
            result = real(**arguments)
            if Payment.objects.filter(cif="poison").exists():
                raise DatabaseError("something nobody thought of")
            return result

    monkeypatch.setattr(module, "process_batch", poisoned)
    done = services.process_all(batch=20)
    assert (done.created, done.rejected) == (19, 1)
    assert PaymentStaging.objects.get(outcome="rejected").error == "something nobody thought of"


def test_a_webhook_records_once_and_tells_repeats_from_contradictions(client, partner, source):
    first = send(client, source, body())
    assert first.status_code == 201 and first.json()["status"] == "created"
    again = send(client, source, body(payment_date="2026-01-05"))
    assert again.status_code == 200 and again.json() == {"status": "duplicate", "payment_id": first.json()["payment_id"]}
    clash = send(client, source, body(amount="125.51"))
    assert clash.status_code == 409 and clash.json()["code"] == "payment_conflict"
    assert Payment.objects.count() == 1
    assert balance(partner, "receivable:webhook") == 12550
    assert Case.objects.get(kind="payment_conflict").references == ["R-1"]
    assert (
        bytes(RawMessage.objects.get().body)
        == json.dumps(body(amount="125.51", payment_date=json.loads(bytes(RawMessage.objects.get().body))["payment_date"])).encode()
    )


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"amount": "-1"}, "/amount"),
        ({"amount": "0"}, "/amount"),
        ({"amount": "1.001"}, "/amount"),
        ({"amount": "99999999999999999999"}, "/amount"),
        ({"amount": True}, "/amount"),
        ({"amount": "NaN"}, "/amount"),
        ({"amount": "1e3"}, "/amount"),
        ({"amount": None}, "/amount"),
        ({"currency": "XXQ"}, "/currency"),
        ({"payment_date": "2099-01-01"}, "/payment_date"),
        ({"payment_date": "1990-01-01"}, "/payment_date"),
        ({"payment_date": "yesterday"}, "/payment_date"),
        ({"payment_date": 5}, "/payment_date"),
        ({"reference_number": None}, "/reference_number"),
        ({"reference_number": "x" * 121}, "/reference_number"),
        ({"reference_number": ["x"]}, "/reference_number"),
        ({"branch": "nowhere"}, "/branch"),
        ({"metadata": "x"}, "/metadata"),
        ({"metadata": {"x": "y" * 70000}}, "/metadata"),
        ({"payment_channel": "no spaces"}, "/payment_channel"),
    ],
)
def test_bad_fields_are_pointed_at_and_nothing_is_recorded(client, partner, source, change, pointer):
    answer = send(client, source, body(**change))
    assert answer.status_code == 422, answer.content
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert not Payment.objects.exists() and RawMessage.objects.count() == 1


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"a": "\\u0000"}', b"[" * 5000, b'{"amount": NaN}', b'"text"', b"\x00"])
def test_unreadable_messages_are_kept_and_never_a_500(client, partner, source, raw):
    answer = send(client, source, None, raw=raw)
    assert answer.status_code == 422
    assert bytes(RawMessage.objects.get().body) == raw
    assert Case.objects.filter(kind="message_unreadable").count() == 1


def test_who_cannot_prove_itself_is_refused_and_counted(client, partner, source):
    assert send(client, source, body(), secret="wrong").status_code == 401
    assert send(client, source, body(), at=clock.now() - timedelta(hours=1)).status_code == 401
    assert client.post("/api/v1/payments/webhook", b"{}", content_type="application/json").status_code == 401
    assert send(client, source, body(), channel="/nowhere").status_code == 404
    assert send(client, source, None, raw=b"x" * (1024 * 1024 + 1)).status_code == 413
    assert not Payment.objects.exists() and not RawMessage.objects.exists()
    assert stats.figures(partner.pk)["webhooks"]["by_outcome"]["source_unverified"] == 3


def test_a_rotated_secret_verifies_until_its_overlap_ends(client, partner, source):
    made, old = source
    fresh = services.source_rotate(source=made)
    assert send(client, (made, old), body()).status_code == 201
    assert send(client, (made, fresh), body(reference_number="R-2")).status_code == 201
    with clock.frozen(clock.now() + timedelta(hours=25)):
        channels.forget_sources()
        assert send(client, (made, old), body(reference_number="R-3")).status_code == 401
        assert send(client, (made, fresh), body(reference_number="R-4")).status_code == 201


def test_addresses_outside_the_networks_are_refused(client, partner, platform):
    made = services.source_create(partner=partner, livemode=False, name="fenced", allowed_networks=["10.0.0.0/8"])
    assert send(client, made, body()).status_code == 403


def test_caches_only_save_time(client, partner, source, monkeypatch):
    first = send(client, source, body()).json()
    key = dedup.Key(partner.pk, False, "core", "R-1")
    # poisoned: another payment's answer under this key, unsigned and signed for another key
    dedup.forget()
    redis.client().set(key.name, b"00000000-0000-0000-0000-000000000001|00000000-0000-0000-0000-000000000002|bad")
    assert send(client, source, body()).json() == {"status": "duplicate", "payment_id": first["payment_id"]}
    # invented: a correctly signed entry for a payment that does not exist
    ghost = dedup.Key(partner.pk, False, "core", "R-2")
    known = dedup.Known(Payment.objects.get().pk, dedup.content(12550, "USD", "L-1", "C-1"))
    redis.client().set(ghost.name, b"|".join([str(known.payment_id).encode(), str(known.content).encode(), dedup._seal(ghost, known)]))
    assert send(client, source, body(reference_number="R-2")).json()["status"] == "created"
    # away
    dedup.forget()

    def gone():
        raise redis.Unavailable[0]("gone")

    monkeypatch.setattr(dedup.redis, "client", gone)
    assert send(client, source, body()).json() == {"status": "duplicate", "payment_id": first["payment_id"]}
    assert send(client, source, body(reference_number="R-3")).json()["status"] == "created"
    assert Payment.objects.count() == 3


def test_looking_up_by_id_reads_one_partition(client, partner, source):
    send(client, source, body(payment_date=(clock.now() - timedelta(days=70)).isoformat()))
    payment = Payment.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) SELECT * FROM ingestion_payment WHERE id = %s", [payment.pk])
        plan = json.dumps(cursor.fetchone()[0])
        cursor.execute("SELECT tableoid::regclass::text FROM ingestion_payment WHERE id = %s", [payment.pk])
        assert cursor.fetchone()[0] == f"ingestion_payment_{payment.payment_date:%Y%m}"
    assert plan.count("ingestion_payment_2") == 1 or plan.count('"Relation Name"') == 1


def test_held_payments_become_available_after_banking_days(client, partner, source):
    made, secret = source
    branch_create(partner=partner, code="B1", name="B1", holding_days=2)
    channels.forget_sources()
    friday = datetime(2026, 11, 20, 15, tzinfo=UTC)
    with clock.frozen(friday):
        assert send(client, source, body(branch="B1", payment_date=friday.isoformat())).status_code == 201
        assert balance(partner, "partner:pending") == 12550
        assert services.release_due() == 0
    with clock.frozen(friday + timedelta(days=3)):
        assert services.release_due() == 0
    with clock.frozen(friday + timedelta(days=4)):
        assert services.release_due() == 1 and services.release_due() == 0
    assert balance(partner, "partner:pending") == 0 and balance(partner, "partner:available") == 12550


def test_a_reversal_takes_back_what_there_is_and_notes_what_is_owed(client, partner, source):
    from ledger.services import Leg, account_for, post

    send(client, source, body())
    who = {"partner_id": partner.pk, "livemode": False}
    available, cash = (account_for(**who, code=code, currency="USD") for code in ("partner:available", "cash:ach"))
    post(**who, kind="payout", legs=[Leg(available, 10000), Leg(cash, -10000)])
    services.reverse_payment(payment=Payment.objects.get(), reason="NSF")
    assert balance(partner, "partner:available") == 0
    assert balance(partner, "partner:owed") == 10000
    assert balance(partner, "receivable:webhook") == 0
    assert Payment.objects.get().state == "reversed"


def test_mpesa_callbacks(client, partner, platform):
    made, _ = services.source_create(partner=partner, livemode=False, name="stk", adapter="mpesa_stk", secret="tok", currency="KES")
    paid = {
        "Body": {
            "stkCallback": {
                "MerchantRequestID": "1",
                "CheckoutRequestID": "ws_1",
                "ResultCode": 0,
                "CallbackMetadata": {
                    "Item": [
                        {"Name": "Amount", "Value": 1.0},
                        {"Name": "MpesaReceiptNumber", "Value": "TAA1"},
                        {"Name": "Balance"},
                        {"Name": "TransactionDate", "Value": 20260101030000},
                        {"Name": "PhoneNumber", "Value": 254708374149},
                    ]
                },
            }
        }
    }
    url = f"/api/v1/payments/webhook/mpesa_stk?source={made.public_id}&token=tok"
    assert client.post(url, json.dumps(paid), content_type="application/json").json()["status"] == "created"
    payment = Payment.objects.get()
    assert (payment.amount_minor, payment.currency, payment.payment_date) == (100, "KES", datetime(2026, 1, 1, tzinfo=UTC))
    paid["Body"]["stkCallback"]["ResultCode"] = 1032
    assert client.post(url, json.dumps(paid), content_type="application/json").json()["status"] == "ignored"
    assert client.post(url.replace("tok", "no"), json.dumps(paid), content_type="application/json").status_code == 401


@pytest.mark.django_db(transaction=True)
def test_webhook_and_staging_at_once_record_each_reference_once(partner):
    """Eight senders and two workers with the same 120 references."""
    from django.test import Client

    with tenancy.platform_scope():
        source = services.source_create(partner=partner, livemode=False, name="staging", adapter="generic")
        now = clock.now()
        stage(
            partner, *[{"reference_number": f"X-{n}", "amount": Decimal("125.50"), "cif": "C-1", "payment_date": now} for n in range(120)]
        )
    faults = []

    def sender(offset):
        client = Client(raise_request_exception=False)
        for n in range(120):
            answer = send(client, source, body(reference_number=f"X-{(n * 7 + offset) % 120}"))
            if answer.status_code not in {200, 201}:
                faults.append(answer.content)
        connection.close()

    def worker():
        for _ in range(20):
            services.process_all(batch=10)
        connection.close()

    threads = [threading.Thread(target=sender, args=(n * 13,)) for n in range(8)] + [threading.Thread(target=worker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults, faults[:3]
    with tenancy.platform_scope():
        services.process_all()
        assert Payment.objects.count() == PaymentReference.objects.count() == 120
        assert Transaction.objects.filter(kind="payment.recorded").count() == 120
        assert OutboxEvent.objects.filter(event_type="payment.recorded").values("aggregate_id").distinct().count() == 120
        assert OutboxEvent.objects.filter(event_type="payment.recorded").count() == 120
    outbox.drain()


def test_the_api_lists_reads_and_reverses(api, client, partner, source):
    send(client, source, body())
    listed = api.get("/v1/payments?reference_number=R-1").json()["data"]
    assert len(listed) == 1 and listed[0]["amount"] == "125.50"
    assert api.get(f"/v1/payments/{listed[0]['id']}").json()["status"] == "recorded"
    assert api.post(f"/v1/payments/{listed[0]['id']}/reverse", {"reason": "NSF"}).json()["status"] == "reversed"
    assert api.post(f"/v1/payments/{listed[0]['id']}/reverse", {"reason": "NSF"}).status_code == 409
    assert api.get("/v1/payments/stats").json()["webhooks"]["received_today"] == 1
    assert api.get("/api/v1/payments/health").json()["checks"]["staging_backlog"]["ok"]


def test_events_carry_the_public_id_of_the_payment(client, partner, source, platform):
    answer = send(client, source, body()).json()
    (event,) = [event for event in outbox._claim(10, clock.now()) if event.event_type == "payment.recorded"]
    assert event.envelope()["payment"]["id"] == answer["payment_id"]
    assert event.envelope()["payment"]["amount"] == "125.50"


def test_the_list_filters_without_reading_every_payment(client, partner, source, platform, django_assert_max_num_queries):
    from django.urls import reverse

    from partners.models import User

    for number in range(3):
        send(client, source, body(reference_number=f"F-{number}", payment_channel="card" if number else "ach"))
    old = clock.now() - timedelta(days=200)
    send(client, source, body(reference_number="F-OLD", payment_channel="card", payment_date=old.isoformat()))
    client.force_login(User.objects.create_superuser("boss", password="x" * 16))
    address = reverse("admin:ingestion_payment_changelist")
    with django_assert_max_num_queries(60) as seen:
        assert client.get(address).status_code == 200
    assert not [
        query["sql"] for query in seen.captured_queries if "DISTINCT" in query["sql"] and 'FROM "ingestion_payment"' in query["sql"]
    ]
    shown = client.get(f"{address}?payment_channel=card").content.decode()
    assert "F-1" in shown and "F-2" in shown and "F-0" not in shown and "F-OLD" not in shown and "last 90 days" in shown
    assert "F-OLD" in client.get(f"{address}?q=F-OLD").content.decode()
