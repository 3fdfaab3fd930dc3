"""Four eyes: nobody approves their own request, and what is carried out is what was shown."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction

from operations import services
from operations.models import Approval, ApprovalLimit
from operations.services import approvals
from operations.services.limits import ask_limit
from partners import roles
from partners.models import User
from payos.kernel import clock
from payos.kernel.errors import Problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("platform")]


class Vault:
    """A subject that changes and counts what is done to it."""

    def __init__(self) -> None:
        self.version, self.paid = 1, []


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Vault:
    vault = Vault()

    def execute(params: dict[str, Any], approval: Approval) -> dict[str, Any]:
        if params.get("fails"):
            raise Problem("unprocessable", "the bank said no")
        vault.paid.append(params["minor"])
        return {"paid": params["minor"]}

    monkeypatch.setitem(
        approvals.ACTIONS,
        "test.pay",
        approvals.Action("test.pay", execute, lambda params: {"summary": f"pay {params['minor']}"}, lambda params: str(vault.version)),
    )
    return vault


def person(name: str, role: str) -> User:
    user = User.objects.create_user(name, password="x" * 16, is_staff=True)
    user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def olga() -> User:
    return person("olga", roles.OPERATOR)


@pytest.fixture
def alan() -> User:
    return person("alan", roles.APPROVER)


def ask(user: User, **extra: Any) -> Approval:
    return services.request_approval(
        **({"action": "test.pay", "subject": ("thing", "1"), "params": {"minor": 500}, "reason": "agreed", "requested_by": user} | extra)
    )


def test_a_second_person_carries_it_out(vault: Vault, olga: User, alan: User) -> None:
    approval = ask(olga)
    assert approval.preview == {"summary": "pay 500"} and vault.paid == []
    done = services.decide_approval(approval=approval, user=alan, approve=True, note="ok")
    assert (done.state, done.result, vault.paid) == ("approved", {"paid": 500}, [500])
    with pytest.raises(Problem, match="approval_decided"):
        services.decide_approval(approval=approval, user=alan, approve=True, note="again")
    assert vault.paid == [500]


def test_who_asks_never_approves_not_even_by_sql(vault: Vault, alan: User) -> None:
    approval = ask(alan)
    with pytest.raises(Problem, match="approval_own"):
        services.decide_approval(approval=approval, user=alan, approve=True, note="me")
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE operations_approval SET decided_by_id = requested_by_id WHERE id = %s", [approval.pk])
    with pytest.raises(IntegrityError, match="has_approver"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE operations_approval SET state = 'approved' WHERE id = %s", [approval.pk])


def test_only_a_role_that_may_decide_decides(vault: Vault, olga: User) -> None:
    other = person("oscar", roles.OPERATOR)
    with pytest.raises(Problem, match="approval_forbidden"):
        services.decide_approval(approval=ask(olga), user=other, approve=True, note="x")
    assert vault.paid == []


def test_a_changed_subject_voids_the_request(vault: Vault, olga: User, alan: User) -> None:
    approval = ask(olga)
    vault.version = 2
    assert services.decide_approval(approval=approval, user=alan, approve=True, note="ok").state == "void"
    assert vault.paid == []


def test_an_expired_request_does_nothing(vault: Vault, olga: User, alan: User) -> None:
    approval = ask(olga)
    with clock.travel(clock.now() + timedelta(days=4)):
        assert services.decide_approval(approval=approval, user=alan, approve=True, note="ok").state == "expired"
    assert vault.paid == []


def test_expiry_frees_the_case_and_the_subject(vault: Vault, olga: User) -> None:
    case = services.open_case(kind="k", cause_key="c", title="t")
    ask(olga, case=case)
    case.refresh_from_db()
    assert case.state == "awaiting_approval"
    with pytest.raises(Problem, match="approval_pending"):
        ask(olga)
    with clock.travel(clock.now() + timedelta(days=4)):
        assert services.expire_approvals() == 1
        case.refresh_from_db()
        assert case.state == "open"
        assert ask(olga).state == "requested"


def test_an_act_that_fails_leaves_the_request_as_it_was(vault: Vault, olga: User, alan: User) -> None:
    approval = ask(olga, params={"minor": 5, "fails": True})
    with pytest.raises(Problem, match="the bank said no"):
        services.decide_approval(approval=approval, user=alan, approve=True, note="ok")
    approval.refresh_from_db()
    assert approval.state == "requested"


def test_approval_resolves_its_case_and_rejection_reopens_it(vault: Vault, olga: User, alan: User) -> None:
    case = services.open_case(kind="k", cause_key="c", title="t")
    services.decide_approval(approval=ask(olga, case=case), user=alan, approve=False, note="too much")
    case.refresh_from_db()
    assert case.state == "open"
    services.decide_approval(approval=ask(olga, case=case), user=alan, approve=True, note="fine")
    case.refresh_from_db()
    assert (case.state, case.resolution, case.resolved_by) == ("resolved", "test.pay", alan)


def test_rejection_and_request_need_words(vault: Vault, olga: User, alan: User) -> None:
    with pytest.raises(Problem, match="reason_missing"):
        ask(olga, reason=" ")
    with pytest.raises(Problem, match="reason_missing"):
        services.decide_approval(approval=ask(olga), user=alan, approve=False, note="")


def test_limits_per_role(olga: User, alan: User) -> None:
    def alone(user: User, minor: int | None, currency: str = "USD") -> bool:
        return not services.needs_approval(action="test.pay", user=user, amount_minor=minor, currency=currency)

    assert not alone(olga, 1)
    ApprovalLimit.objects.create(action="test.pay", role=roles.OPERATOR, currency="USD", limit_minor=1000)
    assert alone(olga, 1000) and alone(olga, -1000)
    assert not alone(olga, 1001) and not alone(olga, 10, "EUR") and not alone(olga, None) and not alone(alan, 1)


def test_a_change_of_limits_needs_a_second_person_itself(vault: Vault, olga: User, alan: User) -> None:
    admin = person("ada", roles.ADMINISTRATOR)
    approval = ask_limit(user=admin, action="test.pay", role=roles.OPERATOR, currency="USD", limit="25.00", reason="busy")
    assert not ApprovalLimit.objects.exists()
    assert approval.preview["changes"][0]["before"] == "always two people"
    services.decide_approval(approval=approval, user=alan, approve=True, note="ok")
    assert ApprovalLimit.objects.get().limit_minor == 2500
    for bad in ("25.001", "-1", "x", "1e3"):
        with pytest.raises(Problem):
            ask_limit(user=admin, action="test.pay", role=roles.OPERATOR, currency="USD", limit=bad, reason="x")


def test_go_live_takes_two_people(partner: Any, alan: User) -> None:
    from operations.services import ask_go_live

    ada = person("ada", roles.ADMINISTRATOR)
    approval = ask_go_live(user=ada, partner=partner, reason="contract signed")
    partner.refresh_from_db()
    assert not partner.live_enabled
    services.decide_approval(approval=approval, user=alan, approve=True, note="ok")
    partner.refresh_from_db()
    assert partner.live_enabled
    with pytest.raises(Problem, match="live already"):
        ask_go_live(user=ada, partner=partner, reason="again")


def test_what_nobody_decides_becomes_a_case_until_it_is_decided(vault: Vault, olga: User, alan: User) -> None:
    from operations.models import Case

    approval = ask(olga)
    assert services.watch_approvals() == 0
    with clock.travel(clock.now() + timedelta(hours=25)):
        assert services.watch_approvals() == 1
        assert services.watch_approvals() == 0
        services.decide_approval(approval=approval, user=alan, approve=True, note="ok")
        services.watch_approvals()
    case = Case.objects.get(kind="approval_waiting")
    assert (case.state, case.occurrences) == ("resolved", 1)


@pytest.mark.django_db(transaction=True)
def test_a_ledger_that_does_not_prove_is_a_critical_case(partner: Any, superuser: Any) -> None:
    from ledger.services import Leg, account_for, post
    from operations.models import Case
    from payos.kernel import tenancy

    with tenancy.platform_scope():
        legs = [
            Leg(account_for(partner_id=partner.pk, code=code, currency="USD"), amount)
            for code, amount in (("receivable:card", 700), ("partner:available", -700))
        ]
        post(partner_id=partner.pk, kind="payment", legs=legs)
    assert services.watch_ledger()
    superuser.execute("SET session_replication_role = replica")
    superuser.execute("UPDATE ledger_entry SET amount_minor = amount_minor + 1 WHERE line = 1")
    assert not services.watch_ledger()
    with tenancy.platform_scope():
        case = Case.objects.get(kind="ledger_seal")
        assert case.severity == 4 and case.state == "open"
    superuser.execute("UPDATE ledger_entry SET amount_minor = amount_minor - 1 WHERE line = 1")
    assert services.watch_ledger()
    with tenancy.platform_scope():
        case.refresh_from_db()
        assert case.state == "resolved"


def test_every_registered_act_is_asked_for_by_one_and_decided_by_another(olga: User) -> None:
    """No act names an approver of its own, and none is carried out by asking for it."""
    import inspect

    assert {
        "operations.change_limit",
        "partners.go_live",
        "reconciliation.write_off",
        "reconciliation.adjust",
        "reconciliation.rule_activate",
    } <= set(approvals.ACTIONS)
    assert {"settlement.window_override", "settlement.transfer_override", "settlement.rail_on", "settlement.resume_all"} <= set(
        approvals.ACTIONS
    )
    for name, action in approvals.ACTIONS.items():
        assert len(inspect.signature(action.execute).parameters) == 2, name
        assert len(inspect.signature(action.preview).parameters) == 1, name
        assert len(inspect.signature(action.fingerprint).parameters) == 1, name
