"""Nothing that moves money, or lets it move, has a path round the second person.

Two walks. The source: whoever calls a guarded service, or posts to the ledger, must stand in a table here that says why it
may; a new caller fails until somebody has thought about it. The acts: every action that is registered for approval is asked
for, refused to whoever asked, seen to have moved nothing, and then carried out by another; a new action fails until it is here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from ledger import services as ledger
from ledger.models import Period, Transaction
from operations import services as operations
from operations.models import Approval, ApprovalLimit
from operations.services import approvals
from partners import roles
from partners.models import User
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from reconciliation import services as reconciliation
from reconciliation.models import BankAccount, Rule, StatementLine
from settlement import services as settlement
from settlement.models import Halt, Rail, SettlementBatch, Transfer, WindowRule
from tests.reconciliation.test_loop import mt940, transfers, upload
from tests.settlement.conftest import bank, funded, order, rail, sandbox_process  # noqa: F401

ROOT = Path(settings.BASE_DIR)
NOT_WALKED = {"tests", "bench", "sandbox", ".venv", "node_modules", "migrations", "chaos"}

# A guarded service and the only modules that may call it: the executor of its approval, or the service that asks for one first.
GUARDED = {
    "rail_on": {"settlement.approvals"},
    "resume_all": {"settlement.approvals"},
    "close_now": {"settlement.approvals"},
    "activate_rule": {"reconciliation.approvals"},
    "adjust_line": {"reconciliation.services.booking", "console.simulation"},
    # A match in part splits the line at what balances to the cent and writes nothing off; its own callers are named too.
    "match_by_hand": {"reconciliation.approvals", "console.workbench.actions", "reconciliation.services.splitting", "console.simulation"},
    "match_in_part": {"console.workbench.actions", "console.workbench.views"},
    "period_reopen": {"operations.ledger_periods"},
    "partner_set_live": {"operations.services.golive"},
}
# Who posts to the ledger, and why that needs no second person each time.
MAY_POST = {
    "settlement.services.accepting": "a partner's own order, held against the partner's own balance",
    "settlement.services.resending": "the same order again, after the first one is known to have failed",
    "settlement.services.outcomes": "what the rail said happened",
    "ingestion.services.holding": "the holding period of the branch is over",
    "ingestion.services.reversals": "the payer's bank took it back",
    "reconciliation.services.effects": "a match: exact, or by hand through the bench with its limit",
    "reconciliation.services.deciding": "adjust_line, itself guarded above",
    "console.workbench.actions": "undo: reverses what the same person posted",
    "console.simulation": "the simulated day funds its own partners",
    "console.loadtest": "the load test funds its own partners",
    "console.volume": "make_volume builds a data set",
    "console.management.commands.make_volume": "make_volume builds a data set",
}
MOVERS = {"post", "post_many", "hold", "post_hold", "void_hold", "reverse", "reverse_many", "convert", "expire_holds"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(ROOT.glob("*/**/*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if not NOT_WALKED & set(parts) and not parts[0].startswith("."):
            yield ".".join(parts), ast.parse(path.read_text())


def called(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(what it is called on, name) of every call: `ledger.post(...)` is ("ledger", "post"), `post(...)` is ("", "post")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
                yield node.func.value.id, node.func.attr
            elif isinstance(node.func, ast.Name):
                yield "", node.func.id


def names_of_the_ledger(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names under which a module knows the ledger's services, and single functions of them."""
    whole, single = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in {"ledger", "ledger.services"}:
            for name in node.names:
                if node.module == "ledger" and name.name == "services":
                    whole.add(name.asname or name.name)
                elif node.module == "ledger.services" and name.name in MOVERS:
                    single.add(name.asname or name.name)
    return whole, single


def test_a_guarded_service_is_called_by_its_guard_only():
    found: dict[str, set[str]] = {name: set() for name in GUARDED}
    for module, tree in modules():
        for _, name in called(tree):
            if name in GUARDED and not any(isinstance(n, ast.FunctionDef) and n.name == name for n in tree.body):
                found[name].add(module)
    for name, callers in found.items():
        assert callers, f"nobody calls {name}: is it still a service?"
        assert callers <= GUARDED[name], f"{name} is called by {sorted(callers - GUARDED[name])}, past its second person"


def test_a_match_by_hand_writes_off_behind_a_limit_only():
    """Without write_off a match that does not balance is refused; so only these may give it."""
    giving = set()
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) == "match_by_hand":
                giving |= {module for keyword in node.keywords if keyword.arg == "write_off"}
    assert giving == {"reconciliation.approvals", "console.workbench.actions"}


def test_who_posts_to_the_ledger_is_known():
    posting = set()
    for module, tree in modules():
        if module.startswith("ledger."):
            continue
        whole, single = names_of_the_ledger(tree)
        if any((owner in whole and name in MOVERS) or (owner == "" and name in single) for owner, name in called(tree)):
            posting.add(module)
    assert posting <= set(MAY_POST), f"{sorted(posting - set(MAY_POST))} post to the ledger: say here why, or put it behind an approval"
    for module, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "ledger_post(" in node.value:
                assert module.startswith(("ledger.", "ingestion.")), f"{module} posts by SQL of its own"


# --- every registered act, carried out ------------------------------------------------------------------------------


def person(name: str, *names: str) -> User:
    user = User.objects.create_user(name, password="x" * 16, is_staff=True)
    for role in names:
        user.groups.add(Group.objects.get(name=role))
    return user


@pytest.fixture
def asker(db: Any) -> User:
    """Has every right, deciding approvals included: what stops this person is being the one who asked."""
    return person("asker", *roles.MATRIX)


@pytest.fixture
def decider(db: Any) -> User:
    return person("decider", roles.APPROVER)


class World:
    """What the acts are about, made when an act needs it."""

    def __init__(self, request: pytest.FixtureRequest, asker: User) -> None:
        self.request, self.asker = request, asker
        self.partner = request.getfixturevalue("partner")
        self.client = Client()
        self.client.force_login(asker)

    @property
    def rail(self) -> Rail:
        self.request.getfixturevalue("funded")
        return self.request.getfixturevalue("rail")

    def waiting(self) -> Transfer:
        assert self.rail
        with tenancy.platform_scope():
            WindowRule.objects.update(frequency="times", times=["23:58"])
        with tenancy.tenant_scope(self.partner.pk, False):
            items = settlement.check_items(partner=self.partner, livemode=False, items=[order("10.00")])
            (made,) = settlement.accept(partner=self.partner, livemode=False, items=items)
        return made

    def account(self, *lines: tuple[int, str]) -> BankAccount:
        account = BankAccount.objects.create(partner=self.partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")
        upload(mt940(clock.now().date(), 0, list(lines)), "a.sta", self.partner.pk)
        return account

    def dialog(self, page: str, key: Any = None, **fields: Any) -> None:
        """As the page does it; with the asker's own rights."""
        answer = self.client.post(
            reverse(f"admin:{page}", args=[key] if key else []), {"_form_submitted": "on", "reason": "agreed by phone", **fields}
        )
        assert answer.status_code in {200, 204, 302}, answer.content[:500]


def window_override(world: World) -> Callable[[], Any]:
    world.waiting()
    world.dialog("settlement_windowrule_close_now", WindowRule.objects.get().pk)
    return lambda: SettlementBatch.objects.count()


def transfer_override(world: World) -> Callable[[], Any]:
    transfer = world.waiting()
    world.dialog("settlement_transfer_send_now", transfer.pk)
    return lambda: Transfer.objects.get(pk=transfer.pk).settlement_batch_id


def rail_on(world: World) -> Callable[[], Any]:
    settlement.rail_off(rail=world.rail, reason="the bank called")
    world.dialog("settlement_rail_switch_on", world.rail.pk)
    return lambda: Rail.objects.get(pk=world.rail.pk).enabled


def resume_all(world: World) -> Callable[[], Any]:
    assert world.rail
    settlement.halt_all(reason="fraud alarm")
    world.dialog("settlement_rail_resume_all")
    return lambda: Halt.objects.count()


def rule_activate(world: World) -> Callable[[], Any]:
    account = world.account((500, "INTEREST"))
    rule = Rule.objects.create(
        partner=world.partner, account=account, name="Interest", action="label", side="external",
        conditions=[{"field": "description", "operator": "contains", "value": "INTEREST"}], reason="seen before",
    )  # fmt: skip
    reconciliation.try_rule(rule=rule)
    world.dialog("reconciliation_rule_ask_activation", rule.pk)
    return lambda: Rule.objects.get(pk=rule.pk).state


def write_off(world: World) -> Callable[[], Any]:
    (transfer,) = transfers(world.partner, world.rail, 1)
    account = world.account((-1030, "GARBLED"))
    line = StatementLine.objects.get(account=account)
    params = {"account": str(account.pk), "lines": [str(line.pk)], "items": [f"transfer:{transfer.pk}"]}
    operations.request_approval(
        action="reconciliation.write_off", params=params, reason="bank fee", requested_by=world.asker, partner_id=world.partner.pk,
        amount_minor=-30, currency="USD",
    )  # fmt: skip
    return lambda: (StatementLine.objects.get(pk=line.pk).state, Transaction.objects.count())


def adjust(world: World) -> Callable[[], Any]:
    account = world.account((500, "INTEREST"))
    line = StatementLine.objects.get(account=account)
    world.dialog("reconciliation_statementline_book", line.pk, code="suspense")
    return lambda: (StatementLine.objects.get(pk=line.pk).state, Transaction.objects.count())


def period_reopen(world: World) -> Callable[[], Any]:
    period = ledger.period_close(
        partner_id=world.partner.pk, livemode=False, starts_at=datetime(2026, 1, 1, tzinfo=UTC), ends_at=datetime(2026, 2, 1, tzinfo=UTC)
    )
    world.dialog("ledger_period_reopen", period.pk)
    return lambda: Period.objects.get(pk=period.pk).closed_at is None


def go_live(world: World) -> Callable[[], Any]:
    operations.ask_go_live(user=world.asker, partner=world.partner, reason="contract signed")
    return lambda: type(world.partner).objects.get(pk=world.partner.pk).live_enabled


def change_limit(world: World) -> Callable[[], Any]:
    from operations.services.limits import ask_limit

    ask_limit(user=world.asker, action="reconciliation.write_off", role=roles.OPERATOR, currency="USD", limit="5.00", reason="small fees")
    return lambda: list(ApprovalLimit.objects.values_list("role", "limit_minor"))


ACTS: dict[str, Callable[[World], Callable[[], Any]]] = {
    "settlement.window_override": window_override,
    "settlement.transfer_override": transfer_override,
    "settlement.rail_on": rail_on,
    "settlement.resume_all": resume_all,
    "reconciliation.rule_activate": rule_activate,
    "reconciliation.write_off": write_off,
    "reconciliation.adjust": adjust,
    "ledger.period_reopen": period_reopen,
    "partners.go_live": go_live,
    "operations.change_limit": change_limit,
}


def test_every_registered_act_is_proven_here():
    assert set(approvals.ACTIONS) == set(ACTS)


@pytest.mark.django_db
@pytest.mark.parametrize("action", sorted(ACTS))
def test_nothing_moves_before_a_second_person_agrees(action: str, request: pytest.FixtureRequest, asker: User, decider: User) -> None:
    with tenancy.platform_scope(actor="user:asker"):
        look = ACTS[action](World(request, asker))
        approval = Approval.objects.get(action=action)
        before = look()
        assert approval.state == "requested" and approval.requested_by_id == asker.pk and approval.preview["summary"]
        with pytest.raises(Problem) as own:
            operations.decide_approval(approval=approval, user=asker, approve=True, note="my own idea")
        assert own.value.code == "approval_own" and look() == before
        done = operations.decide_approval(approval=approval, user=decider, approve=True, note="seen")
        assert done.state == "approved" and look() != before
        with pytest.raises(Problem) as twice:
            operations.decide_approval(approval=approval, user=decider, approve=True, note="again")
        assert twice.value.code == "approval_decided"
