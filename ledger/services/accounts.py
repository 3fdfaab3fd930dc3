"""Opening, finding and closing accounts."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction

from ledger import chart
from ledger.errors import as_problems
from ledger.models import Account
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from payos.kernel.money import to_decimal_str

Key = tuple[Any, bool, str, str, Any]


@transaction.atomic
def account_open(
    *,
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    code: str,
    currency: str,
    kind: str = "",
    name: str = "",
    branch_id: uuid.UUID | None = None,
    no_overdraft: bool = False,
    slots: int | None = None,
) -> Account:
    """Open an account, or return the one that stands there; its kind follows from the code where none is given."""
    plan = chart.plan_of(code) if not kind else chart.Plan(code, kind, name or code)
    account = Account(
        partner_id=partner_id,
        livemode=livemode,
        code=code,
        currency=currency,
        kind=kind or plan.kind,
        name=name or plan.name_for(code),
        branch_id=branch_id,
        no_overdraft=no_overdraft or plan.no_overdraft,
        slots=1 if (no_overdraft or plan.no_overdraft) else slots or 16,
    )
    with connection.cursor() as cursor, as_problems():
        cursor.execute(
            "INSERT INTO ledger_account (id, created_at, partner_id, livemode, code, name, kind, currency, branch_id,"
            " no_overdraft, slots) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
            " ON CONFLICT (partner_id, livemode, code, currency, branch_id) DO NOTHING",
            [
                account.id,
                clock.now(),
                partner_id,
                livemode,
                code,
                account.name,
                account.kind,
                currency,
                branch_id,
                account.no_overdraft,
                account.slots,
            ],
        )
    return Account.objects.get(partner_id=partner_id, livemode=livemode, code=code, currency=currency, branch_id=branch_id)  # type: ignore[misc]


# Keys and ids of accounts never change, so a process may remember them; whether one is open the database checks. Only what
# is committed is remembered: an account that the caller's transaction opened is gone again when that rolls back.
_remembered: dict[Key, uuid.UUID] = {}
MOST_REMEMBERED = 50_000


def _remember(key: Key, account_id: uuid.UUID) -> None:
    if len(_remembered) >= MOST_REMEMBERED:
        _remembered.clear()
    _remembered[key] = account_id


def forget(account_ids: Iterable[uuid.UUID]) -> None:
    """The database refused these: whatever was remembered of them is read again (a database may have been restored)."""
    refused = set(account_ids)
    for key in [key for key, account_id in list(_remembered.items()) if account_id in refused]:
        _remembered.pop(key, None)


def account_for(
    *, partner_id: uuid.UUID | None, livemode: bool = False, code: str, currency: str, branch_id: uuid.UUID | None = None
) -> uuid.UUID:
    """The id of an account, opened when it is first needed and the chart knows its code."""
    key = (partner_id, livemode, code, currency, branch_id)
    if connection.in_atomic_block and connection.needs_rollback:
        raise Problem("conflict", "The transaction is being rolled back.")
    account_id = _remembered.get(key)
    if account_id is None:
        account_id = _found_or_opened(key)
        # Outside a transaction this runs now; inside one when it commits, and never where it (or a savepoint) rolls back.
        transaction.on_commit(lambda: _remember(key, account_id))
    return account_id


def _found_or_opened(key: Key) -> uuid.UUID:
    partner_id, livemode, code, currency, branch_id = key
    found = (
        Account.objects.filter(partner_id=partner_id, livemode=livemode, code=code, currency=currency, branch_id=branch_id)
        .values_list("id", flat=True)
        .first()
    )
    if found is not None:
        return found
    return account_open(partner_id=partner_id, livemode=livemode, code=code, currency=currency, branch_id=branch_id).pk


def account_ids(*, partner_id: uuid.UUID | None, livemode: bool, codes: Iterable[str], currency: str) -> dict[str, uuid.UUID]:
    return {code: account_for(partner_id=partner_id, livemode=livemode, code=code, currency=currency) for code in codes}


def _locked(account: Account) -> Account:
    """Postings take this lock shared: none can slip past a closure."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(ledger_book(%s, %s))", [account.partner_id, account.livemode])
    return Account.objects.get(pk=account.pk)


@transaction.atomic
def account_close(*, account: Account, reason: str) -> Account:
    """Close an account that is empty; it takes no more postings."""
    from ledger import selectors

    account = _locked(account)
    balance = selectors.balance(account)
    if balance.posted_minor:
        raise Problem("invalid_state", f"{account} still holds {balance.posted}: move it before closing the account.")
    if balance.pending_minor or balance.incoming_minor:
        # Whichever way it would move: a hold on a closed account could neither be posted nor given back.
        held = to_decimal_str(max(balance.pending_minor, balance.incoming_minor), account.currency)
        raise Problem("invalid_state", f"Holds over {held} on {account} are open: post or void them before closing the account.")
    account.closed_at = clock.now()
    with tenancy.acting(reason=reason):
        account.save(update_fields=["closed_at"])
    return account


@transaction.atomic
def account_reopen(*, account: Account, reason: str) -> Account:
    account = _locked(account)
    account.closed_at = None
    with tenancy.acting(reason=reason):
        account.save(update_fields=["closed_at"])
    return account
