"""Two people at the same queue in two browsers, by keyboard: who comes second reads why, and sees the case as it is now."""

from __future__ import annotations

from typing import Any

import pytest

from operations import services
from payos.kernel import tenancy

pytestmark = pytest.mark.django_db(transaction=True)
QUEUE = "/admin/operations/case/"


@pytest.fixture
def cases(partner: Any) -> None:
    with tenancy.platform_scope():
        for n in range(4):
            services.open_case(
                kind="unmatched_line", cause_key=f"tb:{n}", title=f"Break {n}", partner_id=partner.pk, amount_minor=100, currency="USD"
            )


def told(page: Any, text: str) -> None:
    page.wait_for_function("text => document.getElementById('queue-says').textContent.includes(text)", arg=text)


def test_who_comes_second_reads_why_and_sees_the_case_as_it_is(cases: None, sign_in: Any, shot: Any) -> None:
    ann, ben = sign_in("operator"), sign_in("treasurer")
    for page in (ann, ben):
        page.goto(f"{QUEUE}?sort=age")
    ann.keyboard.press("c")
    told(ann, "is yours for 15 minutes")
    # Ben's page is older: he may still press, and is told.
    ben.keyboard.press("c")
    told(ben, "is worked by operator until")
    ben.get_by_text("operator works this case until").wait_for()
    assert ben.locator("#pane [data-key=c]").is_disabled()
    ben.keyboard.press("c")
    told(ben, "operator works this case until")
    shot(ben, "queue-taken")
    ann.keyboard.press("r")
    ann.fill("#act-resolve textarea", "Done.")
    ann.click("#act-resolve button:has-text('Resolve')")
    told(ann, "is resolved")
    # A dialog that was open while somebody else finished: it closes, the words stay.
    ben.goto(f"{QUEUE}?sort=age")
    ben.keyboard.press("s")
    ben.wait_for_selector("#act-snooze[open]")
    ann.keyboard.press("r")
    ann.fill("#act-resolve textarea", "Done too.")
    ann.click("#act-resolve button:has-text('Resolve')")
    told(ann, "is resolved")
    ben.click("#act-snooze button:has-text('Snooze')")
    told(ben, "was resolved by operator at")
    ben.locator("#pane .pc-tag:has-text('Resolved')").wait_for()
    assert ben.locator("dialog[open]").count() == 0
    assert [fault for fault in ann.faults + ben.faults if "409" not in fault] == []


def test_many_at_once_and_taken_back_by_keyboard(cases: None, sign_in: Any, shot: Any) -> None:
    page = sign_in("operator")
    page.goto(f"{QUEUE}?sort=age")
    for key in ("x", "j", "x"):
        page.keyboard.press(key)
    assert page.locator("#bulk-count").inner_text() == "2 chosen"
    page.locator("[data-bulk=resolve]").focus()
    page.keyboard.press("Enter")
    page.get_by_text("2 cases, $2.00.").wait_for()
    shot(page, "bulk")
    page.fill("#dialog-bulk textarea", "Same cause")
    page.click("#bulk-go")
    page.get_by_text("2 cases resolved.").first.wait_for()
    assert page.locator("tr[data-case]").count() == 2
    page.keyboard.press("u")
    page.get_by_text("Taken back: 2 cases.").wait_for()
    assert page.locator("tr[data-case]").count() == 4
    assert page.faults == []


def test_an_own_view_is_kept_renamed_and_opens_the_queue(cases: None, sign_in: Any) -> None:
    page = sign_in("operator")
    page.goto(f"{QUEUE}?sort=amount")
    page.click("text=Keep this view")
    page.fill("#dialog-view input[name=name]", "Large")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Change the view Large").click()
    dialog = page.locator("dialog[open]")
    dialog.locator("input[name=name]").fill("Largest")
    dialog.locator("input[name=opens]").check()
    dialog.get_by_role("button", name="Keep").click()
    page.get_by_text("The view Largest is kept, and the queue opens with it.").wait_for()
    page.goto(QUEUE)
    assert page.url.endswith("?sort=amount")
    page.get_by_role("button", name="Change the view Largest").click()
    page.locator("dialog[open]").get_by_role("button", name="Delete this view").click()
    page.get_by_text("The view is gone.").wait_for()
    page.goto(QUEUE)
    assert page.url.endswith(QUEUE)
    assert page.faults == []
