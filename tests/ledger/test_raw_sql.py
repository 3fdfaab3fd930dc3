"""The application role with raw SQL in its hands: it can break no law of the ledger, and a refusal leaves no trace."""

from __future__ import annotations

import uuid

import psycopg
import pytest
from django.db import DatabaseError, connection, connections, transaction

from ledger import sealing, services, verify
from ledger.models import Account, Transaction
from ledger.services import Leg
from payos.kernel import clock, ids, tenancy
from payos.kernel.errors import Problem
from tests.conftest import superuser_url
from tests.ledger import invariants

pytestmark = pytest.mark.django_db(transaction=True)

ADD_TRANSACTION = (
    "INSERT INTO ledger_transaction (id, partner_id, livemode, kind, effective_at, recorded_at, description, metadata,"
    " subject_type, subject_id, fingerprint) VALUES (%(id)s, %(partner)s, false, 'raw', %(at)s, %(at)s, '', '{}', '', '', '')"
)
ADD_ENTRIES = (
    "INSERT INTO ledger_entry (transaction_id, line, partner_id, livemode, account_id, currency, amount_minor, layer,"
    " effective_at, recorded_at) VALUES (%(id)s, %(line)s, %(partner)s, false, %(a)s, %(currency)s, %(x)s, %(layer)s, %(at)s, %(at)s),"
    " (%(id)s, %(line)s + 1, %(partner)s, false, %(b)s, %(currency)s, %(y)s, %(layer)s, %(at)s, %(at)s)"
)
TOGETHER = f"WITH t AS ({ADD_TRANSACTION} RETURNING 1) {ADD_ENTRIES}"


@pytest.fixture
def server():
    with psycopg.connect(superuser_url(connections["default"].settings_dict["NAME"]), autocommit=True) as server:
        yield server


@pytest.fixture
def raw(partner, server):
    """Parameters of a balanced raw posting of 100 between two accounts; what was posted before is sealed."""
    with tenancy.tenant_scope(partner.pk, False):
        a = services.account_for(partner_id=partner.pk, code="suspense", currency="USD")
        b = services.account_for(partner_id=partner.pk, code="writeoffs", currency="USD")
        services.post(partner_id=partner.pk, kind="x", legs=[Leg(a, 100), Leg(b, -100)])
        sealing.seal_all()
        yield {
            "id": ids.uuid7(),
            "partner": partner.pk,
            "at": clock.now(),
            "a": a,
            "b": b,
            "currency": "USD",
            "x": 100,
            "y": -100,
            "line": 1,
            "layer": 0,
        }
    assert verify.verify().ok
    invariants.check(server)


def refused(server, match, sql, values=None):
    before = invariants.digest(server)
    with pytest.raises(DatabaseError, match=match), transaction.atomic():
        connection.cursor().execute(sql, values or {})
    assert invariants.digest(server) == before, "a refusal left a trace"


def test_what_keeps_the_laws_may_be_raw_sql_too(raw, server):
    connection.cursor().execute(TOGETHER, raw)
    assert Transaction.objects.filter(pk=raw["id"]).exists()


@pytest.mark.parametrize(
    "match, change",
    [
        ("does not balance", {"y": -99}),
        ("does not balance", {"x": -100}),
        ("ledger_entry_not_zero", {"x": 0, "y": 0}),
        ("ledger_entry_layer", {"layer": 3}),
        ("is kept in USD, not in EUR", {"currency": "EUR"}),
        ("no such account", {"a": uuid.UUID(int=7)}),
        ("out of range", {"x": 2**63, "y": -(2**63)}),
    ],
)
def test_a_raw_posting_that_breaks_a_law_is_refused(raw, server, match, change):
    refused(server, match, TOGETHER, raw | change)


def test_a_transaction_without_entries_is_refused(raw, server):
    refused(server, "has no entries", ADD_TRANSACTION, raw)


def test_entries_without_a_transaction_are_refused(raw, server):
    refused(server, "no such transaction", ADD_ENTRIES, raw)


def test_entries_cannot_be_added_to_a_complete_transaction(raw, server):
    old = Transaction.objects.get(kind="x")
    refused(server, "complete: entries cannot be added", ADD_ENTRIES, raw | {"id": old.pk, "at": old.effective_at, "line": 3})


def test_entries_cannot_differ_from_their_transaction_in_time(raw, server):
    late = ADD_ENTRIES.replace("%(at)s, %(at)s)", "%(at)s, %(at)s + interval '1 second')")
    refused(server, "differ in partner, mode or time", f"WITH t AS ({ADD_TRANSACTION} RETURNING 1) {late}", raw)


def test_the_number_of_the_database_transaction_cannot_be_forged_for_a_later_one(raw, server):
    """Its column has a default; a row that names another number is complete from the start."""
    forged = ADD_TRANSACTION.replace("fingerprint)", "fingerprint, xid)").replace("'', '', '')", "'', '', '', '9000000000')")
    refused(server, "complete: entries cannot be added", f"WITH t AS ({forged} RETURNING 1) {ADD_ENTRIES}", raw)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO ledger_balance (account_id, slot, partner_id, livemode, debits_posted, credits_posted, debits_pending,"
        " credits_pending, limit_side) VALUES (%(a)s, 9, %(partner)s, false, 5, 0, 0, 0, 0)",
        "UPDATE ledger_balance SET limit_side = 0",
        "UPDATE ledger_balance SET debits_posted = debits_posted + 1",
        "DELETE FROM ledger_balance",
        "INSERT INTO ledger_hold (transaction_id, partner_id, livemode, amount_minor, remaining_minor) VALUES (%(id)s, %(partner)s, false, 5, 5)",
        "UPDATE ledger_hold SET remaining_minor = amount_minor",
        "UPDATE ledger_seal SET hash = 'x'",
        "DELETE FROM ledger_seal",
        "TRUNCATE ledger_seal, ledger_entry, ledger_transaction",
        "UPDATE ledger_entry SET amount_minor = -amount_minor",
        "UPDATE ledger_transaction SET effective_at = now()",
        "UPDATE ledger_account SET no_overdraft = false",
        "UPDATE ledger_account SET currency = 'EUR'",
        "UPDATE ledger_account SET kind = 'income'",
        "UPDATE ledger_account SET slots = 1",
        "DELETE FROM ledger_account",
        "SELECT ledger_move_holds(ARRAY[%(id)s]::uuid[])",
        "ALTER TABLE ledger_entry DISABLE TRIGGER ALL",
        "DROP TRIGGER ledger_entry_added ON ledger_entry",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION ledger_entry_added() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    ],
)
def test_what_only_the_laws_move_cannot_be_moved_by_hand(raw, server, sql):
    refused(server, "permission denied|must be owner", sql, raw)


def test_a_temporary_table_cannot_stand_in_for_a_real_one(raw, server):
    """The laws run with the owner's rights: they must read the real tables, whatever the caller put in front of them."""
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("CREATE TEMPORARY TABLE ledger_account ON COMMIT DROP AS SELECT * FROM public.ledger_account")
        cursor.execute("UPDATE pg_temp.ledger_account SET currency = 'EUR'")
        cursor.execute("CREATE TEMPORARY TABLE ledger_balance ON COMMIT DROP AS SELECT * FROM public.ledger_balance")
        cursor.execute(TOGETHER.replace("INTO ledger_", "INTO public.ledger_"), raw)
        with pytest.raises(DatabaseError, match="is kept in USD"), transaction.atomic():
            cursor.execute(TOGETHER.replace("INTO ledger_", "INTO public.ledger_"), raw | {"id": ids.uuid7(), "currency": "EUR"})


def test_the_posting_function_posts_only_for_the_partner_in_scope(raw, server, partner, other_partner):
    """It runs with the owner's rights, so row-level security must be asked by it: for nobody, another, or the platform."""
    with tenancy.tenant_scope(other_partner.pk, False):
        a = services.account_for(partner_id=other_partner.pk, code="suspense", currency="USD")
        b = services.account_for(partner_id=other_partner.pk, code="writeoffs", currency="USD")
    legs = [Leg(a, 5), Leg(b, -5)]
    for scope in (tenancy.tenant_scope(partner.pk, False), tenancy.no_scope(), tenancy.tenant_scope(other_partner.pk, True)):
        for one_transaction in (False, True):
            before = invariants.digest(server)
            with scope, pytest.raises((DatabaseError, psycopg.Error), match="may not post for this partner"):
                if one_transaction:
                    with transaction.atomic():
                        services.post(partner_id=other_partner.pk, kind="x", legs=legs)
                else:
                    services.post(partner_id=other_partner.pk, kind="x", legs=legs)
            assert invariants.digest(server) == before
            scope = tenancy.no_scope()
    with tenancy.tenant_scope(partner.pk, False), pytest.raises((DatabaseError, psycopg.Error), match="may not post"):
        services.post(partner_id=None, kind="x", legs=legs)
    with tenancy.tenant_scope(partner.pk, False), pytest.raises(Problem) as mixed:
        services.post(partner_id=partner.pk, kind="x", legs=legs)
    assert mixed.value.code == "account_refused" and "no such account" in mixed.value.detail


def test_a_seal_cannot_be_forged(raw, server):
    """Whatever the application may insert, the proof finds a seal that the chain did not make."""
    connection.cursor().execute(TOGETHER, raw)
    forged = (
        "INSERT INTO ledger_seal (transaction_id, partner_id, position, hash, sealed_at) VALUES (%(id)s, %(partner)s, 99, 'forged', now())"
    )
    refused(server, "permission denied|row-level security", forged, raw)


def test_a_limit_holds_for_raw_sql(raw, server, partner):
    limited = Account.objects.get(pk=services.account_for(partner_id=partner.pk, code="partner:available", currency="USD"))
    refused(server, "ledger_balance_not_overdrawn", TOGETHER, raw | {"a": limited.pk, "x": 1, "y": -1})
