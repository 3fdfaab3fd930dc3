"""Reads: balances now and in the past, statements, the trial balance."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from ledger import sealing
from ledger.models import Account
from payos.kernel import sqlfile
from payos.kernel.money import to_decimal_str

AXES = {"effective": "e", "recorded": "r"}


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
        account.pk: BalanceView(account.pk, account.currency, account.sign, *sums.get(account.pk, (0, 0, 0, 0)))
        for account in accounts
    }


def balance_at(account: Account, at: datetime, axis: str = "effective") -> BalanceView:
    """As of an instant: what was effective by then, or what was recorded by then. Reads a checkpoint and what follows it."""
    sealing.catch_up_if_far_behind()
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "balance_at_recorded.sql" if AXES[axis] == "r" else "balance_at_effective.sql"),
            {"account": account.pk, "at": at},
        )
        posted, debits_pending, credits_pending = cursor.fetchone()
    return BalanceView(
        account.pk, account.currency, account.sign, max(posted, 0), max(-posted, 0), debits_pending, credits_pending
    )


def statement(account: Account, start: datetime, end: datetime) -> Iterator[dict[str, Any]]:
    """The account's posted entries in [start, end) by effective time, each with the balance after it. Streams."""
    from datetime import timedelta

    opening = balance_at(account, start - timedelta(microseconds=1)).posted_minor
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "account_statement.sql"), {"account": account.pk, "start": start, "end": end})
        running = opening
        while rows := cursor.fetchmany(2000):
            for transaction_id, line, effective_at, recorded_at, amount, kind, description, subject_type, subject_id in rows:
                running += account.sign * amount
                yield {
                    "transaction_id": transaction_id,
                    "line": line,
                    "effective_at": effective_at,
                    "recorded_at": recorded_at,
                    "amount_minor": amount,
                    "balance_minor": running,
                    "kind": kind,
                    "description": description,
                    "subject_type": subject_type,
                    "subject_id": subject_id,
                }


def trial_balance(
    *, partner_id: uuid.UUID | None, livemode: bool, at: datetime | None = None, branch_id: uuid.UUID | None = None
) -> list[dict[str, Any]]:
    """Every account with its debit or credit balance; per currency the two columns are equal."""
    accounts = Account.objects.filter(partner_id=partner_id, livemode=livemode).order_by("currency", "code")  # type: ignore[misc]
    if branch_id is not None:
        accounts = accounts.filter(branch_id=branch_id)
    rows = list(accounts)
    views = balances(rows) if at is None else {account.pk: balance_at(account, at) for account in rows}
    lines = []
    for account in rows:
        net = views[account.pk].debits_posted - views[account.pk].credits_posted
        lines.append({"account": account, "debit_minor": max(net, 0), "credit_minor": max(-net, 0), "view": views[account.pk]})
    return lines
