"""Many cases at once, and two people at once: what was left out and why, taking it back, and words for whoever comes second."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from operations import services
from operations.models import Case, SavedView
from operations.services import work
from payos.kernel import clock, tenancy
from tests.operations.test_queue_page import login

pytestmark = pytest.mark.django_db
QUEUE = "admin:operations_case_changelist"


@pytest.fixture
def cases(partner: Any) -> list[Case]:
    with tenancy.platform_scope():
        return [
            services.open_case(
                kind="unmatched_line", cause_key=f"t:{n}", title=f"Break {n}", partner_id=partner.pk, amount_minor=100 * n, currency="USD"
            )
            for n in range(6)
        ]


def post(browser: Client, act: str, /, *args: Any, **data: Any) -> dict[str, Any]:
    answer = browser.post(reverse(f"admin:operations_case_{act}", args=args), data, headers={"Accept": "application/json"})
    return {"status": answer.status_code} | answer.json()


def fresh(case: Case) -> Case:
    with tenancy.platform_scope():
        return Case.objects.get(pk=case.pk)


def test_what_is_left_out_is_said_with_its_reason(cases: list[Case]) -> None:
    ann, ben = login("operator"), login("treasurer")
    with tenancy.platform_scope():
        services.claim(case=cases[0], user=ben.user)
        services.resolve(case=cases[1], user=ben.user, resolution="fixed")
        services.snooze(case=cases[2], user=ben.user, until=clock.now() + timedelta(hours=1))
    keys = [str(case.pk) for case in cases]
    seen = post(ann, "bulk_preview", act="snooze", case=keys)
    assert seen["count"] == 3
    assert seen["message"] == "3 cases, $12.00. Left out: 1 (treasurer works it now), 1 (resolved already), 1 (asleep already)."
    done = post(ann, "bulk", act="snooze", case=keys, reason="tomorrow", until="1h")
    assert done["message"].startswith("3 cases put to sleep. Left as they are: 1 (treasurer works it now)")
    assert fresh(cases[0]).assignee == ben.user
    refused = post(ann, "bulk", act="resolve", case=keys, reason=" ", resolution="fixed")
    assert (refused["status"], refused["message"]) == (422, "Give a reason: it is kept on every case.")


@pytest.mark.parametrize(
    ("act", "more"), [("resolve", {"resolution": "fixed"}), ("snooze", {"until": "4h"}), ("claim", {}), ("assign", {})]
)
def test_a_bulk_act_is_taken_back_whole(cases: list[Case], act: str, more: dict[str, str]) -> None:
    ann, ben = login("operator"), login("treasurer")
    with tenancy.platform_scope():
        services.assign(case=cases[0], user=ben.user, assignee=ben.user)
        services.snooze(case=cases[1], user=ben.user, until=clock.now() + timedelta(hours=1))
    before = [(fresh(case).state, fresh(case).assignee_id, fresh(case).snoozed_until) for case in cases]
    more = more | ({"assignee": str(ann.user.pk)} if act == "assign" else {})
    post(ann, "bulk", act=act, case=[str(case.pk) for case in cases], reason="same cause", **more)
    changed = [(fresh(case).state, fresh(case).assignee_id, fresh(case).snoozed_until) for case in cases]
    assert changed != before
    page = ann.get(reverse(QUEUE), {"view": "all"})
    bulk = page.context["done"]["id"]
    assert "Take it back" in page.content.decode()
    assert "Take it back" not in ann.get(reverse(QUEUE), {"view": "all"}).content.decode(), "offered once, where it was done"
    # Somebody else cannot, and what was changed since stays.
    assert post(ben, "undo_bulk", bulk=bulk)["status"] == 409
    with tenancy.platform_scope():
        if act == "resolve":
            services.undo(case=cases[5], user=ann.user)
        else:
            services.resolve(case=cases[5], user=ann.user, resolution="fixed")
    told = post(ann, "undo_bulk", bulk=bulk)
    count = 5 - (act == "snooze")  # the sleeping one was left out
    assert told["message"] == f"Taken back: {count} cases. 1 changed since and stays as it is."
    assert [(fresh(case).state, fresh(case).assignee_id, fresh(case).snoozed_until) for case in cases[:5]] == before[:5]
    assert post(ann, "undo_bulk", bulk=bulk)["message"].startswith("Taken back: 0 cases")


def test_a_bulk_resolution_whose_cause_came_back_stays(cases: list[Case], partner: Any) -> None:
    ann = login("operator")
    post(ann, "bulk", act="resolve", case=[str(case.pk) for case in cases[:2]], reason="same cause", resolution="fixed")
    with tenancy.platform_scope():
        again = services.open_case(kind="unmatched_line", cause_key="t:0", title="Again", partner_id=partner.pk)
    bulk = ann.get(reverse(QUEUE), {"view": "all"}).context["done"]["id"]
    assert post(ann, "undo_bulk", bulk=bulk)["message"] == "Taken back: 1 case. 1 changed since and stays as it is."
    assert (fresh(cases[0]).state, fresh(cases[1]).state, fresh(again).state) == ("resolved", "open", "open")


@pytest.mark.parametrize("act", ["claim", "release", "assign", "snooze", "resolve"])
def test_whoever_comes_second_reads_who_was_first(cases: list[Case], act: str) -> None:
    ann, ben = login("operator"), login("treasurer")
    data = {"assignee": str(ann.user.pk), "until": "1h", "resolution": "fixed", "reason": "late"}
    post(ben, "act", cases[0].pk, "claim")
    held = post(ann, "act", cases[0].pk, act, **data)
    assert held["status"] == 409 and "is worked by treasurer until" in held["message"]
    post(ben, "act", cases[0].pk, "resolve", resolution="fixed", reason="done")
    late = post(ann, "act", cases[0].pk, act, **data)
    assert late["status"] == 409 and "was resolved by treasurer at" in late["message"] and "nothing was changed" in late["message"]
    assert post(ann, "act", cases[0].pk, "comment", reason="noted")["ok"], "whoever is late may still say something"
    assert post(ann, "act", cases[0].pk, "undo")["status"] == 409
    assert fresh(cases[0]).resolution_note == "done"


def test_a_lease_ends_by_itself_and_the_case_is_anybodys(cases: list[Case]) -> None:
    ann, ben = login("operator"), login("treasurer")
    post(ben, "act", cases[0].pk, "claim")
    with clock.travel(clock.now() + work.LEASE + timedelta(seconds=1)):
        assert post(ann, "act", cases[0].pk, "claim")["ok"]
    assert fresh(cases[0]).assignee == ann.user


def test_a_snoozed_case_says_when_it_wakes_and_wakes(cases: list[Case]) -> None:
    ann = login("operator")
    post(ann, "act", cases[0].pk, "snooze", until="1h", reason="bank calls back")
    assert "wakes in 59 min" in ann.get(reverse(QUEUE), {"view": "snoozed"}).content.decode()
    assert "Break 0" not in ann.get(reverse(QUEUE), {"view": "all"}).content.decode()
    with clock.travel(clock.now() + timedelta(minutes=61)):
        with tenancy.platform_scope():
            assert services.wake_up() == 1
        assert "Break 0" in ann.get(reverse(QUEUE), {"view": "all"}).content.decode()


def test_own_views_are_renamed_opened_first_and_deleted(cases: list[Case]) -> None:
    ann, ben = login("operator"), login("treasurer")
    for name, query in (("Large", "sort=amount"), ("Old", "sort=age")):
        post(ann, "save_view", name=name, query=query)
    large, old = SavedView.objects.order_by("name")
    assert "Taken" not in post(ann, "change_view", large.pk, name="Largest", opens="1")["message"]
    assert post(ann, "change_view", old.pk, name="Largest")["status"] == 422
    assert post(ann, "change_view", old.pk, name=" ")["status"] == 422
    assert post(ben, "change_view", old.pk, name="Mine")["status"] == 404
    answer = ann.get(reverse(QUEUE))
    assert answer.status_code == 302 and answer["Location"].endswith("?sort=amount")
    assert ann.get(reverse(QUEUE), {"view": "all"}).status_code == 200, "all open is still a click away"
    assert ben.get(reverse(QUEUE)).status_code == 200
    assert "Largest" in ann.get(answer["Location"]).content.decode()
    post(ann, "change_view", old.pk, name="Old", opens="1")
    assert list(SavedView.objects.filter(opens=True).values_list("name", flat=True)) == ["Old"]
    post(ann, "delete_view", old.pk)
    assert ann.get(reverse(QUEUE)).status_code == 200
