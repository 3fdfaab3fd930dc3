"""The queue by keyboard alone, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from operations import services
from operations.models import Case
from partners import roles
from payos.kernel import clock, tenancy

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:operations_case_changelist"


@pytest.fixture
def cases(partner: Any) -> list[Case]:
    kinds = ["unmatched_line", "amount_mismatch", "statement_missing", "transfer_unknown", "webhook_dead"]
    with tenancy.platform_scope():
        made = []
        for n in range(12):
            with clock.travel(clock.now() - timedelta(hours=3 * n + 1)):
                made.append(
                    services.open_case(
                        kind=kinds[n % 5],
                        cause_key=f"browser:{n}",
                        title=f"{kinds[n % 5].replace('_', ' ').capitalize()} {n}",
                        detail="The bank shows an amount that the books do not.",
                        partner_id=partner.pk,
                        amount_minor=12_345_67 * (n + 1),
                        currency="USD",
                        rail=["ach", "wire"][n % 2],
                        reason_code="no_candidate",
                        suggested_actions=["resolve"],
                        references=[f"REF-{n:04d}"],
                    )
                )
        return made


def by_state(state: str) -> int:
    with tenancy.platform_scope():
        return Case.objects.filter(state=state).count()


def says(page: Any, text: str) -> None:
    page.wait_for_function("text => document.getElementById('queue-says').textContent.includes(text)", arg=text)


def test_nine_in_the_morning_by_keyboard(cases: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None]) -> None:
    page = sign_in(roles.OPERATOR)
    page.goto(reverse(LIST))
    first = page.locator("tr.pc-current").get_attribute("data-case")
    shot(page, "queue")
    page.keyboard.press("j")
    page.wait_for_function("key => document.querySelector('#pane article').dataset.case !== key", arg=first)
    second = page.locator("tr.pc-current").get_attribute("data-case")
    assert second != first
    page.keyboard.press("k")
    page.wait_for_function("key => document.querySelector('#pane article').dataset.case === key", arg=first)
    page.keyboard.press("Enter")
    page.keyboard.press("c")
    says(page, "is yours for 15 minutes")
    assert by_state("claimed") == 1
    page.keyboard.press("r")
    page.keyboard.press("Tab")
    page.keyboard.type("the bank confirmed it")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(page, "is resolved")
    assert by_state("resolved") == 1
    # The next case has opened in place and the list has lost the row.
    page.wait_for_function("key => document.querySelector('#pane article').dataset.case === key", arg=second)
    assert page.locator(f"tr[data-case='{first}']").count() == 0
    page.keyboard.press("u")
    says(page, "is taken back")
    assert by_state("resolved") == 0
    page.goto(reverse(LIST))
    page.keyboard.press("s")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    says(page, "sleeps until")
    assert by_state("snoozed") == 1
    assert page.faults == []


def test_search_help_and_bulk_by_keyboard(cases: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None]) -> None:
    page = sign_in(roles.OPERATOR)
    page.goto(reverse(LIST))
    page.keyboard.press("?")
    assert page.locator("#dialog-help").is_visible()
    shot(page, "queue-help")
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("ref-0007")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=ref-0007"))
    assert page.locator("tr[data-case]").count() == 1
    page.goto(reverse(LIST) + "?rail=ach")
    page.locator("body").press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.locator("[data-bulk=resolve]").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.getElementById('bulk-preview').textContent.startsWith('2 cases, $')")
    shot(page, "queue-bulk")
    page.locator("#bulk-form textarea").focus()
    page.keyboard.type("same cause at the bank")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=2 cases resolved.")
    assert by_state("resolved") == 2
    assert page.faults == []


def test_looking_is_told_by_a_post(cases: list[Case], sign_in: Callable[..., Any]) -> None:
    page = sign_in(roles.OPERATOR)
    with page.expect_response(lambda answer: "/act/viewed/" in answer.url and answer.request.method == "POST") as told:
        page.goto(reverse(LIST))
    assert told.value.ok
    with tenancy.platform_scope():
        assert Case.objects.filter(events__kind="viewed", events__actor="user:operator").count() == 1


def test_dark_mode(cases: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None]) -> None:
    page = sign_in(roles.AUDITOR, dark=True)
    page.goto(reverse(LIST))
    page.wait_for_selector("html.dark")
    assert page.locator("[data-key=c]").count() == 0
    shot(page, "queue-dark")
    assert page.faults == []
