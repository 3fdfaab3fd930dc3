"""Cases: one per cause, counted up, worked by one person at a time."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from operations import services
from operations.models import Case, CaseEvent, Sla
from partners.models import User
from payos.kernel import clock, outbox, tenancy
from payos.kernel.errors import Problem

pytestmark = pytest.mark.django_db


@pytest.fixture
def ann(db: Any) -> User:
    return User.objects.create_user("ann", password="x" * 16, is_staff=True)


@pytest.fixture
def ben(db: Any) -> User:
    return User.objects.create_user("ben", password="x" * 16, is_staff=True)


def make(**extra: Any) -> Case:
    return services.open_case(**({"kind": "statement_missing", "cause_key": "stm:1:missing", "title": "No statement today"} | extra))


def test_same_cause_is_the_same_case(platform: None, partner: Any) -> None:
    first = make(partner_id=partner.pk, amount_minor=100, currency="USD")
    again = make(partner_id=partner.pk, amount_minor=250, currency="USD")
    assert again.pk == first.pk
    assert (again.occurrences, again.amount_minor) == (2, 250)
    assert list(first.events.order_by("id").values_list("kind", flat=True)) == ["opened", "seen_again"]


def test_a_resolved_cause_that_comes_back_is_a_new_case(platform: None, ann: User) -> None:
    first = make()
    services.resolve(case=first, user=ann, resolution="fixed", note="came late")
    assert make().pk != first.pk


def test_sla_gives_severity_and_due_time_by_amount(platform: None) -> None:
    Sla.objects.all().delete()
    Sla.objects.create(order=1, kind="statement_missing", currency="USD", minimum_minor=1_000_000, severity=4, minutes=30)
    Sla.objects.create(order=2, severity=2, minutes=600)
    small = make(cause_key="a", amount_minor=999_999, currency="USD")
    large = make(cause_key="b", amount_minor=-1_000_000, currency="USD")
    assert (small.severity, large.severity) == (2, 4)
    assert abs((large.due_at - clock.now()) - timedelta(minutes=30)) < timedelta(seconds=30)
    assert small.due_at > large.due_at


def test_opens_inside_a_tenant_and_for_the_platform(partner: Any, other_partner: Any) -> None:
    with tenancy.tenant_scope(partner.pk):
        mine = make(cause_key="tenant", partner_id=partner.pk)
        platform_case = make(cause_key="platform")
        assert list(Case.objects.values_list("pk", flat=True)) == [mine.pk]
    with tenancy.tenant_scope(other_partner.pk):
        assert not Case.objects.exists()
    with tenancy.platform_scope():
        assert Case.objects.filter(pk=platform_case.pk).exists()


def test_open_cases_is_one_statement_and_merges_repeats(platform: None, partner: Any, django_assert_max_num_queries: Any) -> None:
    rows = [{"kind": "k", "cause_key": f"c{n % 300}", "title": "t", "partner_id": partner.pk} for n in range(600)]
    with django_assert_max_num_queries(6):
        assert services.open_cases(rows) == 300
    assert services.open_cases(rows[:10]) == 0
    assert Case.objects.get(cause_key="c0").occurrences == 3


@pytest.mark.django_db(transaction=True)
def test_many_sessions_open_one_cause_once() -> None:
    def work() -> None:
        try:
            with tenancy.platform_scope():
                for _ in range(5):
                    make()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with tenancy.platform_scope():
        (case,) = Case.objects.all()
        assert case.occurrences == 30


def test_resolve_by_cause(platform: None) -> None:
    case = make()
    assert services.resolve_by_cause(["stm:1:missing", "other"], resolution="arrived") == 1
    case.refresh_from_db()
    assert (case.state, case.resolution) == ("resolved", "arrived")
    assert services.resolve_by_cause(["stm:1:missing"], resolution="arrived") == 0


def test_two_people_never_work_one_case(platform: None, ann: User, ben: User) -> None:
    case = services.claim(case=make(), user=ann)
    with pytest.raises(Problem) as refused:
        services.claim(case=case, user=ben)
    assert refused.value.code == "case_claimed" and "ann" in refused.value.detail
    for act in (
        lambda: services.resolve(case=case, user=ben, resolution="x"),
        lambda: services.snooze(case=case, user=ben, until=clock.now() + timedelta(hours=1)),
        lambda: services.assign(case=case, user=ben, assignee=ben),
    ):
        with pytest.raises(Problem, match="case_claimed"):
            act()
    with clock.travel(clock.now() + timedelta(minutes=16)):
        assert services.claim(case=case, user=ben).assignee == ben


def test_snooze_wakes_up(platform: None, ann: User) -> None:
    case = services.snooze(case=make(), user=ann, until=clock.now() + timedelta(hours=2), reason="bank is closed")
    assert services.wake_up() == 0
    with clock.travel(clock.now() + timedelta(hours=3)):
        assert services.wake_up() == 1
    case.refresh_from_db()
    assert case.state == "open"


def test_undo_takes_back_the_last_change_of_the_same_person(platform: None, ann: User, ben: User) -> None:
    case = make()
    services.resolve(case=case, user=ann, resolution="fixed")
    with pytest.raises(Problem, match="nothing_to_undo"):
        services.undo(case=case, user=ben)
    assert services.undo(case=case, user=ann).state == "open"
    with pytest.raises(Problem, match="nothing_to_undo"):
        services.undo(case=case, user=ann)


def test_undo_of_an_act_with_effects_runs_its_reversal(platform: None, ann: User) -> None:
    taken_back: list[Any] = []
    services.register_undo("test_writeoff", lambda case: taken_back.append(case.data["resolved"]["txn"]))
    case = make()
    services.resolve(case=case, user=ann, resolution="test_writeoff", data={"txn": "txn_1"})
    assert services.undo(case=case, user=ann).state == "open"
    assert taken_back == ["txn_1"]
    services.resolve(case=case, user=ann, resolution="no_way_back", data={"txn": "txn_2"})
    with pytest.raises(Problem, match="not_undoable"):
        services.undo(case=case, user=ann)


def test_undo_when_the_cause_has_a_new_case(platform: None, ann: User) -> None:
    case = make()
    services.resolve(case=case, user=ann, resolution="fixed")
    make()
    with pytest.raises(Problem, match="not_undoable"):
        services.undo(case=case, user=ann)


def test_timeline_cannot_be_rewritten(platform: None) -> None:
    case = make()
    from django.db import DatabaseError, transaction

    for act in (lambda: case.events.update(text="x"), lambda: CaseEvent.objects.all().delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()


def test_repeats_do_not_grow_the_timeline_for_ever(platform: None) -> None:
    for _ in range(130):
        case = make()
    assert case.occurrences == 130
    assert case.events.count() == 21


def test_bulk_previews_then_acts_and_leaves_held_cases_alone(platform: None, ann: User, ben: User) -> None:
    cases = [make(cause_key=f"b{n}", amount_minor=100 + n, currency="USD") for n in range(5)]
    services.claim(case=cases[0], user=ben)
    keys = [case.pk for case in cases]
    seen = services.preview_bulk(act="resolve", user=ann, case_ids=keys)
    assert (seen.count, seen.skipped, seen.amounts) == (4, 1, [("USD", 101 + 102 + 103 + 104)])
    with pytest.raises(Problem):
        services.apply_bulk(act="resolve", user=ann, case_ids=keys, reason=" ")
    assert services.apply_bulk(act="resolve", user=ann, case_ids=keys, reason="bank confirmed") == 4
    assert Case.objects.filter(state="resolved", resolved_by=ann).count() == 4


def test_a_poison_event_becomes_a_case(platform: None, partner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(events: Any) -> None:
        raise ValueError("bad event")

    monkeypatch.setattr(outbox, "_subscribers", [("thing.*", refuse)])
    outbox.publish(topic="things", event_type="thing.made", aggregate_id="thg_1", payload={}, partner_id=partner.pk)
    outbox.drain()
    case = Case.objects.get(kind="poison_event")
    assert "bad event" in case.detail and case.partner_id == partner.pk
