"""A fresh product: every page of the menu says what would be there and how it gets there; a search that finds nothing says so."""

from __future__ import annotations

import html
import re

import pytest
from django.contrib import admin
from django.urls import reverse

from partners import roles
from payos.kernel.admin import PayosModelAdmin
from tests.console.test_pages import login

pytestmark = pytest.mark.django_db
MENU = re.compile(r'<a\b[^>]*?\bhref="(/admin/[^"?]*)"')


def test_every_list_says_what_would_be_there() -> None:
    own = {"operations.case", "operations.approval", "ledger.account"}  # pages of their own, with words of their own
    silent = [
        model._meta.label_lower
        for model, page in admin.site._registry.items()
        if isinstance(page, PayosModelAdmin) and model._meta.label_lower not in own and len(getattr(page, "empty_words", "")) < 20
    ]
    silent = [name for name in silent if not name.startswith(("django_celery_beat.", "account.", "mfa."))]
    assert silent == []


def test_the_pages_of_the_menu_open_on_a_fresh_product() -> None:
    browser = login(roles.ADMINISTRATOR)
    menu = list(dict.fromkeys(MENU.findall(browser.get(reverse("admin:index")).content.decode())))
    assert len(menu) > 40
    for address in menu:
        answer = browser.get(address)
        assert answer.status_code == 200, address
        page = html.unescape(answer.content.decode())
        assert "As soon as there are some" not in page, address
        assert "cannot be shown" not in page, address


@pytest.mark.parametrize(
    "name", ["ingestion_payment", "settlement_transfer", "operations_alert", "webhooks_delivery", "partners_partner", "ledger_transaction"]
)
def test_a_search_that_finds_nothing_says_so_and_leads_back(name: str) -> None:
    page = login(roles.ADMINISTRATOR).get(reverse(f"admin:{name}_changelist"), {"q": "nonsense-42"}).content.decode()
    assert " match" in page and "Search for something else" in page and "Show all" in page


def test_the_queue_the_trace_and_the_books_say_that_nothing_was_found() -> None:
    browser = login(roles.OPERATOR)
    for view, said in (
        ("mine", "Nothing is yours now"),
        ("snoozed", "No case sleeps"),
        ("all", "Nothing here needs a person"),
        ("resolved", "No case was resolved yet"),
    ):
        assert said in browser.get(reverse("admin:operations_case_changelist"), {"view": view}).content.decode()
    assert "begins with" in browser.get(reverse("admin:operations_case_changelist"), {"q": "nonsense"}).content.decode()
    assert "nonsense-42" in browser.get(reverse("admin:console_trace"), {"q": "nonsense-42"}).content.decode()
