"""What looks like one item and may be its neighbour waits; what a bank cut short still leads to the right suggestion."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from reconciliation.matching.hints import cut_points
from reconciliation.matching.similarity import neighbours

Match = Callable[..., Any]


@pytest.mark.parametrize(
    ("mine", "theirs", "apart"),
    [
        ("ORD4284", "ORD4285", True),
        ("ORD4199", "ORD4201", True),
        ("ORD4284", "ORD4824", False),  # two digits changed places
        ("ORD4284", "ORD5284", False),
        ("ORD4284", "ORD428A", False),
        ("ORD4284", "ORD42845", True),  # a later number of the series
        ("ORD42845", "ORD4284", False),  # what a bank cut short
        ("ORD4284", "ORD4284A", False),
    ],
)
def test_which_references_are_neighbours_in_a_series(mine: str, theirs: str, apart: bool) -> None:
    assert neighbours(mine, theirs) is apart


def test_the_next_item_of_a_series_is_suggested_and_never_confirmed(match: Match) -> None:
    alike = {"amount": "469.40", "counterparty": "Union River Energy"}
    found = match([{"id": "I1", "reference": "ORD-853287897", **alike}], [{"id": "E1", "reference": "ORD-853287898", **alike}])
    assert found.matches == []
    assert found.suggestions == [(["I1"], ["E1"])]


def test_a_slip_inside_a_reference_still_confirms(match: Match) -> None:
    alike = {"amount": "469.40", "counterparty": "Union River Energy"}
    found = match([{"id": "I1", "reference": "ORD-853287897", **alike}], [{"id": "E1", "reference": "ORD-853827897", **alike}])
    assert found.pairs == {("I1", "E1")}


def test_a_payout_that_names_its_payee_is_not_the_sum_of_other_peoples_rows(match: Match) -> None:
    mine = [
        {
            "id": "I1",
            "amount": "268.16",
            "type": "payout",
            "reference": "7730160212547",
            "counterparty": "North Lunar Media",
        }
    ]
    theirs = [
        {"id": "E1", "amount": "196.26", "type": "fx", "reference": "INV-0217098", "counterparty": "Summit Pioneer"},
        {"id": "E2", "amount": "71.90", "type": "fx", "reference": "INV-0215386", "counterparty": "Lunar Foods"},
    ]
    assert match(mine, theirs).matches == []
    mine[0] |= {"counterparty": "", "reference": ""}
    assert match(mine, theirs).matches == [(["I1"], ["E1", "E2"])]


def test_a_cut_narrative_leads_to_its_item_in_a_crowd_of_one_amount(match: Match) -> None:
    random = Random(11)
    signs = "BCDFGHJKLMNPQRSTVWXZ23456789"
    mine, theirs = [], []
    for number in range(120):
        reference = "".join(random.choices(signs, k=10))
        mine.append({"id": f"I{number:03d}", "amount": "99.00", "reference": reference, "counterparty": f"Payer {number}"})
        theirs.append({"id": f"E{number:03d}", "amount": "99.00", "description": f"TRANSFER {reference}"[:16]})
    random.shuffle(theirs)
    found = match(mine, theirs)
    assert found.matches == []
    first = {}
    for internal, external in found.suggestions:
        first.setdefault(internal[0], external[0])
    right = sum(first.get(f"I{number:03d}") == f"E{number:03d}" for number in range(120))
    assert right >= 114, f"{right} of 120 lead to their line"


@pytest.mark.parametrize(
    ("wanted", "said", "points"),
    [
        ("INV202600042", "PAYMENTINV2026", 28),
        ("INV202600042", "PAYMENTINV", 0),
        ("ABCD", "XABCD", 16),
        ("ABCDEFGHIJ", "ABCDEFGHIJ", 30),
    ],
)
def test_only_the_end_of_a_narrative_counts_as_cut(wanted: str, said: str, points: int) -> None:
    assert cut_points(wanted, said) == points
