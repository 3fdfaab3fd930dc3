"""A partner's statement: every balance at the start and the end, and what moved it between, tied to the ledger twice over:
opening + movements = closing for every account, and all movements of a currency sum to zero."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from console.reports.build import DoesNotTie, Section, Span, amount, builder, rows_of
from ledger import selectors as ledger
from ledger.models import Account
from operations.templatetags.payos import words


def _name(account: Account) -> str:
    return f"{account.code} ({account.branch.code})" if account.branch else account.code


@builder("statement")
def statement(span: Span, partner: Any, livemode: bool) -> list[Section]:
    if partner is None:
        raise ValueError("a partner statement needs its partner")
    moved = rows_of(__file__, "report_statement.sql", partner=partner.pk, livemode=livemode, start=span.start, end=span.end)
    by_account: dict[Any, list[tuple[Any, ...]]] = defaultdict(list)
    for account_id, *rest in moved:
        by_account[account_id].append(tuple(rest))
    accounts = list(Account.objects.filter(partner=partner, livemode=livemode).select_related("branch").order_by("currency", "code", "pk"))
    tick = timedelta(microseconds=1)
    balances, movements = [], []
    total: dict[str, int] = defaultdict(int)
    for account in accounts:
        opening = ledger.balance_at(account, span.start - tick).posted_minor
        closing = ledger.balance_at(account, span.end - tick).posted_minor
        lines = by_account.get(account.pk, [])
        debits, credits = sum(int(line[2]) for line in lines), sum(int(line[3]) for line in lines)
        if opening + account.sign * (debits - credits) != closing:
            raise DoesNotTie(
                f"{account.code} {account.currency} of {partner.name}: {opening} at the start and movements of {account.sign * (debits - credits)}"
                f" do not make {closing} at the end"
            )
        total[account.currency] += debits - credits
        if opening or closing or lines:
            balances.append(
                [_name(account), account.currency, *(amount(value, account.currency) for value in (opening, debits, credits, closing))]
            )
        movements += [
            [_name(account), words(kind), account.currency, str(count), amount(debit, account.currency), amount(credit, account.currency)]
            for kind, count, debit, credit in lines
        ]
    off = {currency: value for currency, value in total.items() if value}
    if off:
        raise DoesNotTie(f"the movements of {partner.name} in {span.label} do not sum to zero: {off}")
    return [
        Section("Balances", ["Account", "Currency", "At the start", "Debits", "Credits", "At the end"], balances, [2, 3, 4, 5]),
        Section("Movements by kind", ["Account", "Kind", "Currency", "Entries", "Debits", "Credits"], movements, [3, 4, 5]),
    ]
