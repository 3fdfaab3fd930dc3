"""The ledger against a model of it in plain Python: whatever is done in whatever order, the two agree after every step.

The model knows nothing of SQL: lists of facts, summed when asked. A refusal of the model must be the same refusal of
the ledger, and leave every table byte for byte as it was.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, connections
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test

from ledger import sealing, selectors, services, verify
from ledger.models import Account, Period
from ledger.services import Leg
from partners import services as partners
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from tests.conftest import superuser_url
from tests.ledger import invariants

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
NAMES = ("available", "pending", "cash", "fees", "available-eur", "cash-eur")
LIMITED = {"available": -1, "available-eur": -1}  # the side on which the account normally stands
CURRENCY = {name: "EUR" if name.endswith("eur") else "USD" for name in NAMES}
numbers = itertools.count(1)
PAIRS = [(a, b) for a in NAMES for b in NAMES if a != b and CURRENCY[a] == CURRENCY[b]]
amounts = st.integers(1, 60)
pairs = st.sampled_from(PAIRS)
days = st.integers(-20, 0)


@dataclass
class Fact:
    """One entry that the model believes in. Layers: posted, held, released."""

    account: str
    amount: int
    layer: int
    effective: datetime
    recorded: datetime


@dataclass
class Held:
    debit: str
    credit: str
    left: int
    expires: datetime | None


@dataclass
class Model:
    now: datetime = BEGIN
    facts: list[Fact] = field(default_factory=list)
    holds: dict[object, Held] = field(default_factory=dict)
    reversible: dict[object, list[tuple[str, int]]] = field(default_factory=dict)
    reversed: set[object] = field(default_factory=set)
    named: dict[str, tuple[object, object]] = field(default_factory=dict)
    closed_until: datetime | None = None
    closed: set[str] = field(default_factory=set)

    def posted(self, account: str, facts: list[Fact] | None = None) -> int:
        return sum(f.amount for f in (self.facts if facts is None else facts) if f.account == account and f.layer == 0)

    def held(self, account: str, side: int, facts: list[Fact] | None = None) -> int:
        """What holds take on one side: debits (1) or credits (-1), less what they gave back."""
        total = 0
        for f in self.facts if facts is None else facts:
            if f.account == account and ((f.layer == 1 and f.amount * side > 0) or (f.layer == 2 and f.amount * side < 0)):
                total += f.amount * side
        return total

    def refusal(self, legs: list[tuple[str, int, int]], effective: datetime) -> str | None:
        if self.closed_until and effective < self.closed_until:
            return "period_closed"
        off: dict[tuple[str, bool], int] = {}
        for account, amount, layer in legs:
            key = (CURRENCY[account], layer > 0)
            off[key] = off.get(key, 0) + amount
        if any(off.values()):
            return "unbalanced"
        if any(account in self.closed for account, _, _ in legs):
            return "account_refused"
        more = [*self.facts, *(Fact(a, m, layer, effective, self.now) for a, m, layer in legs)]
        for account in {account for account, _, _ in legs} & LIMITED.keys():
            if -self.posted(account, more) - self.held(account, 1, more) < 0:
                return "insufficient_funds"
        return None

    def record(self, legs: list[tuple[str, int, int]], effective: datetime) -> None:
        self.facts += [Fact(a, m, layer, effective, self.now) for a, m, layer in legs]

    def at(self, when: datetime, axis: str) -> list[Fact]:
        return [f for f in self.facts if getattr(f, axis) <= when]


def machine(server: psycopg.Connection) -> type[RuleBasedStateMachine]:
    class LedgerMachine(RuleBasedStateMachine):
        posted = Bundle("posted")
        holds = Bundle("holds")

        def __init__(self) -> None:
            super().__init__()
            self.model = Model()
            with clock.frozen(BEGIN - timedelta(days=60)):
                partner = partners.partner_create(name=f"Machine {next(numbers)}", currencies=("USD",))
                self.who = {"partner_id": partner.pk, "livemode": False}
                with tenancy.tenant_scope(partner.pk, False):
                    self.accounts = {
                        name: services.account_open(
                            **self.who,
                            code=name,
                            currency=CURRENCY[name],
                            kind="liability" if name in LIMITED else "asset",
                            no_overdraft=name in LIMITED,
                            slots=4,
                        )
                        for name in NAMES
                    }
            self.names = {account.pk: name for name, account in self.accounts.items()}

        def run(self, act, legs, effective=None):
            """Do it in both worlds; they must agree on whether it may be, and on why not."""
            self.model.now += timedelta(minutes=7)
            expected = self.model.refusal(legs, effective or self.model.now)
            before = invariants.digest(server) if expected else ""
            try:
                with clock.frozen(self.model.now), tenancy.tenant_scope(self.who["partner_id"], False):
                    done = act()
            except Problem as problem:
                assert problem.code == expected, (problem.code, problem.detail, expected)
                assert invariants.digest(server) == before, "a refusal changed something"
                return None
            assert expected is None, f"the ledger did what the model refuses: {expected}"
            self.model.record(legs, effective or self.model.now)
            return done.id

        def legs(self, said):
            return [Leg(self.accounts[account].pk, amount, layer) for account, amount, layer in said]

        @rule(target=posted, pair=pairs, amount=amounts, day=st.one_of(st.none(), days))
        def post(self, pair, amount, day):
            effective = None if day is None else BEGIN + timedelta(days=day)
            said = [(pair[0], amount, 0), (pair[1], -amount, 0)]
            made = self.run(lambda: services.post(**self.who, kind="x", legs=self.legs(said), effective_at=effective), said, effective)
            if made is None:
                return multiple()
            self.model.reversible[made] = [(account, amount) for account, amount, _ in said]
            return made

        @rule(target=posted, amount=amounts, fee=st.integers(1, 20), euros=amounts)
        def post_two_currencies(self, amount, fee, euros):
            said = [
                ("cash", amount + fee, 0),
                ("available", -amount, 0),
                ("fees", -fee, 0),
                ("cash-eur", euros, 0),
                ("available-eur", -euros, 0),
            ]
            made = self.run(lambda: services.post(**self.who, kind="x", legs=self.legs(said)), said)
            if made is None:
                return multiple()
            self.model.reversible[made] = [(account, amount) for account, amount, _ in said]
            return made

        @rule(pair=pairs, amount=amounts, off=st.integers(-3, 3).filter(bool))
        def post_unbalanced(self, pair, amount, off):
            said = [(pair[0], amount, 0), (pair[1], -amount + off, 0)]
            if amount != off:
                self.run(lambda: services.post(**self.who, kind="x", legs=self.legs(said)), said)

        @rule(pair=pairs, amount=amounts, name=st.sampled_from("ab"))
        def post_named(self, pair, amount, name):
            said = [(pair[0], amount, 0), (pair[1], -amount, 0)]

            def act():
                return services.post(**self.who, kind="x", legs=self.legs(said), external_id=name)

            if name not in self.model.named:
                made = self.run(act, said)
                if made is not None:
                    self.model.named[name] = (made, said)
                return
            made, content = self.model.named[name]
            before = invariants.digest(server)
            with tenancy.tenant_scope(self.who["partner_id"], False):
                if content == said:
                    again = act()
                    assert again.duplicate and again.id == made
                else:
                    with pytest.raises(Problem) as refused:
                        act()
                    assert refused.value.code == "external_id_conflict"
            assert invariants.digest(server) == before

        @rule(target=holds, pair=pairs, amount=amounts, hours=st.one_of(st.none(), st.integers(1, 5)))
        def hold(self, pair, amount, hours):
            expires = None if hours is None else self.model.now + timedelta(hours=hours)
            said = [(pair[0], amount, 1), (pair[1], -amount, 1)]
            made = self.run(
                lambda: services.hold(
                    **self.who, legs=[Leg(leg.account_id, leg.amount_minor) for leg in self.legs(said)], expires_at=expires
                ),
                said,
            )
            if made is None:
                return multiple()
            self.model.holds[made] = Held(*pair, amount, expires)
            return made

        @rule(hold=holds, part=amounts, post=st.booleans())
        def resolve_part(self, hold, part, post):
            held = self.model.holds[hold]
            said = [(held.debit, -part, 2), (held.credit, part, 2)]
            if post:
                said += [(held.debit, part, 0), (held.credit, -part, 0)]
            act = services.post_hold if post else services.void_hold
            if part > held.left:
                before = invariants.digest(server)
                with tenancy.tenant_scope(self.who["partner_id"], False), pytest.raises(Problem) as refused:
                    act(hold_id=hold, amount_minor=part)
                assert refused.value.code in {"hold_exceeded", self.model.refusal(said, self.model.now)}
                assert invariants.digest(server) == before
            elif self.run(lambda: act(hold_id=hold, amount_minor=part), said) is not None:
                held.left -= part

        @rule(hours=st.integers(1, 4))
        def expire(self, hours):
            self.model.now += timedelta(hours=hours)
            due = [h for h in self.model.holds.values() if h.expires and h.expires <= self.model.now and h.left]
            if any({h.debit, h.credit} & self.model.closed for h in due):
                return  # an account with something held cannot be closed, so this is for the other side only
            with clock.frozen(self.model.now):
                assert services.expire_holds() == len(due)
            for held in due:
                self.model.record([(held.debit, -held.left, 2), (held.credit, held.left, 2)], self.model.now)
                held.left = 0

        @rule(original=posted)
        def reverse(self, original):
            said = [(account, -amount, 0) for account, amount in self.model.reversible[original]]
            if original in self.model.reversed:
                with tenancy.tenant_scope(self.who["partner_id"], False), pytest.raises(Problem) as refused:
                    services.reverse(transaction_id=original, reason="again")
                assert refused.value.code in {"already_reversed", self.model.refusal(said, self.model.now)}
            elif self.run(lambda: services.reverse(transaction_id=original, reason="wrong"), said) is not None:
                self.model.reversed.add(original)

        @rule(day=days)
        def close_period(self, day):
            self.model.now += timedelta(minutes=1)
            end = BEGIN + timedelta(days=day)
            with clock.frozen(self.model.now), tenancy.tenant_scope(self.who["partner_id"], False):
                services.period_close(**self.who, starts_at=BEGIN - timedelta(days=300), ends_at=end)
            self.model.closed_until = max(self.model.closed_until or end, end)

        @rule()
        def reopen_periods(self):
            with tenancy.tenant_scope(self.who["partner_id"], False):
                for period in Period.objects.filter(closed_at__isnull=False):
                    services.period_reopen(period=period, reason="a late invoice")
            self.model.closed_until = None

        @rule(name=st.sampled_from(NAMES))
        def close_or_reopen_account(self, name):
            with tenancy.tenant_scope(self.who["partner_id"], False):
                account = Account.objects.get(pk=self.accounts[name].pk)
                if name in self.model.closed:
                    services.account_reopen(account=account, reason="needed again")
                    self.model.closed.discard(name)
                elif self.model.posted(name) or self.model.held(name, 1) or self.model.held(name, -1):
                    with pytest.raises(Problem) as refused:
                        services.account_close(account=account, reason="done")
                    assert refused.value.code == "invalid_state"
                else:
                    services.account_close(account=account, reason="done")
                    self.model.closed.add(name)

        @rule()
        def seal(self):
            with clock.frozen(self.model.now):
                sealing.seal_all()

        @rule(name=st.sampled_from(NAMES), back=st.integers(0, 30 * 24 * 60), axis=st.sampled_from(["effective", "recorded"]))
        def ask_the_past(self, name, back, axis):
            when = self.model.now - timedelta(minutes=back)
            with tenancy.tenant_scope(self.who["partner_id"], False):
                view = selectors.balance_at(self.accounts[name], when, axis)
            facts = self.model.at(when, axis)
            self._same(view, name, facts)

        def _same(self, view, name, facts):
            sign = self.accounts[name].sign
            assert view.posted_minor == sign * self.model.posted(name, facts)
            assert (view.debits_pending, view.credits_pending) == (self.model.held(name, 1, facts), self.model.held(name, -1, facts))

        @invariant()
        def balances_agree_and_the_laws_hold(self):
            with tenancy.tenant_scope(self.who["partner_id"], False):
                views = selectors.balances(list(self.accounts.values()))
            for name, account in self.accounts.items():
                self._same(views[account.pk], name, self.model.facts)
            invariants.check(server)

        def teardown(self):
            sealing.seal_all()
            verdict = verify.verify(self.who["partner_id"])
            assert verdict.ok, verdict.problems
            # The clock starts anew for the next partner: nothing of this one may be due then.
            with clock.frozen(BEGIN + timedelta(days=3650)):
                services.expire_holds()

    return LedgerMachine


@pytest.mark.django_db(transaction=True)
def test_the_ledger_and_its_model_agree_after_every_step(monkeypatch):
    monkeypatch.setattr(sealing, "CHECKPOINT_EVERY", 8)
    connection.ensure_connection()
    connection.connection.execute("SET synchronous_commit = off")  # nothing here is about crashes
    with psycopg.connect(superuser_url(connections["default"].settings_dict["NAME"]), autocommit=True) as server:
        run_state_machine_as_test(
            machine(server),
            settings=settings(
                max_examples=12,
                stateful_step_count=25,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    connection.close()
