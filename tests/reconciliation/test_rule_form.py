"""A matching rule is written a condition a row, and what the engine could not run is refused with its row."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from partners.models import User
from payos.kernel import tenancy
from reconciliation.models import BankAccount, Rule
from tests.forms import filled
from tests.operations.test_queue_page import login

pytestmark = pytest.mark.django_db
ADD = "admin:reconciliation_rule_add"


@pytest.fixture
def console(client: Client, db: Any) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x" * 16))
    return client


@pytest.fixture
def account(partner: Any) -> BankAccount:
    with tenancy.platform_scope():
        return BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD")


def form(account: BankAccount | None, *rows: tuple[str, str, str]) -> dict[str, str]:
    data = {"name": "Interest", "priority": "100", "side": "external", "action": "ignore", "reason": "Ours"}
    if account is not None:
        data |= {"partner": str(account.partner_id), "account": str(account.pk)}
    for number, (field, operator, value) in enumerate(rows):
        data |= {f"conditions-{number}-field": field, f"conditions-{number}-operator": operator, f"conditions-{number}-value": value}
    return data


def test_rows_become_conditions_and_come_back_as_they_were_written(console: Client, account: BankAccount) -> None:
    sent = form(account, ("description", "contains", "INTEREST"), ("amount_minor", "at_most", "12.50"), ("day", "at_least", "2026-11-01"))
    assert console.post(reverse(ADD), sent).status_code == 302
    with tenancy.platform_scope():
        rule = Rule.objects.get()
    assert rule.conditions == [
        {"field": "description", "operator": "contains", "value": "INTEREST"},
        {"field": "amount_minor", "operator": "at_most", "value": "1250"},
        {"field": "day", "operator": "at_least", "value": "2026-11-01"},
    ]
    change = reverse("admin:reconciliation_rule_change", args=[rule.pk])
    shown = console.get(change).context["adminform"].form
    assert filled(shown)["conditions-1-value"] == "12.50"
    assert console.post(change, filled(shown, name="Renamed")).status_code == 302
    with tenancy.platform_scope():
        assert (Rule.objects.get().name, Rule.objects.get().conditions) == ("Renamed", rule.conditions)
    read = login("auditor").get(change).content.decode()
    assert "Description contains “INTEREST”" in read and "Amount is at most “$12.50”" in read


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            ("description", "at_least", "5"),
            "Row 2: Description cannot be compared by 'is at least': choose is, contains, begins with, fits the pattern.",
        ),
        (("amount_minor", "contains", "5"), "Row 2: Amount cannot be compared by 'contains'"),
        (("amount_minor", "equals", "5.001"), "Row 2: 5.001 has more than the 2 decimal places of USD."),
        (("day", "equals", "tomorrow"), "Row 2: 'tomorrow' is no day: write it as 2026-11-20."),
        (("description", "matches", "(unclosed"), "Row 2: the pattern '(unclosed' cannot be read (parentheses () not balanced)."),
        (("description", "contains", ""), "Row 2: the value is missing."),
        (("", "", "INTEREST"), "Row 2: the field and the comparison is missing."),
        (("nonsense", "equals", "x"), "Row 2: a rule cannot look at 'nonsense'"),
    ],
)
def test_a_refusal_names_its_row(console: Client, account: BankAccount, row: tuple[str, str, str], said: str) -> None:
    answer = console.post(reverse(ADD), form(account, ("description", "contains", "OK"), row))
    assert answer.status_code == 200
    assert any(said in text for text in answer.context["adminform"].form.errors["conditions"])
    with tenancy.platform_scope():
        assert not Rule.objects.exists()


def test_no_condition_and_an_amount_without_its_currency(console: Client, account: BankAccount) -> None:
    assert "Fill in at least one row." in console.post(reverse(ADD), form(account)).content.decode()
    answer = console.post(reverse(ADD), form(None, ("amount_minor", "equals", "5.00")))
    assert "Row 1: an amount needs the account whose currency it is in" in answer.content.decode()
