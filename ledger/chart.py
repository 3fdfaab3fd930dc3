"""The chart of accounts: which codes there are, their kinds, and what a new partner gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from payos.kernel.errors import Problem


@dataclass(frozen=True, slots=True)
class Plan:
    code: str
    kind: str
    name: str
    no_overdraft: bool = False
    at_start: bool = True

    def name_for(self, code: str) -> str:
        return self.name.format(code.partition(":")[2])


# A code ending in `:` is a family: `cash:ach`, `receivable:card`. Families are opened when first needed.
CHART = (
    Plan("cash:", "asset", "Cash at {}", at_start=False),
    Plan("receivable:", "asset", "Receivable from {}", at_start=False),
    Plan("suspense", "asset", "Suspense: on a statement, claimed by nobody yet"),
    Plan("partner:available", "liability", "Owed to the partner, available", no_overdraft=True),
    Plan("partner:pending", "liability", "Owed to the partner, in the holding period"),
    Plan("partner:owed", "asset", "Owed by the partner (reversals beyond what was available)"),
    Plan("transfers:in_transit", "liability", "Transfers in transit"),
    Plan("fees:income", "income", "Fees earned"),
    Plan("rail:costs", "expense", "Costs of rails and processors"),
    Plan("fx:clearing", "asset", "Currency conversion clearing"),
    Plan("fx:gain_loss", "income", "Currency gains and losses"),
    Plan("writeoffs", "expense", "Write-offs"),
    Plan("chargebacks", "expense", "Chargebacks"),
    Plan("equity", "equity", "Opening balances"),
)


def plan_of(code: str) -> Plan:
    for plan in CHART:
        if code == plan.code or (plan.code.endswith(":") and code.startswith(plan.code) and len(code) > len(plan.code)):
            return plan
    raise Problem("account_refused", f"The chart of accounts has no code {code!r}: give the account's kind to open it.")


def apply(*, partner: Any, livemode: bool) -> None:
    """Give a new partner its accounts in each of its currencies."""
    from ledger.services import accounts

    for currency in partner.currencies:
        for plan in CHART:
            if plan.at_start:
                accounts.account_open(partner_id=partner.pk, livemode=livemode, code=plan.code, currency=currency)
