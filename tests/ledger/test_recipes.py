"""Every recipe in docs/recipes runs as it stands, and its entries are the ones that the page shows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ledger import selectors, services
from ledger.models import Account, Entry, Layer, Transaction
from ledger.services import Leg
from partners import services as partners
from payos.kernel import tenancy
from payos.kernel.money import to_decimal_str

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "recipes"
PAGES = sorted(page for page in FOLDER.glob("*.md") if page.name != "README.md")
CODE = re.compile(r"```python\n(.*?)```", re.S)
TABLE = re.compile(r"(<!-- entries -->\n)(.*?)(<!-- /entries -->)", re.S)
ACTS = {
    "payment-in",
    "holding-period",
    "payout",
    "payout-failed",
    "fee",
    "chargeback-won",
    "chargeback-lost",
    "fx",
    "write-off",
    "branch-settlement",
}


def test_every_act_has_its_page_and_its_line_in_the_list():
    assert {page.stem for page in PAGES} >= ACTS
    listed = (FOLDER / "README.md").read_text()
    assert all(f"({page.name})" in listed for page in PAGES)


def entries(since: set) -> str:
    lines = ["| transaction | account | debit | credit | layer |", "|---|---|---:|---:|---|"]
    for transaction in Transaction.objects.exclude(pk__in=since).order_by("id"):
        name = f"`{transaction.kind}`"
        for entry in Entry.objects.filter(transaction_id=transaction.pk).select_related("account__branch").order_by("line"):
            amount = f"{to_decimal_str(abs(entry.amount_minor), entry.currency)} {entry.currency}"
            code = f"`{entry.account.code}`" + (f" of {entry.account.branch.name}" if entry.account.branch else "")
            debit, credit = (amount, "") if entry.amount_minor > 0 else ("", amount)
            lines.append(f"| {name} | {code} | {debit} | {credit} | {Layer(entry.layer).label} |")
            name = ""
    return "\n".join(lines)


def balances() -> str:
    lines = ["| account | posted | held | available |", "|---|---:|---:|---:|"]
    rows = list(Account.objects.select_related("branch").order_by("currency", "code", "branch__name"))
    views = selectors.balances(rows)
    for account in rows:
        view = views[account.pk]
        if any((view.debits_posted, view.credits_posted, view.debits_pending, view.credits_pending)):
            code = f"`{account.code}`" + (f" of {account.branch.name}" if account.branch else "")
            lines.append(f"| {code} | {view.posted} {account.currency} | {view.pending} | {view.available} |")
    return "\n".join(lines)


@pytest.mark.django_db
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_recipe_makes_the_entries_that_it_shows(page, partner):
    text = page.read_text()
    who = {"partner_id": partner.pk, "livemode": False}
    before: set = set()

    def account(code, currency="USD", branch=None):
        return services.account_for(**who, code=code, currency=currency, branch_id=branch)

    def fund(minor):
        legs = [Leg(account("receivable:card"), minor), Leg(account("partner:available"), -minor)]
        before.add(services.post(**who, kind="payment", legs=legs).id)

    def open_branch(name):
        return partners.branch_create(partner=partner, livemode=False, code=name.lower(), name=name).pk

    with tenancy.tenant_scope(partner.pk, False):
        (code,) = CODE.findall(text)
        exec(
            compile(code, page.name, "exec"),
            {"services": services, "Leg": Leg, "who": who, "account": account, "fund": fund, "open_branch": open_branch},
        )
        shown = f"\n{entries(before)}\n\nAfterwards:\n\n{balances()}\n\n"
        trial = selectors.totals(selectors.trial_balance(partner_id=partner.pk, livemode=False))
    assert all(total["equal"] for total in trial)
    (found,) = TABLE.findall(text)
    if os.environ.get("PAYOS_WRITE_RECIPES"):
        page.write_text(TABLE.sub(lambda match: match[1] + shown + match[3], text))
        return
    assert found[1] == shown, "the page shows other entries than its code makes: write them again with PAYOS_WRITE_RECIPES=1"
