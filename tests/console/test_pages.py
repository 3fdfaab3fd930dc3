"""The console's pages by role; a panel that fails sinks nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from console import dashboards, registry, rollups
from operations import services
from partners import roles
from partners.models import Branch, User
from payos.kernel import tenancy

pytestmark = pytest.mark.django_db


def login(role: str) -> Client:
    user = User.objects.create_user(role.replace(" ", "-"), password="x" * 16, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    browser = Client()
    browser.force_login(user)
    return browser


@pytest.fixture
def branch(partner: Any) -> Branch:
    with tenancy.platform_scope():
        return Branch.objects.create(partner=partner, code="b1", name="Downtown")


@pytest.mark.parametrize("role", list(roles.MATRIX))
def test_every_role_sees_its_own_panels_and_no_failed_one(role: str, branch: Branch) -> None:
    with tenancy.platform_scope():
        services.open_case(
            kind="unmatched_line",
            cause_key="p:1",
            title="Break",
            partner_id=branch.partner_id,
            branch_id=branch.pk,
            amount_minor=100,
            currency="USD",
        )
        rollups.roll()
    browser = login(role)
    for address in (
        reverse("admin:index"),
        reverse("admin:console_branches"),
        reverse("admin:console_branch", args=[branch.pk]),
        reverse("admin:console_trace"),
        *(
            reverse(f"admin:console_{name}")
            for name in dashboards.PAGES
            if name != "home" and any(p.page == name for p in registry.PANELS.values())
        ),
    ):
        answer = browser.get(address)
        assert answer.status_code == 200, address
        assert b"cannot be shown" not in answer.content, address
        assert b"data-panel" in answer.content or "branches/" in address or "trace" in address


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("operator", "queue"),
        ("approver", "approvals"),
        ("treasurer", "settles_next"),
        ("auditor", "books_agree"),
        ("administrator", "health"),
        ("compliance officer", "queue"),
    ],
)
def test_what_a_person_comes_for_stands_first(role: str, first: str) -> None:
    page = login(role).get(reverse("admin:index")).content.decode()
    assert page.partition('data-panel="')[2].startswith(f'{first}"')


def test_a_stranger_sees_no_panel(branch: Branch) -> None:
    user = User.objects.create_user("stranger", password="x" * 16, is_staff=True)
    browser = Client()
    browser.force_login(user)
    assert b"data-panel" not in browser.get(reverse("admin:index")).content
    for name in ("console_webhooks", "console_branches", "console_trace"):
        assert browser.get(reverse(f"admin:{name}")).status_code == 403
    assert b"data-panel" not in browser.get(reverse("admin:console_grid", args=["home"])).content


def test_a_failing_panel_says_so_and_the_others_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import connection

    def broken(request: Any) -> registry.Body:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM no_such_table")
        raise AssertionError

    monkeypatch.setitem(registry.PANELS, "broken", registry.Panel("broken", "Broken", "home", broken, "operations.view_case", order=0))
    page = login(roles.OPERATOR).get(reverse("admin:index"))
    assert page.status_code == 200
    assert page.content.decode().count("cannot be shown") == 1
    assert b'data-panel="queue"' in page.content


def test_rollups_made_twice_change_nothing(partner: Any, platform: None) -> None:
    from console.models import Rollup

    services.open_cases(
        [
            {"kind": "k", "cause_key": f"r{n}", "title": "t", "partner_id": partner.pk, "amount_minor": 10, "currency": "USD"}
            for n in range(7)
        ]
    )
    rollups.roll()
    once = list(Rollup.objects.order_by("source", "key").values_list("source", "key", "state", "count", "amount_minor"))
    rollups.roll(deep=True)
    assert list(Rollup.objects.order_by("source", "key").values_list("source", "key", "state", "count", "amount_minor")) == once
    assert ("cases_opened", "k", "open", 7, 70) in once
    assert sum(rollups.daily("cases_opened", 2).values()) == 7


QUERIES = {"home": 70}


def test_query_count_of_the_home_page(partner: Any, django_assert_max_num_queries: Any) -> None:
    browser = login(roles.OPERATOR)
    browser.get(reverse("admin:index"))
    with django_assert_max_num_queries(QUERIES["home"]):
        browser.get(reverse("admin:index"))


def test_a_branch_sees_its_day(partner: Any) -> None:
    from decimal import Decimal

    from ingestion.models import Payment
    from ingestion.services import process_all, reverse_payment
    from partners.services import branch_create
    from tests.ingestion.test_payments import stage

    with tenancy.platform_scope():
        mine, other = branch_create(partner=partner, code="down", name="Downtown"), branch_create(partner=partner, code="up", name="Uptown")
        amounts = ("10.00", "20.00", "30.00", "40.00")
        rows = [
            {"reference_number": f"B-{n}", "amount": Decimal(amount), "branch_code": "down", "payment_channel": ["card", "cash"][n % 2]}
            for n, amount in enumerate(amounts)
        ]
        stage(partner, *rows, {"reference_number": "B-other", "amount": Decimal("999.00"), "branch_code": "up"})
        assert process_all().created == 5
        reverse_payment(payment=Payment.objects.get(reference_number="B-3"), reason="paid twice")
        rollups.roll()
    browser = login(roles.OPERATOR)
    page = browser.get(reverse("admin:console_branch", args=[mine.pk])).content.decode()
    for text in ("$60.00", "$20.00", "75.00 %", "B-0", "B-3", "Payments by method"):
        assert text in page, text
    assert "$999.00" not in page and "B-other" not in page and "cannot be shown" not in page
    assert "$999.00" in browser.get(reverse("admin:console_branch", args=[other.pk])).content.decode()
    home = browser.get(reverse("admin:index")).content.decode()
    assert "$1,059.00" in home, "today's payments of all branches, the reversed one left out"
