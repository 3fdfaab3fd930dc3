"""The bench: what is suggested, what is refused, and that undo leaves the ledger as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from console import rollups
from console.reports import services as reports
from console.trace import trace
from console.workbench import actions, bench
from ledger import selectors
from ledger.models import Account, Transaction
from operations import services as operations
from operations.models import Approval, ApprovalLimit, Case
from partners import roles
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from reconciliation import services
from reconciliation.models import BankAccount, Discrepancy, Match, Run, Statement, StatementLine
from reconciliation.services import booking
from settlement.models import Transfer
from tests.reconciliation.test_loop import mt940, transfers, upload

pytestmark = pytest.mark.django_db


@pytest.fixture
def scope() -> Any:
    with tenancy.platform_scope(actor="user:olga"):
        yield


@pytest.fixture
def olga(db: Any) -> User:
    user = User.objects.create_user("olga", password="x" * 16, is_staff=True)
    user.groups.add(Group.objects.get(name=roles.OPERATOR))
    return user


@pytest.fixture
def account(partner: Any, db: Any) -> BankAccount:
    with tenancy.platform_scope():
        return BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")


def day_of(partner: Any, rail: Any, account: BankAccount) -> list[Transfer]:
    """Three transfers of 10.00; the bank shows one as asked, one as 12.50, and a line of nobody."""
    made = transfers(partner, rail, 3)
    with tenancy.platform_scope():
        lines = [(-1000, made[0].public_id), (-1250, made[1].public_id), (777, "NOBODY KNOWS")]
        upload(mt940(clock.now().date(), 0, lines), "a.sta", partner.pk)
    services.run_account(account=account)
    return made


@pytest.fixture
def day(rail: Any, funded: Any, account: BankAccount, scope: Any) -> list[Transfer]:
    return day_of(funded, rail, account)


def case_of(kind: str) -> Case:
    return Case.objects.get(kind=f"reconciliation_{kind}")


def balance(code: str) -> int:
    return selectors.balance(Account.objects.get(code=code, livemode=False, currency="USD", branch=None)).posted_minor


def test_the_bench_shows_both_sides_and_what_differs(day: list[Transfer]) -> None:
    laid = bench.lay_out(case_of("amount_mismatch"))
    (line,) = [end for end in laid.lines if end.picked]
    (item,) = [end for end in laid.items if end.picked]
    assert (line.amount_minor, item.amount_minor, laid.residual) == (-1250, -1000, -250)
    assert item.key == f"transfer:{day[1].pk}"
    assert "amount" in item.differs and "reference" not in item.differs and "day" not in item.differs
    assert all(end.key != f"transfer:{day[0].pk}" for end in laid.items), "what is matched already is not offered"


def test_validate_refuses_what_does_not_balance(day: list[Transfer], olga: User) -> None:
    case = case_of("amount_mismatch")
    laid = bench.lay_out(case)
    lines, items = [end.key for end in laid.lines if end.picked], [end.key for end in laid.items if end.picked]
    with pytest.raises(Problem, match="not_balanced"):
        actions.match(case=case, user=olga, lines=lines, items=items)
    with pytest.raises(Problem):
        actions.match(case=case, user=olga, lines=[], items=items)
    with pytest.raises(Problem):
        actions.match(case=case, user=olga, lines=["x"], items=items)
    assert Match.objects.filter(level=0).count() == 0


def test_a_write_off_within_the_limit_and_its_undo(day: list[Transfer], olga: User) -> None:
    ApprovalLimit.objects.create(action=actions.WRITE_OFF, role=roles.OPERATOR, currency="USD", limit_minor=250)
    case = case_of("amount_mismatch")
    before = balance("writeoffs")
    text = actions.match(case=case, user=olga, lines=[_line(-1250)], items=[f"transfer:{day[1].pk}"], note="bank fee", write_off=True)
    assert "$2.50 written off" in text
    assert balance("writeoffs") - before == 250
    case.refresh_from_db()
    assert (case.state, case.resolution, case.resolved_by) == ("resolved", "matched", olga)
    assert operations.undo(case=case, user=olga).state == "open"
    assert balance("writeoffs") == before
    assert Transfer.objects.get(pk=day[1].pk).state == "settled"


def _line(minor: int) -> str:
    return str(StatementLine.objects.get(amount_minor=minor).pk)


def test_over_the_limit_a_second_person_is_asked_and_nothing_moves_before(day: list[Transfer], olga: User) -> None:
    ApprovalLimit.objects.create(action=actions.WRITE_OFF, role=roles.OPERATOR, currency="USD", limit_minor=249)
    case, before = case_of("amount_mismatch"), balance("writeoffs")
    text = actions.match(case=case, user=olga, lines=[_line(-1250)], items=[f"transfer:{day[1].pk}"], note="bank fee", write_off=True)
    assert "waits for a second person" in text and balance("writeoffs") == before
    approval = Approval.objects.get()
    case.refresh_from_db()
    assert case.state == "awaiting_approval" and approval.preview["summary"].startswith("Match 1 line with 1 item of Main (USD)")
    said = {row["account"]: (row["direction"], row["amount_minor"]) for row in approval.preview["entries"]}
    assert said == {"cash:sandbox": ("credit", 1250), "transfers:in_transit": ("debit", 1000), "writeoffs": ("debit", 250)}
    alan = User.objects.create_user("alan", password="x" * 16, is_staff=True)
    alan.groups.add(Group.objects.get(name=roles.APPROVER))
    browser = Client()
    browser.force_login(alan)
    seen = browser.get(reverse("admin:operations_approval_change", args=[approval.pk])).content.decode()
    assert "$12.50" in seen and "$2.50" in seen and "parameters" not in seen
    operations.decide_approval(approval=approval, user=alan, approve=True, note="fine")
    assert balance("writeoffs") - before == 250
    posted = {
        entry.account.code: entry.amount_minor
        for entry in Transaction.objects.get(kind="reconciliation.matched", subject_id=str(Match.objects.get(level=0).pk)).entries.all()
    }
    assert {code: (("debit" if amount > 0 else "credit"), abs(amount)) for code, amount in posted.items()} == said
    case.refresh_from_db()
    assert case.state == "resolved"
    with pytest.raises(Problem):
        operations.undo(case=case, user=olga)


def test_a_line_that_pays_for_more_is_matched_in_part_and_the_rest_stays_on_the_case(day: list[Transfer], olga: User) -> None:
    case, before = case_of("amount_mismatch"), balance("writeoffs")
    line, item = _line(-1250), f"transfer:{day[1].pk}"
    with pytest.raises(Problem):
        actions.match_in_part(case=case, user=olga, lines=[_line(777)], items=[item], note="no")
    text = actions.match_in_part(case=case, user=olga, lines=[line], items=[item], note="the rest is a fee")
    assert "-$2.50 stay open" in text and Transfer.objects.get(pk=day[1].pk).state == "reconciled"
    case.refresh_from_db()
    assert case.state != "resolved"
    laid = bench.lay_out(case)
    (rest,) = [end for end in laid.lines if end.picked]
    assert rest.amount_minor == -250 and balance("writeoffs") == before
    ApprovalLimit.objects.create(action=booking.ADJUST, role=roles.OPERATOR, currency="USD", limit_minor=1000)
    actions.book(case=case, user=olga, line=rest.key, code="rail:costs", partner="", reason="the bank's fee")
    case.refresh_from_db()
    assert case.state == "resolved" and balance("rail:costs") == 250


def test_the_rest_of_a_part_match_stays_on_its_case_and_other_doubts_about_the_line_stay_open(
    day: list[Transfer], olga: User, account: BankAccount
) -> None:
    case = case_of("amount_mismatch")
    line, item = _line(-1250), f"transfer:{day[1].pk}"
    other = Discrepancy.objects.create(
        account=account, partner_id=account.partner_id, run=Run.objects.latest("pk"), cause_key="another doubt", type="duplicate",
        lines=[line, _line(777)], currency="USD", first_on=clock.now().date(),
    )  # fmt: skip
    actions.match_in_part(case=case, user=olga, lines=[line], items=[item], note="the rest is a fee")
    other.refresh_from_db()
    left = StatementLine.objects.get(part_of=line, state="open")
    assert other.state == "open" and set(other.lines) == {str(left.pk), _line(777)}
    other.delete()
    for _ in range(2):
        services.run_account(account=account)
        case.refresh_from_db()
        assert (case.state, case.amount_minor) == ("claimed", 250)
        assert bench.discrepancy_of(case).lines == [str(left.pk)] and bench.discrepancy_of(case).state == "open"
    assert Case.objects.exclude(state="resolved").filter(kind__startswith="reconciliation_").count() == 2
    ApprovalLimit.objects.create(action=booking.ADJUST, role=roles.OPERATOR, currency="USD", limit_minor=1000)
    actions.book(case=case, user=olga, line=str(left.pk), code="rail:costs", partner="", reason="the bank's fee")
    services.run_account(account=account)
    case.refresh_from_db()
    assert case.state == "resolved" and case.resolution == "booked"


def test_taking_a_decision_back_opens_the_statement_again(rail: Any, funded: Any, account: BankAccount, scope: Any, olga: User) -> None:
    made = transfers(funded, rail, 1)
    upload(mt940(clock.now().date(), 0, [(-1000, made[0].public_id), (777, "NOBODY KNOWS")]), "a.sta", funded.pk)
    services.run_account(account=account)
    case = case_of("missing_internal")
    actions.set_aside(case=case, user=olga, line=_line(777), reason="not ours")
    services.run_account(account=account)
    assert Statement.objects.get().state == "reconciled"
    operations.undo(case=case, user=olga)
    assert Statement.objects.get().state == "balanced"
    actions.set_aside(case=case, user=olga, line=_line(777), reason="not ours")
    services.run_account(account=account)
    services.unmatch(match=Match.objects.get(), reason="the wrong one")
    assert Statement.objects.get().state == "balanced"


def test_a_line_of_nobody_is_booked_with_a_preview_and_reversed_by_undo(day: list[Transfer], olga: User) -> None:
    case, line = case_of("missing_internal"), _line(777)
    shown = actions.preview_booking(case=case, line=line, code="suspense")
    assert [(row["account"], row["direction"], row["amount_minor"]) for row in shown["entries"]] == [
        ("cash:sandbox", "debit", 777),
        ("suspense", "credit", 777),
    ]
    assert actions.book(case=case, user=olga, line=line, code="suspense", partner="", reason="ask the bank").endswith(
        "waits for a second person."
    )
    operations.decide_approval(approval=Approval.objects.get(), user=_approver(), approve=False, note="book it yourself")
    ApprovalLimit.objects.create(action=booking.ADJUST, role=roles.OPERATOR, currency="USD", limit_minor=1000)
    before = balance("suspense")
    actions.book(case=case, user=olga, line=line, code="suspense", partner="", reason="ask the bank")
    assert balance("suspense") - before == -777
    assert StatementLine.objects.get(pk=line).state == "booked"
    operations.undo(case=case, user=olga)
    assert balance("suspense") == before and StatementLine.objects.get(pk=line).state == "open"


def _approver() -> User:
    alan = User.objects.create_user("alan", password="x" * 16, is_staff=True)
    alan.groups.add(Group.objects.get(name=roles.APPROVER))
    return alan


def test_set_aside_and_undo(day: list[Transfer], olga: User) -> None:
    case, line = case_of("missing_internal"), _line(777)
    with pytest.raises(Problem):
        actions.set_aside(case=case, user=olga, line=line, reason=" ")
    actions.set_aside(case=case, user=olga, line=line, reason="not ours")
    assert StatementLine.objects.get(pk=line).state == "ignored"
    operations.undo(case=case, user=olga)
    assert StatementLine.objects.get(pk=line).state == "open"


def test_many_to_many_with_a_running_sum(rail: Any, funded: Any, account: BankAccount, scope: Any, olga: User) -> None:
    made = transfers(funded, rail, 3)
    upload(mt940(clock.now().date(), 0, [(-1700, "BULK ONE"), (-1300, "BULK TWO")]), "b.sta", funded.pk)
    services.run_account(account=account)
    case = Case.objects.filter(kind="reconciliation_missing_internal").first()
    assert case is not None
    actions.match(case=case, user=olga, lines=[_line(-1700), _line(-1300)], items=[f"transfer:{one.pk}" for one in made])
    assert set(Transfer.objects.values_list("state", flat=True)) == {"reconciled"}
    assert Match.objects.get().items.count() == 5


def test_pages_refuse_who_may_not_and_never_act_on_get(day: list[Transfer], olga: User) -> None:
    case = case_of("amount_mismatch")
    address = reverse("admin:console_workbench", args=[case.pk])
    act = reverse("admin:console_workbench_act", args=[case.pk, "match"])
    auditor = User.objects.create_user("otto", password="x" * 16, is_staff=True)
    auditor.groups.add(Group.objects.get(name=roles.AUDITOR))
    looks, works = Client(), Client(enforce_csrf_checks=True)
    looks.force_login(auditor)
    works.force_login(olga)
    page = looks.get(address)
    assert page.status_code == 200 and b"do-match" not in page.content
    assert looks.post(act, {}).status_code == 403
    assert works.get(act).status_code == 405 and works.post(act, {}).status_code == 403
    assert works.get(address).status_code == 200
    assert Match.objects.filter(level=0).count() == 0


def test_the_trace_goes_from_the_statement_line_to_the_transfer(day: list[Transfer]) -> None:
    line = StatementLine.objects.get(amount_minor=-1000)
    found = {node.type for node in trace(line.public_id).nodes}
    assert {"statement_line", "statement", "match", "transfer", "ledger_transaction", "settlement_batch", "event"} <= found
    back = trace(day[0].public_id)
    assert line.public_id in {node.public_id for node in back.nodes}
    assert day[1].public_id not in {node.public_id for node in back.nodes}, "its neighbour in the batch is another life"


def test_the_reconciliation_report_ties_to_the_ledger(day: list[Transfer]) -> None:
    today = clock.today()
    from datetime import timedelta

    with clock.travel(clock.now() + timedelta(days=1, minutes=5)):
        report = reports.make_report(kind="reconciliation", span="daily", day=today)
        settled = reports.make_report(kind="settlement", span="daily", day=today)
    found = {section["title"]: section["rows"] for section in report.data["sections"]}
    (row,) = found["Matches made"]
    assert row[4] == row[5] == "-10.00"
    assert ["sandbox", "test", "USD", "3", "30.00", "30.00", "0.00"] in {s["title"]: s["rows"] for s in settled.data["sections"]}[
        "Transfers settled"
    ]


@pytest.mark.django_db(transaction=True)
def test_the_bench_by_keyboard(
    rail: Any, funded: Any, account: BankAccount, sign_in: Callable[..., Any], shot: Callable[..., None]
) -> None:
    from tests.console.test_browser_pages import accessible

    day_of(funded, rail, account)
    with tenancy.platform_scope():
        ApprovalLimit.objects.create(action=actions.WRITE_OFF, role=roles.OPERATOR, currency="USD", limit_minor=500)
        case = case_of("amount_mismatch")
    page = sign_in(roles.OPERATOR)
    page.goto(f"{reverse('admin:operations_case_changelist')}?case={case.public_id}")
    page.keyboard.press("m")
    page.wait_for_selector("#bench")
    assert page.locator("#do-match").is_disabled()
    assert page.locator("#sum-rest").inner_text() == "-$2.50"
    shot(page, "workbench")
    assert accessible(page) == []
    page.keyboard.press("w")
    page.keyboard.type("bank fee")
    page.keyboard.press("Tab")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    with tenancy.platform_scope():
        case.refresh_from_db()
        assert (case.state, case.resolution) == ("resolved", "matched")
    page.goto(f"{reverse('admin:operations_case_changelist')}?case={case.public_id}")
    page.keyboard.press("u")
    page.wait_for_function("() => document.getElementById('queue-says').textContent.includes('is taken back')")
    with tenancy.platform_scope():
        assert Match.objects.get(level=0).state == "undone"
    with tenancy.platform_scope():
        services.prove(account=account, on=clock.today())
        rollups.roll()
    dark = sign_in(roles.OPERATOR, dark=True)
    dark.goto(reverse("admin:console_reconciliation"))
    shot(dark, "reconciliation-dark")
    assert accessible(dark) == []
    assert page.faults == [] and dark.faults == []


@pytest.fixture
def twins(rail: Any, funded: Any, account: BankAccount, scope: Any) -> Case:
    """Two transfers of the same amount and one line that names neither: the engine suggests and does not guess."""
    transfers(funded, rail, 2)
    upload(mt940(clock.now().date(), 0, [(-1000, "SAMMEL GARBLED")]), "t.sta", funded.pk)
    services.run_account(account=account)
    return Case.objects.filter(kind__startswith="reconciliation_", suggested_actions__contains=["match"]).first() or Case.objects.get()


def test_enter_accepts_a_suggestion_that_balances(twins: Case, olga: User) -> None:
    browser = Client()
    browser.force_login(olga)
    pane = browser.get(reverse("admin:operations_case_pane", args=[twins.pk])).content.decode()
    assert 'data-key="Enter"' in pane and "Best suggestion" in pane
    answer = browser.post(reverse("admin:operations_case_act", args=[twins.pk, "accept"]), headers={"Accept": "application/json"})
    assert answer.json()["ok"], answer.json()
    twins.refresh_from_db()
    assert (twins.state, twins.resolution) == ("resolved", "matched")
    assert Transfer.objects.filter(state="reconciled").count() == 1
    undone = browser.post(reverse("admin:operations_case_act", args=[twins.pk, "undo"]), headers={"Accept": "application/json"})
    assert undone.json()["ok"] and not Transfer.objects.filter(state="reconciled").exists()


def test_a_rule_from_the_decision_is_tried_and_asked_for(twins: Case, olga: User) -> None:
    with pytest.raises(Problem, match="nothing to make a rule from"):
        actions.propose_rule(case=twins, user=olga)
    actions.accept_top(twins, olga, {})
    twins.refresh_from_db()
    rule, trial, _ = actions.propose_rule(case=twins, user=olga)
    assert rule.state == "draft" and rule.conditions[0]["value"] == "GARBLED" and {"matched_before", "matched_after"} <= set(trial)
    again, _, text = actions.propose_rule(case=twins, user=olga, ask=True, reason="they always write it so")
    assert again.pk == rule.pk and "asks a second person" in text
    operations.decide_approval(approval=Approval.objects.get(), user=_approver(), approve=True, note="ok")
    rule.refresh_from_db()
    assert rule.state == "active"
