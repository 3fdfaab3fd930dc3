"""Tamper evidence: whatever the superuser changes behind the ledger's back, `ledger_verify` names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from ledger import sealing, selectors, services, verify
from ledger.models import Account, Checkpoint, Seal
from ledger.services import Leg, Posting
from payos.kernel import ids, tenancy

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def posted(partner, other_partner):
    """Sixty transactions of two partners, sealed."""
    done = []
    for owner in (partner, other_partner):
        with tenancy.tenant_scope(owner.pk, False):
            a = services.account_for(partner_id=owner.pk, code="receivable:card", currency="USD")
            b = services.account_for(partner_id=owner.pk, code="partner:available", currency="USD")
            for n in range(30):
                legs = [Leg(a, 100 + n), Leg(b, -100 - n)]
                done.append(services.post(partner_id=owner.pk, kind="payment", legs=legs, description=f"no {n}"))
    assert sealing.seal_all() == 60
    assert verify.verify().ok
    return done


def tamper(superuser, *statements):
    superuser.execute("SET session_replication_role = replica")
    for sql, args in statements:
        superuser.execute(sql, args)
    superuser.execute("SET session_replication_role = DEFAULT")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE ledger_entry SET amount_minor = amount_minor * 2 WHERE transaction_id = %s",
        "UPDATE ledger_transaction SET effective_at = effective_at - interval '1 day' WHERE id = %s",
        "UPDATE ledger_transaction SET description = 'another' WHERE id = %s",
        "DELETE FROM ledger_transaction WHERE id = %s",
        "DELETE FROM ledger_entry WHERE transaction_id = %s AND line = 1",
        "DELETE FROM ledger_seal WHERE transaction_id = %s",
    ],
)
def test_a_changed_row_is_named(posted, superuser, change):
    target = posted[17]
    tamper(superuser, (change, [target.id]))
    verdict = verify.verify()
    assert not verdict.ok
    named = {problem["transaction"] for problem in verdict.problems}
    assert target.public_id in named


def test_a_swapped_pair_is_found(posted, superuser):
    first, second = posted[3], posted[4]
    tamper(
        superuser,
        ("UPDATE ledger_seal SET position = 9999 WHERE transaction_id = %s", [first.id]),
        ("UPDATE ledger_seal SET position = 4 WHERE transaction_id = %s", [second.id]),
        ("UPDATE ledger_seal SET position = 5 WHERE transaction_id = %s", [first.id]),
    )
    verdict = verify.verify()
    assert not verdict.ok and verdict.problems[0]["kind"] == "changed"


def test_a_changed_balance_is_found(posted, superuser):
    tamper(superuser, ("UPDATE ledger_balance SET debits_posted = debits_posted + 1 WHERE debits_posted > 0", []))
    assert {problem["kind"] for problem in verify.verify().problems} == {"balance"}


def test_the_chain_continues_and_one_partner_can_be_checked_alone(posted, partner, other_partner):
    assert Seal.objects.count() == 0  # no scope, no rows
    with tenancy.platform_scope():
        assert list(Seal.objects.filter(partner_id=partner.pk).order_by("position").values_list("position", flat=True)) == list(
            range(1, 31)
        )
    assert verify.verify(partner.pk).sealed == 30


def test_what_is_not_committed_yet_is_sealed_later_in_its_order(partner):
    """A transaction that commits late must never fall behind the mark unsealed."""
    import threading

    opened, go_on = threading.Event(), threading.Event()

    def post(description):
        with tenancy.tenant_scope(partner.pk, False):
            a = services.account_for(partner_id=partner.pk, code="suspense", currency="USD")
            b = services.account_for(partner_id=partner.pk, code="writeoffs", currency="USD")
            services.post(partner_id=partner.pk, kind="x", legs=[Leg(a, 1), Leg(b, -1)], description=description)

    def slow():
        with transaction.atomic():
            post("late")
            opened.set()
            go_on.wait(10)
        connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    opened.wait(10)
    post("early")
    assert sealing.seal_all() == 0  # the late one began first: nothing may be sealed past it
    go_on.set()
    thread.join()
    assert sealing.seal_all() == 2
    assert verify.verify().ok


def test_balances_in_the_past_are_the_same_through_checkpoints(partner, monkeypatch):
    monkeypatch.setattr(sealing, "CHECKPOINT_EVERY", 50)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with tenancy.tenant_scope(partner.pk, False):
        a = services.account_for(partner_id=partner.pk, code="suspense", currency="USD")
        b = services.account_for(partner_id=partner.pk, code="writeoffs", currency="USD")
        expected = {}
        for round_ in range(4):
            postings = [
                Posting("x", [Leg(a, n + 1), Leg(b, -n - 1)], effective_at=start + timedelta(hours=(n * 37 + round_ * 11) % 500))
                for n in range(120)
            ]
            for posting in postings:
                expected[posting.id] = (posting.effective_at, posting.legs[0].amount_minor)
            services.post_many(partner_id=partner.pk, postings=postings)
            if round_ != 3:  # the last round stays in the tail
                sealing.seal_all()
        with tenancy.platform_scope():
            buckets = Checkpoint.objects.filter(account_id=a, axis="e")
            assert buckets.count() > 3
            assert not buckets.filter(entries__gte=100).exists(), "entries that were backdated into a bucket split it"
        account = Account.objects.get(pk=a)
        for hours in (-1, 0, 3, 77, 250, 251, 499, 600):
            at = start + timedelta(hours=hours)
            assert selectors.balance_at(account, at).posted_minor == sum(m for when, m in expected.values() if when <= at), hours
    sealing.seal_all()
    assert verify.verify().ok


def test_the_command_exits_1_and_names_the_transaction(posted, superuser, capsys):
    from django.core.management import call_command

    tamper(
        superuser, ("UPDATE ledger_entry SET amount_minor = amount_minor + sign(amount_minor) WHERE transaction_id = %s", [posted[5].id])
    )
    with pytest.raises(SystemExit) as ended:
        call_command("ledger_verify", "--json")
    assert ended.value.code == 1
    assert f'"first_broken": {{"kind": "changed", "transaction": "{posted[5].public_id}"' in capsys.readouterr().out
    assert ids.decode("txn", posted[5].public_id) == posted[5].id


def test_the_proof_streams_and_its_memory_stays_flat(partner, monkeypatch):
    """Ten times the transactions, the same memory: what the client holds is one fetch, not the ledger."""
    import tracemalloc

    monkeypatch.setattr(verify, "FETCH", 200)
    peaks = []
    with tenancy.tenant_scope(partner.pk, False):
        a = services.account_for(partner_id=partner.pk, code="suspense", currency="USD")
        b = services.account_for(partner_id=partner.pk, code="writeoffs", currency="USD")
    for count in (1_000, 9_000):
        with tenancy.tenant_scope(partner.pk, False):
            services.post_many(partner_id=partner.pk, postings=[Posting("x", [Leg(a, 1), Leg(b, -1)]) for _ in range(count)])
        sealing.seal_all()
        verify.verify()  # what is loaded once is loaded now
        tracemalloc.start()
        verdict = verify.verify()
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert verdict.ok, verdict.problems
    assert verdict.transactions == verdict.sealed == 10_000
    assert peaks[1] < 1.5 * peaks[0], peaks
