"""What a process remembers of accounts is only what the database kept."""

from __future__ import annotations

import pytest
from django.db import transaction

from ledger import services
from ledger.models import Account
from ledger.services import Leg, accounts
from payos.kernel import tenancy
from payos.kernel.errors import Problem

pytestmark = pytest.mark.django_db(transaction=True)


class Undo(Exception):
    pass


@pytest.fixture
def who(partner):
    with tenancy.tenant_scope(partner.pk, False):
        yield {"partner_id": partner.pk, "livemode": False, "currency": "USD"}


def post(who, *codes):
    legs = [Leg(services.account_for(**who, code=code), amount) for code, amount in zip(codes, (100, -100), strict=True)]
    return services.post(partner_id=who["partner_id"], livemode=False, kind="test", legs=legs)


def test_an_account_that_was_rolled_back_is_opened_again(who):
    with pytest.raises(Undo), transaction.atomic():
        lost = services.account_for(**who, code="cash:one")
        assert services.account_for(**who, code="cash:one") == lost
        raise Undo
    assert services.account_for(**who, code="cash:one") != lost
    assert post(who, "cash:one", "suspense").id


def test_an_account_that_a_savepoint_took_back_is_opened_again(who):
    with transaction.atomic():
        with pytest.raises(Undo), transaction.atomic():
            lost = services.account_for(**who, code="cash:two")
            raise Undo
        assert services.account_for(**who, code="cash:two") != lost
    assert post(who, "cash:two", "suspense").id


def test_one_that_was_read_where_it_was_opened_is_not_remembered_either(who):
    """Opened by another caller of the same transaction, then only read: still gone when it rolls back."""
    with pytest.raises(Undo), transaction.atomic():
        opened = services.account_open(**who, code="cash:three")
        assert services.account_for(**who, code="cash:three") == opened.pk
        raise Undo
    assert not Account.objects.filter(pk=opened.pk).exists()
    assert post(who, "cash:three", "suspense").id


def test_what_is_committed_is_remembered(who, django_assert_num_queries):
    with transaction.atomic():
        kept = services.account_for(**who, code="cash:four")
    with django_assert_num_queries(0):
        assert services.account_for(**who, code="cash:four") == kept


def test_what_the_database_refuses_is_read_again(who, superuser):
    """As after a database was put back to an earlier state under a running process."""
    stale = services.account_for(**who, code="cash:five")
    superuser.execute("DELETE FROM ledger_balance WHERE account_id = %s", [stale])
    superuser.execute("DELETE FROM ledger_account WHERE id = %s", [stale])
    with pytest.raises(Problem) as refused:
        post(who, "cash:five", "suspense")
    assert refused.value.code == "account_refused"
    assert post(who, "cash:five", "suspense").id


def test_memory_is_bounded(who, monkeypatch):
    monkeypatch.setattr(accounts, "MOST_REMEMBERED", 3)
    for number in range(8):
        services.account_for(**who, code=f"cash:{number}")
        assert len(accounts._remembered) <= 3
