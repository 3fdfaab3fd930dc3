"""The router's laws: it is a function, it never picks a rail that cannot carry the transfer, and it says why of every other."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.routing import RailView, Router, Wanted, cost, refusal, route

codes = st.lists(st.sampled_from(["a", "b", "c", "d", "e", "f"]), min_size=0, max_size=6, unique=True)
currencies = st.frozensets(st.sampled_from(["USD", "MXN", "BRL"]), min_size=1)
kinds = st.frozensets(st.sampled_from(["us_bank", "clabe"]), min_size=1)


@st.composite
def views(draw):
    return [
        RailView(
            code, draw(currencies), draw(kinds), draw(st.sampled_from([frozenset(), frozenset(["api"]), frozenset(["x402"])])),
            draw(st.booleans()) or draw(st.booleans()), draw(st.booleans()) or draw(st.booleans()), draw(st.integers(0, 10_000)),
            draw(st.integers(0, 500)), draw(st.integers(0, 5000)), draw(st.integers(1, 100)), draw(st.none() | st.integers(1, 10**7)),
            draw(st.none() | st.integers(0, 10**7)), draw(st.integers(0, 100)), draw(st.floats(0, 1)), None, draw(st.floats(0, 5000)),
        )
        for code in draw(codes)
    ]  # fmt: skip


wanted = st.builds(
    Wanted, st.uuids().map(str), st.integers(1, 10**7), st.sampled_from(["USD", "MXN", "BRL", "KES"]), st.sampled_from(["us_bank", "clabe"]),
    st.sampled_from(["standard", "fast", "urgent"]), st.sampled_from(["api", "x402"]), st.sampled_from(["", "", "a"]),
    st.none() | st.integers(1, 10_000), st.frozensets(st.sampled_from(["a", "b"]), max_size=1),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(views(), wanted)
def test_every_rail_is_chosen_or_told_why_not(rails, asked):
    decision = route(rails, asked)
    named = {entry["rail"] for entry in decision.rejected} | ({decision.rail} if decision.rail else set())
    assert named == {rail.code for rail in rails} and len(decision.rejected) + bool(decision.rail) == len(rails)
    assert all(entry["why"] for entry in decision.rejected)
    by_code = {rail.code: rail for rail in rails}
    if decision.rail:
        assert refusal(by_code[decision.rail], asked) == "" and decision.candidates[0] == decision.rail
        assert decision.chosen["cost_minor"] == cost(by_code[decision.rail], asked.amount_minor)
    else:
        assert all(refusal(rail, asked) for rail in rails)


@settings(max_examples=200, deadline=None)
@given(views(), wanted, st.integers())
def test_the_order_of_the_configuration_changes_nothing(rails, asked, seed):
    shuffled = list(rails)
    random.Random(seed).shuffle(shuffled)
    first, second = route(rails, asked), route(shuffled, asked)
    assert (first.rail, first.candidates, first.chosen) == (second.rail, second.candidates, second.chosen)


@settings(max_examples=200, deadline=None)
@given(views(), wanted)
def test_without_the_winner_the_next_candidate_wins(rails, asked):
    first = route(rails, asked)
    if len(first.candidates) < 2:
        return
    second = route(rails, replace(asked, excluded=asked.excluded | {first.rail}))
    assert second.rail in first.candidates[1:]


@settings(max_examples=200, deadline=None)
@given(views(), wanted, st.integers(1, 5000))
def test_a_rail_that_only_gets_cheaper_is_never_dropped(rails, asked, less):
    decision = route(rails, asked)
    if decision.rail is None:
        return
    better = [replace(r, cost_fixed_minor=max(0, r.cost_fixed_minor - less)) if r.code == decision.rail else r for r in rails]
    worse = cost(next(r for r in better if r.code == decision.rail), asked.amount_minor)
    assert worse <= decision.chosen["cost_minor"]
    if (
        max((cost(r, asked.amount_minor) for r in rails if r.code in decision.candidates and r.code != decision.rail), default=0)
        >= decision.chosen["cost_minor"]
    ):
        assert route(better, asked).rail == decision.rail


def test_equal_rails_share_by_their_weights_and_the_same_transfer_falls_the_same_way():
    rails = [
        RailView(code, frozenset(["USD"]), frozenset(["us_bank"]), load_share=share) for code, share in (("a", 100), ("b", 100), ("c", 0))
    ]
    picks = [route(rails, Wanted(f"t{n}", 1000, "USD", "us_bank")).rail for n in range(2000)]
    assert picks == [route(rails, Wanted(f"t{n}", 1000, "USD", "us_bank")).rail for n in range(2000)]
    assert 850 < picks.count("a") < 1150 and picks.count("c") == 0


def test_load_shares_are_kept_in_proportion():
    rails = [RailView(code, frozenset(["USD"]), frozenset(["us_bank"]), load_share=share) for code, share in (("a", 75), ("b", 25))]
    picks = [route(rails, Wanted(f"t{n}", 1000, "USD", "us_bank")).rail for n in range(4000)]
    assert 0.71 < picks.count("a") / 4000 < 0.79


@settings(max_examples=150, deadline=None)
@given(views(), st.lists(wanted, min_size=1, max_size=8))
def test_one_router_for_many_decides_as_one_for_each(rails, asked):
    router = Router(rails)
    assert [router.route(one) for one in asked] == [route(rails, one) for one in asked]


def test_a_limit_of_the_day_is_used_up_within_one_list():
    rails = [
        RailView("cheap", frozenset(["USD"]), frozenset(["us_bank"]), daily_left_minor=250),
        RailView("dear", frozenset(["USD"]), frozenset(["us_bank"]), cost_fixed_minor=500),
    ]
    router, taken = Router(rails), []
    for number in range(4):
        decision = router.route(Wanted(f"t{number}", 100, "USD", "us_bank"))
        taken.append(decision.rail)
        router.spend(decision.rail, 100)
    assert taken == ["cheap", "cheap", "dear", "dear"]
    assert rails[0].daily_left_minor == 250, "the snapshot itself is not touched"
