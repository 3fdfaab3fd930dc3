"""The other pages in a real browser: home, trace, approvals; axe-core looks for accessibility faults on all of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from console import rollups
from operations import alerts, services
from operations.models import AlertRule, Case
from operations.services import approvals
from operations.services.limits import ask_limit
from partners import roles
from partners.models import User
from payos.kernel import clock, outbox, tenancy
from settlement.models import Transfer
from tests.conftest import client_for
from tests.settlement.conftest import order
from tests.settlement.test_transfers import until

pytestmark = pytest.mark.django_db(transaction=True)
AXE = Path(os.environ.get("PAYOS_AXE", Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"))


@pytest.fixture
def day(partner: Any) -> list[Case]:
    """A day with some of everything."""
    made = []
    with tenancy.platform_scope():
        for n in range(40):
            with clock.travel(clock.now() - timedelta(hours=7 * n)):
                made.append(
                    services.open_case(
                        kind=["unmatched_line", "amount_mismatch", "webhook_dead"][n % 3],
                        cause_key=f"day:{n}",
                        title=f"Break {n}",
                        partner_id=partner.pk,
                        amount_minor=5_000_00 * n,
                        currency="USD",
                        references=[f"REF-{n}"],
                    )  # fmt: skip
                )
                if n % 3 == 0:
                    services.resolve_by_cause([f"day:{n - 2}"], resolution="fixed")
        AlertRule.objects.create(name="Too many cases", source="cases", threshold=3, case_severity=1, severity=3)
        alerts.evaluate()
        outbox.publish(topic="t", event_type="case.told", aggregate_id=made[0].public_id, payload={}, partner_id=partner.pk)
        rollups.roll()
    return made


def accessible(page: Any) -> list[str]:
    """Serious faults that axe-core finds on the page as it is."""
    if not AXE.exists():
        pytest.skip("no axe-core: run `npm ci` in tests/console or name axe.min.js in PAYOS_AXE")
    page.evaluate(AXE.read_text())
    found = page.evaluate("() => axe.run(document.querySelector('.pc'), {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['help']} at {'; '.join(str(node['target']) for node in one['nodes'][:3])}"
        for one in found["violations"]
        if one["impact"] in {"serious", "critical"}
    ]


@pytest.mark.parametrize("dark", [False, True])
def test_home(day: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None], dark: bool) -> None:
    page = sign_in(roles.OPERATOR, dark=dark)
    page.goto(reverse("admin:index"))
    assert page.locator("[data-panel=queue] svg").is_visible()
    shot(page, "home-dark" if dark else "home")
    assert accessible(page) == []
    # The figures come anew without a reload, and what was opened stays open.
    page.locator("[data-panel=queue] summary").click()
    with tenancy.platform_scope():
        services.open_case(kind="x", cause_key="late", title="Came late")
    before = page.locator("[data-panel=queue] dd").first.inner_text()
    page.evaluate("document.activeElement.blur(); document.dispatchEvent(new Event('payos:refresh'))")
    page.wait_for_function("text => document.querySelector('[data-panel=queue] dd').textContent !== text", arg=before)
    assert page.locator("[data-panel=queue] details").get_attribute("open") is not None
    assert page.faults == []


def test_trace_by_keyboard(day: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None]) -> None:
    page = sign_in(roles.OPERATOR)
    page.goto(reverse("admin:console_trace"))
    page.wait_for_function("() => document.activeElement.name === 'q'")
    page.keyboard.type("REF-7")
    page.keyboard.press("Enter")
    page.wait_for_selector(".pc-life >> text=Break 7")
    shot(page, "trace")
    assert accessible(page) == []
    assert page.faults == []


def test_settlement_day(bank: Any, rail: Any, funded: Any, sign_in: Callable[..., Any], shot: Callable[..., None]) -> None:
    """A day of transfers on the settlement dashboard, and one of them traced from the bank's reference."""
    api = client_for(funded)
    for n in range(6):
        assert api.post("/v1/transfers", order(f"{10 + n}.00", reference=f"inv-{n}")).status_code == 201
    until(["settled"])
    api.post("/v1/transfers", order("7.00", reference="inv-late"))
    outbox.drain()
    with tenancy.platform_scope():
        rollups.roll()
        sent = Transfer.objects.get(reference="inv-3").submissions.get().reference
    for dark in (False, True):
        page = sign_in(roles.TREASURER, dark=dark)
        page.goto(reverse("admin:console_settlement"))
        assert page.locator("[data-panel=settlement_figures] >> text=100.00 %").is_visible()
        shot(page, f"settlement{'-dark' if dark else ''}")
        assert accessible(page) == []
        assert page.faults == []
    page.goto(reverse("admin:console_trace"))
    page.wait_for_function("() => document.activeElement.name === 'q'")
    page.keyboard.type(sent)
    page.keyboard.press("Enter")
    page.wait_for_selector(".pc-life >> text=Transfer inv-3")
    assert page.locator(".pc-life > li").count() >= 4
    shot(page, "trace-transfer")
    assert accessible(page) == []


def test_approval_by_keyboard(
    monkeypatch: pytest.MonkeyPatch, day: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None]
) -> None:
    monkeypatch.setitem(approvals.ACTIONS, "test.payout", approvals.ACTIONS["operations.change_limit"])
    asker = sign_in(roles.ADMINISTRATOR)
    with tenancy.platform_scope():
        approval = ask_limit(
            user=User.objects.get(username="administrator"), action="test.payout", role=roles.OPERATOR, currency="USD", limit="250.00", reason="The desk is alone at night",
        )  # fmt: skip
    asker.goto(reverse("admin:operations_approval_change", args=[approval.pk]))
    assert asker.locator("button[value=approve]").count() == 0
    page = sign_in(roles.APPROVER)
    page.goto(reverse("admin:operations_approval_changelist"))
    assert accessible(page) == []
    page.locator(".pc-title a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Exactly what will happen")
    shot(page, "approval")
    assert accessible(page) == []
    page.locator("textarea[name=note]").focus()
    page.keyboard.type("fine")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Approved and carried out.")
    assert page.faults == []


def test_an_alert_is_acknowledged_by_keyboard(day: list[Case], sign_in: Callable[..., Any], shot: Callable[..., None]) -> None:
    page = sign_in(roles.OPERATOR)
    page.goto(reverse("admin:operations_alert_changelist"))
    page.locator("#result_list .data-row a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Who was told")
    assert page.get_by_text("Nobody: the rule names no channel.").is_visible()
    shot(page, "alert")
    page.get_by_role("link", name="Acknowledge").or_(page.get_by_role("button", name="Acknowledge")).first.focus()
    page.keyboard.press("Enter")
    page.locator(
        "[role=dialog] button:has-text('Acknowledge'), dialog button:has-text('Acknowledge'), form:has-text('You have seen it') button:has-text('Acknowledge')"
    ).last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Acknowledged.")
    assert page.get_by_text("Where to look").is_visible()
    page.get_by_role("link", name="The cases of kind").click()
    page.wait_for_selector("tr[data-case]")
    assert page.faults == []


def test_axe_finds_what_is_wrong(day: list[Case], sign_in: Callable[..., Any]) -> None:
    page = sign_in(roles.OPERATOR)
    page.goto(reverse("admin:index"))
    page.evaluate("() => document.querySelector('.pc').insertAdjacentHTML('beforeend', '<button></button><img src=\"data:,\">')")
    assert {fault.split(":")[0] for fault in accessible(page)} == {"button-name", "image-alt"}


def test_the_queue_is_accessible(day: list[Case], sign_in: Callable[..., Any]) -> None:
    for dark in (False, True):
        page = sign_in(roles.OPERATOR, dark=dark)
        page.goto(reverse("admin:operations_case_changelist"))
        assert accessible(page) == []
        page.keyboard.press("r")
        page.wait_for_selector("#act-resolve[open]")
        assert accessible(page) == []
