"""Reads: balances now and in the past, statements, the trial balance."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from ledger import sealing
from ledger.models import Account, Seal, Transaction
from payos.kernel import sqlfile
from payos.kernel.money import to_decimal_str

AXES = {"effective": "e", "recorded": "r"}
MOMENT = timedelta(microseconds=1)
SLICE = 2_000


@dataclass(frozen=True, slots=True)
class BalanceView:
    """A balance as people read it: positive on the side where the account normally stands."""

    account_id: uuid.UUID
    currency: str
    sign: int
    debits_posted: int
    credits_posted: int
    debits_pending: int
    credits_pending: int

    @property
    def posted_minor(self) -> int:
        return self.sign * (self.debits_posted - self.credits_posted)

    @property
    def pending_minor(self) -> int:
        """What holds take away from the account."""
        return self.credits_pending if self.sign > 0 else self.debits_pending

    @property
    def incoming_minor(self) -> int:
        """What holds will add once they are posted."""
        return self.debits_pending if self.sign > 0 else self.credits_pending

    @property
    def available_minor(self) -> int:
        return self.posted_minor - self.pending_minor

    @property
    def posted(self) -> str:
        return to_decimal_str(self.posted_minor, self.currency)

    @property
    def available(self) -> str:
        return to_decimal_str(self.available_minor, self.currency)

    @property
    def pending(self) -> str:
        return to_decimal_str(self.pending_minor, self.currency)


def balance(account: Account) -> BalanceView:
    return balances([account])[account.pk]


def balances(accounts: list[Account]) -> dict[uuid.UUID, BalanceView]:
    """Now, from the running sums."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT account_id, sum(debits_posted)::bigint, sum(credits_posted)::bigint, sum(debits_pending)::bigint,"
            " sum(credits_pending)::bigint FROM ledger_balance WHERE account_id = ANY(%s) GROUP BY account_id",
            [[account.pk for account in accounts]],
        )
        sums = {row[0]: row[1:] for row in cursor.fetchall()}
    return {
        account.pk: BalanceView(account.pk, account.currency, account.sign, *sums.get(account.pk, (0, 0, 0, 0))) for account in accounts
    }


def balance_at(account: Account, at: datetime, axis: str = "effective") -> BalanceView:
    """As of an instant: what was effective by then, or what was recorded by then. Reads a checkpoint and what follows it."""
    return balances_at([account], at, axis)[account.pk]


def balances_at(accounts: list[Account], at: datetime, axis: str = "effective") -> dict[uuid.UUID, BalanceView]:
    """Balances of many accounts as of one instant, in one statement."""
    sealing.catch_up_if_far_behind()
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "balances_at.sql").format(axis=AXES[axis], time=f"{axis}_at"),
            {"accounts": [account.pk for account in accounts], "at": at},
        )
        sums = {row[0]: row[1:] for row in cursor.fetchall()}
    views = {}
    for account in accounts:
        posted, debits_pending, credits_pending = sums[account.pk]
        views[account.pk] = BalanceView(
            account.pk, account.currency, account.sign, max(posted, 0), max(-posted, 0), debits_pending, credits_pending
        )
    return views


@dataclass(frozen=True, slots=True)
class StatementLine:
    transaction_id: uuid.UUID
    line: int
    effective_at: datetime
    recorded_at: datetime
    amount_minor: int
    balance_minor: int
    kind: str
    description: str
    subject_type: str
    subject_id: str

    @property
    def key(self) -> tuple[datetime, uuid.UUID, int]:
        return self.effective_at, self.transaction_id, self.line


def opening_balance(account: Account, start: datetime, after: tuple[datetime, uuid.UUID, int] | None = None) -> int:
    """What the account stood at before `start`, or after the line `after` where a page continues."""
    before = balance_at(account, (after[0] if after else start) - MOMENT).posted_minor
    if after is None:
        return before
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(amount_minor), 0)::bigint FROM ledger_entry WHERE account_id = %s AND layer = 0"
            " AND effective_at = %s AND (transaction_id, line) <= (%s::uuid, %s::smallint)",
            [account.pk, *after],
        )
        return before + account.sign * int(cursor.fetchone()[0])


def statement(
    account: Account, start: datetime, end: datetime, after: tuple[datetime, uuid.UUID, int] | None = None, limit: int | None = None
) -> Iterator[StatementLine]:
    """The account's posted entries in [start, end) by effective time, each with the balance after it. Streams."""
    running = opening_balance(account, start, after)
    at, transaction_id, line = after or (None, None, None)
    values = {
        "account": account.pk,
        "start": max(at, start) if at else start,
        "end": end,
        "limit": limit,
        "after_at": at,
        "after_id": transaction_id,
        "after_line": line,
    }
    left = limit
    # Fetched in slices by key, because a pooler in transaction mode keeps no cursor open.
    while left is None or left > 0:
        values["limit"] = SLICE if left is None else min(SLICE, left)
        with connection.cursor() as cursor:
            cursor.execute(sqlfile.load(__file__, "account_statement.sql"), values)  # type: ignore[arg-type]
            rows = cursor.fetchall()
        for row in rows:
            running += account.sign * row[4]
            yield StatementLine(*row[:5], running, *row[5:])  # type: ignore[call-arg]
        if len(rows) < values["limit"]:  # type: ignore[operator]
            return
        values |= {"start": rows[-1][2], "after_at": rows[-1][2], "after_id": rows[-1][0], "after_line": rows[-1][1]}
        left = None if left is None else left - len(rows)


@dataclass(frozen=True, slots=True)
class TrialLine:
    account: Account
    view: BalanceView

    @property
    def debit_minor(self) -> int:
        return max(self.view.debits_posted - self.view.credits_posted, 0)

    @property
    def credit_minor(self) -> int:
        return max(self.view.credits_posted - self.view.debits_posted, 0)


def trial_balance(
    *, partner_id: uuid.UUID | None, livemode: bool, at: datetime | None = None, branch_id: uuid.UUID | None = None
) -> list[TrialLine]:
    """Every account with its debit or credit balance; per currency the two columns are equal (of the whole book)."""
    accounts = Account.objects.filter(partner_id=partner_id, livemode=livemode).order_by("currency", "code")  # type: ignore[misc]
    if branch_id is not None:
        accounts = accounts.filter(branch_id=branch_id)
    rows = list(accounts.select_related("branch"))
    views = balances(rows) if at is None else balances_at(rows, at)
    return [TrialLine(account, views[account.pk]) for account in rows]


def totals(lines: list[TrialLine]) -> list[dict[str, Any]]:
    """The sums of both columns per currency."""
    sums: dict[str, list[int]] = {}
    for line in lines:
        both = sums.setdefault(line.account.currency, [0, 0])
        both[0] += line.debit_minor
        both[1] += line.credit_minor
    return [
        {
            "currency": currency,
            "debit": to_decimal_str(debit, currency),
            "credit": to_decimal_str(credit, currency),
            "equal": debit == credit,
        }
        for currency, (debit, credit) in sorted(sums.items())
    ]


def seal_of(transaction: Transaction) -> Seal | None:
    return Seal.objects.filter(pk=transaction.pk).first()


def reversal_of(transaction: Transaction) -> Transaction | None:
    """The transaction that reverses this one."""
    return Transaction.objects.filter(reverses_id=transaction.pk).first()
