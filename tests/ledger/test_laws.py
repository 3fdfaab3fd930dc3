"""The laws of the ledger, tested by trying to break them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from ledger import selectors, services
from ledger.models import Account, Entry, Transaction
from ledger.services import Leg, Posting
from payos.kernel import clock, ids, tenancy
from payos.kernel.errors import Problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def book(partner):
    with tenancy.tenant_scope(partner.pk, False):
        yield Book(partner)


class Book:
    def __init__(self, partner):
        self.partner = partner
        self.who = {"partner_id": partner.pk, "livemode": False}

    def account(self, code, currency="USD"):
        return services.account_for(**self.who, code=code, currency=currency)

    def balance(self, code, currency="USD"):
        return selectors.balance(Account.objects.get(pk=self.account(code, currency)))

    def pay_in(self, amount, **fields):
        legs = [Leg(self.account("receivable:card"), amount), Leg(self.account("partner:available"), -amount)]
        return services.post(**self.who, kind="payment", legs=legs, **fields)


def counts():
    return Transaction.objects.count(), Entry.objects.count()


def test_a_posting_moves_both_balances(book):
    book.pay_in(12_50)
    assert book.balance("receivable:card").posted_minor == 1250
    assert book.balance("partner:available").available == "12.50"


@pytest.mark.parametrize("amounts", [(100, -99), (100, 100), (100,)])
def test_what_does_not_balance_does_not_exist(book, amounts):
    accounts = [book.account("suspense"), book.account("writeoffs")]
    before = counts()
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.post(**book.who, kind="x", legs=[Leg(a, m) for a, m in zip(accounts, amounts, strict=False)])
    assert refused.value.code == "unbalanced"
    assert counts() == before


def test_a_transaction_without_entries_is_refused(book):
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.post(**book.who, kind="x", legs=[])
    assert refused.value.code == "unbalanced"


def test_currencies_balance_each_on_its_own(partner):
    with tenancy.platform_scope():
        partner.currencies = ["USD", "EUR"]
    with tenancy.tenant_scope(partner.pk, False):
        book = Book(partner)
        with pytest.raises(Problem) as refused, transaction.atomic():
            services.post(**book.who, kind="x", legs=[Leg(book.account("suspense"), 100), Leg(book.account("suspense", "EUR"), -100)])
    assert refused.value.code == "unbalanced"


def test_the_application_may_not_change_or_delete(book):
    posted = book.pay_in(100)
    for sql in (
        "UPDATE ledger_entry SET amount_minor = 1",
        "DELETE FROM ledger_entry",
        "TRUNCATE ledger_entry",
        "UPDATE ledger_transaction SET kind = 'y'",
        "DELETE FROM ledger_transaction",
        "UPDATE ledger_balance SET debits_posted = 0",
        "DELETE FROM ledger_hold",
        "DELETE FROM ledger_seal",
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(sql)
    assert Entry.objects.filter(transaction_id=posted.id).count() == 2


def test_even_the_superuser_gets_a_readable_refusal(transactional_db, partner, superuser):
    with tenancy.tenant_scope(partner.pk, False):
        Book(partner).pay_in(100)
    for sql in ("UPDATE ledger_entry SET amount_minor = 1", "DELETE FROM ledger_transaction", "TRUNCATE ledger_entry"):
        with pytest.raises(Exception, match="append-only"):
            superuser.execute(sql)


def test_a_limited_account_never_falls_below_zero(book):
    book.pay_in(100)
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.post(**book.who, kind="out", legs=[Leg(book.account("partner:available"), 101), Leg(book.account("cash:ach"), -101)])
    assert refused.value.code == "insufficient_funds"
    assert book.balance("partner:available").available_minor == 100
    assert book.balance("cash:ach").posted_minor == 0


def test_a_hold_reduces_what_is_available_and_gives_back_what_it_took(book):
    book.pay_in(1000)
    legs = [Leg(book.account("partner:available"), 700), Leg(book.account("transfers:in_transit"), -700)]
    held = services.hold(**book.who, legs=legs)
    assert book.balance("partner:available").available_minor == 300
    assert book.balance("partner:available").posted_minor == 1000
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.hold(**book.who, legs=[Leg(legs[0].account_id, 301), Leg(legs[1].account_id, -301)])
    assert refused.value.code == "insufficient_funds"
    services.post_hold(hold_id=held.id, amount_minor=200)
    services.void_hold(hold_id=held.id, amount_minor=100)
    assert book.balance("partner:available").posted_minor == 800
    assert book.balance("partner:available").available_minor == 400
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.post_hold(hold_id=held.id, amount_minor=401)
    assert refused.value.code == "hold_exceeded"
    services.post_hold(hold_id=held.id)
    assert book.balance("partner:available").available_minor == 400
    assert book.balance("partner:available").pending_minor == 0
    assert book.balance("transfers:in_transit").posted_minor == 600


def test_holds_expire(book):
    book.pay_in(1000)
    legs = [Leg(book.account("partner:available"), 700), Leg(book.account("transfers:in_transit"), -700)]
    services.hold(**book.who, legs=legs, expires_at=clock.now() + timedelta(hours=1))
    assert services.expire_holds() == 0
    with clock.frozen(clock.now() + timedelta(hours=2)):
        assert services.expire_holds() == 1
        assert services.expire_holds() == 0
    assert book.balance("partner:available").available_minor == 1000


def test_the_same_external_id_is_the_same_transaction(book):
    at = datetime(2026, 1, 5, tzinfo=UTC)
    first = book.pay_in(100, external_id="ref-1", effective_at=at)
    again = book.pay_in(100, external_id="ref-1", effective_at=at)
    assert again.duplicate and again.id == first.id
    with pytest.raises(Problem) as refused, transaction.atomic():
        book.pay_in(101, external_id="ref-1", effective_at=at)
    assert refused.value.code == "external_id_conflict"
    assert book.balance("receivable:card").posted_minor == 100


def test_a_reversal_names_its_original_once(book):
    posted = book.pay_in(100)
    reversal = services.reverse(transaction_id=posted.id, reason="NSF")
    assert book.balance("receivable:card").posted_minor == 0
    assert Transaction.objects.get(pk=reversal.id).reverses_id == posted.id
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.reverse(transaction_id=posted.id, reason="again")
    assert refused.value.code == "already_reversed"


def test_a_closed_period_takes_nothing_and_reversals_go_to_the_open_one(book):
    old = datetime(2026, 1, 15, tzinfo=UTC)
    posted = book.pay_in(100, effective_at=old)
    period = services.period_close(**book.who, starts_at=datetime(2026, 1, 1, tzinfo=UTC), ends_at=datetime(2026, 2, 1, tzinfo=UTC))
    with pytest.raises(Problem) as refused, transaction.atomic():
        book.pay_in(100, effective_at=old)
    assert refused.value.code == "period_closed"
    services.reverse(transaction_id=posted.id, reason="wrong")
    services.period_reopen(period=period, reason="approved correction")
    book.pay_in(100, effective_at=old)


def test_a_closed_account_takes_nothing(book):
    account = Account.objects.get(pk=book.account("cash:wire"))
    services.account_close(account=account, reason="bank left")
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.post(**book.who, kind="x", legs=[Leg(account.pk, 5), Leg(book.account("suspense"), -5)])
    assert refused.value.code == "account_refused" and "closed" in refused.value.detail


def test_an_account_with_an_open_hold_is_not_closed_whichever_way_it_would_move(book):
    book.pay_in(1000)
    transit = Account.objects.get(pk=book.account("transfers:in_transit"))
    held = services.hold(**book.who, legs=[Leg(book.account("partner:available"), 700), Leg(transit.pk, -700)])
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.account_close(account=transit, reason="no more transfers")
    assert refused.value.code == "invalid_state" and "7.00" in refused.value.detail and "post or void" in refused.value.detail
    services.void_hold(hold_id=held.id)
    services.account_close(account=transit, reason="no more transfers")


def test_a_hold_that_cannot_be_given_back_keeps_no_other_waiting(book):
    book.pay_in(1000)
    soon = clock.now() + timedelta(hours=1)
    for code, amount in (("suspense", 100), ("transfers:in_transit", 200)):
        legs = [Leg(book.account("partner:available"), amount), Leg(book.account(code), -amount)]
        services.hold(**book.who, legs=legs, expires_at=soon)
        soon += timedelta(minutes=1)
    # Closed past the service, as an older version would have closed it.
    Account.objects.filter(pk=book.account("suspense")).update(closed_at=clock.now())
    with clock.frozen(soon), pytest.raises(Problem) as refused:
        services.expire_holds()
    assert refused.value.code == "account_refused"
    assert book.balance("partner:available").pending_minor == 100


def test_an_account_of_another_partner_is_refused(book, other_partner):
    with tenancy.tenant_scope(other_partner.pk, False):
        foreign = services.account_for(partner_id=other_partner.pk, code="suspense", currency="USD")
    with pytest.raises(Problem) as refused, transaction.atomic():
        services.post(**book.who, kind="x", legs=[Leg(foreign, 5), Leg(book.account("suspense"), -5)])
    assert refused.value.code == "account_refused"


def test_a_batch_is_all_or_nothing_unless_told_to_skip(book):
    good, bad = book.account("suspense"), book.account("writeoffs")

    def batch():
        items = [Posting("x", [Leg(good, n + 1), Leg(bad, -(n + 1))]) for n in range(50)]
        items[17] = Posting("x", [Leg(good, 5), Leg(bad, -4)])
        items[30] = Posting("x", [Leg(good, 5), Leg(ids.uuid7(), -5)])
        items[40].link = items[17].link = "together"
        return items

    before = counts()
    with pytest.raises(Problem), transaction.atomic():
        services.post_many(**book.who, postings=batch())
    assert counts() == before
    results = services.post_many(**book.who, postings=batch(), skip_bad=True)
    refused = {place: result.problem.code for place, result in enumerate(results) if result.problem}
    assert refused == {17: "unbalanced", 40: "unbalanced", 30: "account_refused"}
    assert counts()[0] == before[0] + 47


def test_conversion_keeps_rate_rounding_and_books_the_difference(other_partner):
    with tenancy.tenant_scope(other_partner.pk, False):
        book = Book(other_partner)
        services.post(
            **book.who,
            kind="payment",
            legs=[Leg(book.account("receivable:card"), 10_000), Leg(book.account("partner:available"), -10_000)],
        )
        services.convert(
            **book.who,
            from_account=book.account("partner:available"),
            to_account=book.account("partner:available", "MXN"),
            from_minor=10_000,
            from_currency="USD",
            to_currency="MXN",
            rate="18.123457",
            source="bank",
            to_minor=181_300,
        )
        assert book.balance("partner:available").posted_minor == 0
        assert book.balance("partner:available", "MXN").posted_minor == 181_235
        assert book.balance("fx:gain_loss", "MXN").posted_minor == 65


def test_balance_as_of(book):
    day = datetime(2026, 3, 1, tzinfo=UTC)
    for n in range(10):
        book.pay_in(100, effective_at=day + timedelta(days=n))
    account = Account.objects.get(pk=book.account("receivable:card"))
    assert selectors.balance_at(account, day + timedelta(days=4)).posted_minor == 500
    assert selectors.balance_at(account, day - timedelta(days=1)).posted_minor == 0
    assert selectors.balance_at(account, clock.now(), "recorded").posted_minor == 1000
