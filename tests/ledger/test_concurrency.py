"""Many at once: threads that post, hold, resolve and reverse while connections are killed under them; laws checked all along."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections

from ledger import sealing, selectors, services, verify
from ledger.models import Account, Hold, Transaction
from ledger.services import Leg, Posting
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from tests.conftest import superuser_url
from tests.ledger import invariants

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 4


def everyone(count, act):
    """Run `act(number)` in threads that begin together; a connection each, closed at the end."""
    gate = threading.Barrier(count)

    def one(number):
        try:
            gate.wait(20)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.fixture
def server():
    with psycopg.connect(superuser_url(connections["default"].settings_dict["NAME"]), autocommit=True) as server:
        yield server


@pytest.fixture
def who(partner):
    with tenancy.tenant_scope(partner.pk, False):
        yield {"partner_id": partner.pk, "livemode": False}


def account(who, code):
    return services.account_for(**who, code=code, currency="USD")


def fund(who, amount):
    services.post(
        **who, kind="payment", legs=[Leg(account(who, "receivable:card"), amount), Leg(account(who, "partner:available"), -amount)]
    )


def posted(account_id):
    return selectors.balance(Account.objects.get(pk=account_id))


def test_threads_draining_one_account_never_overdraw_it(who, server):
    fund(who, 1_000)
    source, target = account(who, "partner:available"), account(who, "cash:ach")

    def drain(number):
        outcomes = Counter()
        choose = random.Random(number)
        with tenancy.tenant_scope(who["partner_id"], False):
            for _ in range(40):
                amount = choose.randint(5, 25)
                try:
                    if choose.random() < 0.5:
                        services.post(**who, kind="out", legs=[Leg(source, amount), Leg(target, -amount)])
                    else:
                        services.hold(**who, legs=[Leg(source, amount), Leg(target, -amount)])
                    outcomes["taken"] += amount
                except Problem as problem:
                    outcomes[problem.code] += 1
        return outcomes

    total = sum(everyone(THREADS, drain), Counter())
    assert total["insufficient_funds"] > 0, "the test must reach the limit"
    view = posted(source)
    assert view.available_minor == 1_000 - total["taken"] >= 0
    assert view.available_minor < 25, "what was refused was really too much"
    invariants.check(server)


def test_a_hold_is_spent_once_however_many_resolve_it(who, server):
    fund(who, 500)
    source, target = account(who, "partner:available"), account(who, "cash:ach")
    held = services.hold(**who, legs=[Leg(source, 300), Leg(target, -300)])

    def resolve(number):
        done = 0
        with tenancy.tenant_scope(who["partner_id"], False):
            for _ in range(20):
                try:
                    act = services.post_hold if number % 2 else services.void_hold
                    act(hold_id=held.id, amount_minor=7)
                    done += 7 if number % 2 else 0
                except Problem as problem:
                    assert problem.code == "hold_exceeded"
        return done

    spent = sum(everyone(THREADS, resolve))
    assert Hold.objects.get(pk=held.id).remaining_minor == 300 % 7
    assert posted(source).posted_minor == 500 - spent
    invariants.check(server)


def test_one_external_id_makes_one_transaction_however_many_ask(who, server):
    source, target = account(who, "suspense"), account(who, "writeoffs")

    def same(number):
        with tenancy.tenant_scope(who["partner_id"], False):
            return [
                services.post(
                    **who,
                    kind="x",
                    legs=[Leg(source, 5), Leg(target, -5)],
                    external_id=f"ref-{n}",
                    effective_at=datetime(2026, 1, 1, tzinfo=UTC),
                )
                for n in range(25)
            ]

    results = everyone(THREADS, same)
    for n in range(25):
        assert len({one[n].id for one in results}) == 1
        assert sum(not one[n].duplicate for one in results) == 1
    assert Transaction.objects.filter(kind="x").count() == 25
    invariants.check(server)


def test_a_transaction_is_reversed_once_however_many_ask(who):
    fund(who, 100)
    original = Transaction.objects.get()

    def undo(_):
        with tenancy.tenant_scope(who["partner_id"], False):
            try:
                return services.reverse(transaction_id=original.pk, reason="twice?").id
            except Problem as problem:
                assert problem.code == "already_reversed"

    assert sum(made is not None for made in everyone(THREADS, undo)) == 1


def test_batches_over_the_same_accounts_in_any_order_do_not_deadlock(who, server):
    accounts = [account(who, f"receivable:{n}") for n in range(12)]

    def batches(number):
        choose = random.Random(number)
        with tenancy.tenant_scope(who["partner_id"], False):
            for _ in range(6):
                picked = [choose.sample(accounts, 2) for _ in range(40)]
                services.post_many(**who, postings=[Posting("x", [Leg(a, 3), Leg(b, -3)]) for a, b in picked])
        return True

    assert all(everyone(THREADS, batches))
    assert Transaction.objects.filter(kind="x").count() == THREADS * 6 * 40
    invariants.check(server)


def test_a_posting_racing_a_closing_period_is_before_it_or_refused(who, server):
    """Postings into the period while it is closed and opened again: none may be found inside, recorded after the closing."""
    source, target = account(who, "suspense"), account(who, "writeoffs")
    old = datetime(2026, 1, 15, tzinfo=UTC)
    span = {"starts_at": datetime(2026, 1, 1, tzinfo=UTC), "ends_at": datetime(2026, 2, 1, tzinfo=UTC)}
    closing = threading.Event()
    # The order of commits is what counts; the closer keeps what it saw at the moment that it held the book alone.
    counted = []

    def act(number):
        with tenancy.tenant_scope(who["partner_id"], False):
            if number == 0:
                for _ in range(8):
                    time.sleep(0.03)
                    period = services.period_close(**who, **span)
                    at_close = Transaction.objects.filter(effective_at=old).count()
                    time.sleep(0.03)
                    counted.append((at_close, Transaction.objects.filter(effective_at=old).count()))
                    services.period_reopen(period=period, reason="next round")
                closing.set()
                return Counter()
            outcomes = Counter()
            while not closing.is_set():
                try:
                    services.post(**who, kind="x", legs=[Leg(source, 1), Leg(target, -1)], effective_at=old)
                    outcomes["posted"] += 1
                except Problem as problem:
                    outcomes[problem.code] += 1
            return outcomes

    total = sum(everyone(THREADS, act), Counter())
    assert total["posted"] and total["period_closed"] and set(total) == {"posted", "period_closed"}
    assert all(at_close == later for at_close, later in counted), counted
    invariants.check(server)


def test_a_posting_racing_a_closing_account_is_before_it_or_refused(who, server):
    """The account is found empty and closed while others use it: it must never end closed and not empty."""
    source, target = account(who, "cash:wire"), account(who, "suspense")
    row = Account.objects.get(pk=source)

    def act(number):
        outcomes = Counter()
        with tenancy.tenant_scope(who["partner_id"], False):
            for _ in range(15):
                try:
                    if number == 0:
                        services.account_close(account=row, reason="race")
                        assert posted(source).posted_minor == 0
                        services.account_reopen(account=row, reason="race")
                    else:
                        services.post(**who, kind="x", legs=[Leg(source, 1), Leg(target, -1)])
                        services.post(**who, kind="x", legs=[Leg(source, -1), Leg(target, 1)])
                    outcomes["done"] += 1
                except Problem as problem:
                    outcomes[problem.code] += 1
                    if number and posted(source).posted_minor > 0:
                        services.account_reopen(account=row, reason="finish")
        return outcomes

    total = sum(everyone(THREADS, act), Counter())
    assert set(total) <= {"done", "invalid_state", "account_refused"} and total["done"]
    invariants.check(server)


class Worker:
    """Does random acts, each under an external id, and asks again under the same one when its connection was killed."""

    def __init__(self, number, who, accounts):
        self.number, self.who, self.accounts = number, who, accounts
        self.choose = random.Random(100 + number)
        self.flow = Counter()  # what the accounts must have gained in the end, by the worker's own books
        self.killed = 0
        self.serial = 0

    def insist(self, act):
        """At least once from here, exactly once in the books: the external id decides."""
        self.serial += 1
        name = f"w{self.number}-{self.serial}"
        for _ in range(30):
            try:
                return act(name)
            except (OperationalError, InterfaceError, DatabaseError, psycopg.Error) as error:
                if isinstance(error, Problem):
                    raise
                self.killed += 1
                connection.close()
        raise AssertionError("thirty kills in a row")

    def run(self, until):
        with tenancy.tenant_scope(self.who["partner_id"], False):
            while time.monotonic() < until:
                try:
                    self.step()
                except Problem as problem:
                    assert problem.code in {"insufficient_funds", "hold_exceeded", "already_reversed"}, problem
        return self

    def step(self):
        debit, credit = self.choose.sample(self.accounts, 2)
        amount = self.choose.randint(1, 40)
        legs = [Leg(debit, amount), Leg(credit, -amount)]
        what = self.choose.random()
        at = datetime(2026, 5, 1, tzinfo=UTC)
        if what < 0.5:
            done = self.insist(lambda name: services.post(**self.who, kind="x", legs=legs, external_id=name, effective_at=at))
            self.moved(debit, credit, amount)
            if self.choose.random() < 0.3:
                self.insist(lambda name: services.reverse(transaction_id=done.id, reason="chaos", external_id=name))
                self.moved(credit, debit, amount)
        elif what < 0.8:
            held = self.insist(lambda name: services.hold(**self.who, legs=legs, external_id=name))
            part = self.choose.randint(1, amount)
            self.insist(lambda name: services.post_hold(hold_id=held.id, amount_minor=part, external_id=name))
            self.moved(debit, credit, part)
            if part < amount:
                self.insist(lambda name: services.void_hold(hold_id=held.id, amount_minor=amount - part, external_id=name))
        else:
            batch = [Posting("x", legs, external_id=f"w{self.number}-{self.serial}-b{n}", effective_at=at) for n in range(10)]
            self.insist(lambda name: services.post_many(**self.who, postings=batch))
            self.moved(debit, credit, 10 * amount)

    def moved(self, debit, credit, amount):
        self.flow[debit] += amount
        self.flow[credit] -= amount


def test_killed_connections_lose_nothing_and_double_nothing(who, server):
    accounts = [account(who, code) for code in ("suspense", "writeoffs", "cash:ach", "receivable:card", "partner:available")]
    fund(who, 3_000)
    start = {one: posted(one) for one in accounts}
    until = time.monotonic() + 6
    kills = 0
    checks = 0
    with ThreadPoolExecutor(THREADS) as pool:

        def work(number):
            try:
                return Worker(number, who, accounts).run(until)
            finally:
                connection.close()

        running = [pool.submit(work, number) for number in range(THREADS)]
        choose = random.Random(1)
        while time.monotonic() < until:
            time.sleep(choose.uniform(0.02, 0.12))
            victims = server.execute(
                "SELECT pid FROM pg_stat_activity WHERE usename = 'payos_app' AND datname = current_database() AND pid <> ALL(%s)",
                [[connection.connection.info.backend_pid]],
            ).fetchall()
            if victims:
                server.execute("SELECT pg_terminate_backend(%s)", choose.choice(victims))
                kills += 1
            if kills % 5 == 0:
                invariants.check(server)
                sealing.seal(200)
                checks += 1
        workers = [one.result() for one in running]
    assert kills > 10 and checks > 2 and sum(worker.killed for worker in workers) > 3
    flow: Counter = Counter()
    for worker in workers:
        flow.update(worker.flow)  # `+` would drop what is negative
    for one in accounts:
        view = posted(one)
        was = start[one].debits_posted - start[one].credits_posted
        assert view.debits_posted - view.credits_posted - was == flow[one]
        # A resolution that was refused leaves its hold standing, never half of it.
    invariants.check(server)
    sealing.seal_all()
    verdict = verify.verify()
    assert verdict.ok, verdict.problems


def test_expiry_by_two_clocks_gives_back_once(who, server):
    fund(who, 1_000)
    source, target = account(who, "partner:available"), account(who, "cash:ach")
    for _ in range(30):
        services.hold(**who, legs=[Leg(source, 10), Leg(target, -10)], expires_at=clock.now() + timedelta(minutes=1))
    with clock.frozen(clock.now() + timedelta(hours=1)):
        given = everyone(3, lambda _: services.expire_holds())
    assert sum(given) == 30
    assert posted(source).available_minor == 1_000
    invariants.check(server)
