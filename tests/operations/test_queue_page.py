"""The queue's pages: what each role sees, harmless GETs, and acts that answer in words."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from operations import selectors, services
from operations.models import Case, SavedView
from partners import roles
from partners.models import User
from payos.kernel import tenancy

pytestmark = pytest.mark.django_db
LIST = "admin:operations_case_changelist"


def login(role: str, **client: Any) -> Client:
    user = User.objects.create_user(role.replace(" ", "-"), password="x" * 16, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    browser = Client(**client)
    browser.force_login(user)
    browser.user = user
    return browser


@pytest.fixture
def cases(partner: Any) -> list[Case]:
    with tenancy.platform_scope():
        return [
            services.open_case(
                kind="amount_mismatch" if n % 2 else "unmatched_line",
                cause_key=f"q:{n}",
                title=f"Break number {n}",
                partner_id=partner.pk,
                amount_minor=1000 * n,
                currency="USD",
                rail="ach" if n < 3 else "wire",
                references=[f"REF-{n:03d}", "common"],
            )
            for n in range(5)
        ]


@pytest.fixture
def scope() -> Any:
    with tenancy.platform_scope():
        yield


def act(browser: Client, case: Case, name: str, **data: Any) -> Any:
    return browser.post(reverse("admin:operations_case_act", args=[case.pk, name]), data, headers={"Accept": "application/json"})


def test_the_queue_shows_cases_and_the_first_one_open(cases: list[Case]) -> None:
    page = login(roles.OPERATOR).get(reverse(LIST)).content.decode()
    assert all(case.title in page for case in cases)
    assert page.count("<tr data-case=") == 5 and '<article class="pc-case"' in page


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("kind=amount_mismatch", {1, 3}),
        ("rail=ach", {0, 1, 2}),
        ("q=ref-003", {3}),
        ("q=REF-00", {0, 1, 2, 3, 4}),
        ("q=EF-003", set()),
        ("view=mine", set()),
        ("view=unassigned", {0, 1, 2, 3, 4}),
        ("severity=4", set()),
        ("view=nonsense&sort=x&p=zz&severity=9", {0, 1, 2, 3, 4}),
    ],
)
def test_filters_and_search(cases: list[Case], query: str, titles: set[int]) -> None:
    page = login(roles.OPERATOR).get(reverse(LIST) + "?" + query).content.decode()
    shown = {int(n) for n in re.findall(r'class="pc-title"><a[^>]*>Break number (\d)', page)}
    assert shown == titles


def test_search_finds_a_case_and_its_subject_by_public_id(cases: list[Case], partner: Any, scope: Any) -> None:
    (case,) = Case.objects.filter(selectors.found_by(cases[2].public_id))
    assert case == cases[2]
    about = services.open_case(kind="x", cause_key="about", title="About a partner", subject=partner, partner_id=partner.pk)
    assert list(Case.objects.filter(selectors.found_by(partner.public_id))) == [about]
    assert not Case.objects.filter(selectors.found_by("%' OR 1=1")).exists()


def test_two_keys_clear_a_case(cases: list[Case], scope: Any) -> None:
    browser = login(roles.OPERATOR)
    assert act(browser, cases[0], "claim").json()["ok"]
    assert act(browser, cases[0], "resolve", resolution="fixed", reason="bank called").json()["ok"]
    cases[0].refresh_from_db()
    assert (cases[0].state, cases[0].resolved_by) == ("resolved", browser.user)
    assert act(browser, cases[0], "undo").json()["ok"]
    assert [event.kind for event in cases[0].events.order_by("id")] == ["opened", "claimed", "resolved", "undone"]


def test_a_refused_act_says_why(cases: list[Case]) -> None:
    first, second = login(roles.OPERATOR), login(roles.APPROVER)
    act(first, cases[0], "claim")
    answer = act(second, cases[0], "claim")
    assert answer.status_code == 409 and "operator until" in answer.json()["message"]
    assert act(second, cases[1], "snooze", until="never").status_code == 422
    assert act(second, cases[1], "resolve", resolution="because").status_code == 422
    assert act(second, cases[1], "no_such_act").status_code == 422


def test_no_get_changes_anything(cases: list[Case], scope: Any) -> None:
    browser = login(roles.OPERATOR)
    before = list(Case.objects.order_by("pk").values()), Case.objects.get(pk=cases[0].pk).events.count()
    for name in ("claim", "resolve", "undo", "viewed", "snooze"):
        assert browser.get(reverse("admin:operations_case_act", args=[cases[0].pk, name])).status_code == 405
    for name in ("bulk", "bulk_preview", "save_view"):
        assert browser.get(reverse(f"admin:operations_case_{name}")).status_code == 405
    browser.get(reverse("admin:operations_case_pane", args=[cases[0].pk]))
    browser.get(reverse("admin:operations_case_change", args=[cases[0].pk]))
    assert (list(Case.objects.order_by("pk").values()), Case.objects.get(pk=cases[0].pk).events.count()) == before


def test_every_post_needs_its_token(cases: list[Case]) -> None:
    browser = login(roles.OPERATOR, enforce_csrf_checks=True)
    assert act(browser, cases[0], "claim").status_code == 403
    assert browser.post(reverse("admin:operations_case_bulk"), {"act": "resolve"}).status_code == 403
    assert browser.post(reverse("admin:operations_case_save_view"), {"name": "x"}).status_code == 403


def test_an_auditor_reads_and_changes_nothing(cases: list[Case]) -> None:
    browser = login(roles.AUDITOR)
    page = browser.get(reverse(LIST))
    assert page.status_code == 200 and b'data-key="c"' not in page.content
    assert act(browser, cases[0], "claim").status_code == 403
    assert browser.post(reverse("admin:operations_case_bulk"), {"act": "resolve"}).status_code == 403


def test_strangers_see_nothing(cases: list[Case]) -> None:
    user = User.objects.create_user("stranger", password="x" * 16, is_staff=True)
    browser = Client()
    assert browser.get(reverse(LIST)).status_code == 302
    browser.force_login(user)
    assert browser.get(reverse(LIST)).status_code == 403
    assert browser.get(reverse("admin:operations_case_pane", args=[cases[0].pk])).status_code == 403
    assert browser.get(reverse("admin:operations_approval_changelist")).status_code == 403


def test_bulk_by_ticks_and_by_the_whole_view(cases: list[Case], scope: Any) -> None:
    browser = login(roles.OPERATOR)
    ticked = [str(case.pk) for case in cases[:2]]
    seen = browser.post(reverse("admin:operations_case_bulk_preview"), {"act": "resolve", "case": ticked}).json()
    assert seen["count"] == 2 and "$10.00" in seen["message"]
    seen = browser.post(reverse("admin:operations_case_bulk_preview"), {"act": "resolve", "everything": "1", "query": "rail=ach"}).json()
    assert seen["count"] == 3
    form = {"act": "resolve", "everything": "1", "query": "rail=ach", "resolution": "fixed", "reason": "one cause"}
    browser.post(reverse("admin:operations_case_bulk"), form)
    assert Case.objects.filter(state="resolved").count() == 3
    browser.post(reverse("admin:operations_case_bulk"), form | {"everything": "", "case": [str(cases[4].pk)], "reason": ""})
    assert Case.objects.filter(state="resolved").count() == 3


def test_saved_views_are_ones_own(cases: list[Case]) -> None:
    browser, other = login(roles.OPERATOR), login(roles.ADMINISTRATOR)
    browser.post(reverse("admin:operations_case_save_view"), {"name": "ACH", "query": "rail=ach&evil=1"})
    view = SavedView.objects.get()
    assert (view.name, view.query, view.user) == ("ACH", "rail=ach", browser.user)
    assert "ACH" in browser.get(reverse(LIST)).content.decode()
    other.post(reverse("admin:operations_case_delete_view", args=[view.pk]))
    assert SavedView.objects.exists()
    browser.post(reverse("admin:operations_case_delete_view", args=[view.pk]))
    assert not SavedView.objects.exists()


def test_titles_of_bad_input_are_escaped(partner: Any) -> None:
    with tenancy.platform_scope():
        services.open_case(kind="x", cause_key="x", title="<script>alert(1)</script>", detail="<img src=x onerror=alert(2)>")
    page = login(roles.OPERATOR).get(reverse(LIST)).content.decode()
    assert "<script>alert(1)" not in page and "<img src=x" not in page


def test_a_nul_in_a_field_is_refused_in_words(cases: list[Case]) -> None:
    browser = login(roles.OPERATOR)
    answer = act(browser, cases[0], "comment", reason="a\x00b")
    assert answer.status_code == 422 and "NUL" in answer.json()["message"]
    for query in ("q=a%00b", "kind=%00", "rail=%00x", "partner=%00", "p=%00", "case=%00"):
        assert browser.get(reverse(LIST) + "?" + query).status_code == 200


def test_an_action_that_fails_leaves_the_queue_workable(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    from operations.case_actions import ACTIONS, CaseAction

    def broken(case: Case) -> str:
        return reverse("admin:no_such_page")

    monkeypatch.setitem(
        ACTIONS, "broken", CaseAction("broken", "Broken", "operations.work_case", kinds=("unmatched_line", "amount_mismatch"), link=broken)
    )
    page = login(roles.OPERATOR).get(reverse(LIST))
    assert page.status_code == 200 and b"Broken" not in page.content and b'data-key="c"' in page.content


# What one page may ask of the database; a change that adds queries shows here.
QUERIES = {"queue": 26, "pane": 12, "approvals": 14}


def test_query_counts_stay(cases: list[Case], django_assert_max_num_queries: Any) -> None:
    browser = login(roles.OPERATOR)
    browser.get(reverse(LIST))
    with django_assert_max_num_queries(QUERIES["queue"]):
        browser.get(reverse(LIST))
    with django_assert_max_num_queries(QUERIES["pane"]):
        browser.get(reverse("admin:operations_case_pane", args=[cases[0].pk]))
    with django_assert_max_num_queries(QUERIES["approvals"]):
        browser.get(reverse("admin:operations_approval_changelist"))
