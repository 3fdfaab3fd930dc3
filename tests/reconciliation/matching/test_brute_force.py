"""Random tiny files against the law itself, checked pair by pair."""

from __future__ import annotations

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ROW = st.fixed_dictionaries(
    {
        "reference": st.sampled_from(["", "AB-10001", "ab 10001", "AB-10002", "CD-20001"]),
        "amount": st.sampled_from(["10.00", "10.01", "25.00"]),
        "currency": st.sampled_from(["USD", "USD", "EUR"]),
        "date": st.sampled_from(["2026-03-10", "2026-03-11", "2026-03-30"]),
        "counterparty": st.sampled_from(["Acme Ltd", "Bolt Foods"]),
    }
)


def form(text):
    return "".join(mark for mark in text.upper() if mark.isalnum())


def near(one, two):
    return abs((date.fromisoformat(one["date"]) - date.fromisoformat(two["date"])).days) <= 5


def fits(one, two):
    """The same reference and the same money in the same days: the strongest evidence there is."""
    same = form(one["reference"]) == form(two["reference"]) != ""
    return same and (one["amount"], one["currency"]) == (two["amount"], two["currency"]) and near(one, two)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(ROW, max_size=6), st.lists(ROW, max_size=6))
def test_what_is_confirmed_has_no_equal_and_what_is_unique_is_confirmed(match, mine, theirs):
    mine = [{**row, "id": f"i{n}"} for n, row in enumerate(mine)]
    theirs = [{**row, "id": f"e{n}"} for n, row in enumerate(theirs)]
    outcome = match(mine, theirs)
    by_id = {row["id"]: row for row in mine + theirs}
    doubles = {row for d in outcome.data["discrepancies"] if d["type"] == "duplicate" for row in d["internal"] + d["external"]}
    partner = dict(outcome.pairs)

    for i, e in outcome.pairs:
        one, two = by_id[i], by_id[e]
        assert one["currency"] == two["currency"] and near(one, two)
        assert abs(round(float(one["amount"]) * 100) - round(float(two["amount"]) * 100)) <= 2
        if one["reference"] and two["reference"]:
            assert form(one["reference"]) == form(two["reference"])
        # Whoever fits as well is matched elsewhere, is a duplicate of this one, or cannot be told from it.
        for rival in theirs:
            if rival["id"] != e and fits(one, rival) and not fits(one, two):
                assert rival["id"] in partner.values() or rival["id"] in doubles

    for one in mine:
        fitting = [two for two in theirs if fits(one, two)]
        sharing = [row for row in mine if row is not one and form(row["reference"]) == form(one["reference"])]
        if len(fitting) == 1 and one["reference"] and not sharing:
            others = [two for two in theirs if two is not fitting[0] and form(two["reference"]) == form(one["reference"])]
            if not others:
                assert partner.get(one["id"]) == fitting[0]["id"]
