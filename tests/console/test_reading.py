"""Pages to look at say what they hold as people write it: money as money, times with their zone, codes as words."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from operations.models import Sla
from operations.templatetags.payos import words
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.reading import facts, size
from reconciliation import services
from reconciliation.admin.outcomes import LEVELS
from reconciliation.models import BankAccount, Discrepancy, Match, Run, Statement, StatementLine, Suggestion
from settlement.models import Transfer, WindowRule
from tests.console.test_workbench import day_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(client: Client, db: Any) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x" * 16))
    return client


@pytest.fixture
def day(partner: Any, rail: Any, funded: Any) -> list[Transfer]:
    with tenancy.platform_scope(actor="user:olga"):
        account = BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")
        return day_of(funded, rail, account)


def page(console: Client, row: Any) -> str:
    answer = console.get(reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_what_reconciliation_made_is_read_in_words_and_money(day: list[Transfer], console: Client) -> None:
    with tenancy.platform_scope():
        match, statement = Match.objects.get(), Statement.objects.get()
        line = StatementLine.objects.get(amount_minor=-1250)
        wrong = Discrepancy.objects.get(type="amount_mismatch")
        run = Run.objects.get()
        services.split_line(line=StatementLine.objects.get(amount_minor=777), amounts=[700, 77], reason="two things")
        whole = StatementLine.objects.get(amount_minor=777)
        suggestion = Suggestion.objects.first()
    seen = page(console, match)
    assert day[0].public_id in seen and "-$10.00" in seen and LEVELS[match.level] in seen and " UTC" in seen
    seen = page(console, statement)
    assert "-$14.73" in seen and "-1473" not in seen and "Open lines" in seen
    seen = page(console, wrong)
    assert (
        day[1].public_id in seen
        and line.public_id in seen
        and "-$12.50" in seen
        and "Amount mismatch" in seen
        and "amount_mismatch" not in seen
    )
    seen = page(console, run)
    assert "1 amount mismatch, 1 missing internal" in seen and "2 of " not in seen
    seen = page(console, whole)
    assert "$7.00" in seen and "$0.77" in seen
    if suggestion is not None:
        assert f"{suggestion.confidence} %" in page(console, suggestion)
    for name in ("match", "statement", "statementline", "discrepancy", "run", "suggestion"):
        assert console.get(reverse(f"admin:reconciliation_{name}_changelist")).status_code == 200


def test_an_amount_of_the_sla_table_is_written_and_kept_to_the_cent(console: Client) -> None:
    form = {"order": "5", "kind": "", "currency": "USD", "minimum": "2500.50", "severity": "3", "minutes": "90"}
    assert console.post(reverse("admin:operations_sla_add"), form).status_code == 302
    rule = Sla.objects.get(order=5)
    assert rule.minimum_minor == 250_050
    assert 'value="2500.50"' in page(console, rule)
    listed = console.get(reverse("admin:operations_sla_changelist")).content.decode()
    assert "$2,500.50" in listed and "1 h 30 min" in listed and "250050" not in listed
    refused = console.post(reverse("admin:operations_sla_add"), {**form, "currency": ""})
    assert refused.status_code == 200 and "An amount needs its currency" in refused.content.decode()
    assert "places" in console.post(reverse("admin:operations_sla_add"), {**form, "minimum": "1.234"}).content.decode()


def test_the_calendar_says_a_local_time_in_its_own_zone(rail: Any, console: Client) -> None:
    with tenancy.platform_scope():
        WindowRule.objects.filter(rail=rail).update(frequency="times", times=["10:00"], timezone="America/New_York", calendar="NONE")
    seen = console.get(reverse("admin:settlement_calendar")).content.decode()
    assert "10:00 America/New_York" in seen


@pytest.mark.parametrize(
    ("code", "said"),
    [("fx_variance", "FX variance"), ("ledger.period_reopen", "Ledger: period reopen"), ("off by KES1.00", "Off by KES1.00")],
)
def test_codes_become_words_and_amounts_stay_amounts(code: str, said: str) -> None:
    assert words(code) == said


def test_json_is_read_as_facts() -> None:
    assert facts({}) == "–" and facts(["a", 1]) == "a, 1"
    assert "two words" in facts({"two_words": True}) and ">yes<" in facts({"two_words": True})
    assert "&lt;b&gt;" in facts({"x": "<b>"})
    assert (size(1), size(19_423), size(3_000_000)) == ("1 byte", "19.4 kB", "3.0 MB")
    assert clock.now().tzinfo is not None
