"""Each role opens every page of its menu and follows what those pages offer: nothing that is offered leads to a refusal."""

from __future__ import annotations

import html
import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from operations import alerts
from operations.models import Alert, AlertChannel, AlertRule
from partners import roles
from partners.models import User
from payos.kernel import tenancy
from reconciliation.models import BankAccount
from tests.console.test_pages import login
from tests.console.test_workbench import day_of

pytestmark = pytest.mark.django_db
KEYS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|/\d+/|[a-z]{3}_[0-9a-z]{26}")
OFFERED = re.compile(r'(?:<a\b[^>]*?\bhref|hx-get)="([^"#][^"]*)"')
MENU = re.compile(r'<a\b[^>]*?\bhref="(/admin/[^"?]*)"')


@pytest.fixture
def day(partner: Any, rail: Any, funded: Any) -> None:
    """Some of everything that one row points to another by."""
    with tenancy.platform_scope(actor="user:olga"):
        olga = User.objects.create_superuser("olga", "olga@example.com", "x" * 16)
        account = BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")
        day_of(funded, rail, account)
        AlertRule.objects.update(enabled=False)
        rule = AlertRule.objects.create(name="Cases", source="cases", threshold=0, case_severity=1, severity=2)
        rule.channels.add(AlertChannel.objects.create(name="Desk", kind="email", target="desk@example.com"))
        alerts.evaluate()
        alerts.acknowledge(alert=Alert.objects.all()[0], user=olga)


def pattern(address: str) -> str:
    return KEYS.sub("*", address)


def body(browser: Client, address: str) -> str:
    answer = browser.get(address, follow=True)
    assert answer.status_code == 200, f"{address} answers {answer.status_code}"
    return html.unescape(answer.content.decode())


@pytest.mark.parametrize("role", list(roles.MATRIX))
def test_what_a_page_offers_may_be_opened(day: None, role: str) -> None:
    browser = login(role)
    menu = list(dict.fromkeys(MENU.findall(body(browser, reverse("admin:index")))))
    assert len(menu) > 25
    asked, refused, rows = set(map(pattern, menu)), [], []
    for place in menu:
        page = body(browser, place)
        for offered in OFFERED.findall(page):
            address = urljoin(place, offered).partition("?")[0]  # filters and orders are the same page
            if urlsplit(address).netloc or not address.startswith("/admin/") or pattern(address) in asked:
                continue
            asked.add(pattern(address))
            rows.append((place, address))
    for place, address in rows:
        answer = browser.get(address, follow=True)
        if answer.status_code >= 400:
            refused.append(f"{answer.status_code} {address} on {place}")
        if not address.endswith("/change/"):
            continue
        for offered in OFFERED.findall(html.unescape(answer.content.decode())):
            further = urljoin(address, offered).partition("?")[0]
            if further.startswith("/admin/") and pattern(further) not in asked:
                asked.add(pattern(further))
                if browser.get(further, follow=True).status_code >= 400:
                    refused.append(f"{further} on {address}")
    assert refused == []
