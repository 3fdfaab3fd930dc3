"""A fee that nobody declared, under a narrative that the bank cut: suggested with its difference, never matched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from console.workbench.bench import in_words
from reconciliation.matching.fees import HIGHEST, Rates
from reconciliation.matching.spec import Spec

Match = Callable[..., Any]
WORDS = "north harbor cedar summit river bright union pioneer atlas meadow silver quantum delta lunar coral ember".split()


def test_a_payment_less_a_fee_is_suggested_with_its_difference_and_both_rows_stay_open(match: Match) -> None:
    found = match(
        [{"id": "I1", "amount": "1250.00", "reference": "INV-2026-004411", "counterparty": "Cedar Harbor Foods"}],
        [{"id": "E1", "amount": "1213.45", "description": "WIRE IN FROM CEDAR HARBOR FO", "date": "2026-03-11"}],
    )
    assert found.matches == []
    assert found.discrepancies == [("missing_internal", [], ["E1"]), ("missing_settlement", ["I1"], [])]
    (offer,) = found.data["suggestions"]
    assert (offer["internal"], offer["external"]) == (["I1"], ["E1"])
    assert offer["reason"]["difference_minor"] == -3655
    assert offer["confidence"] <= HIGHEST < Spec().suggest_score
    words = in_words(offer["reason"], "USD")
    for said in ("amount different", "off by $36.55", "1 day apart", "perhaps a fee that nobody declared", "narrative speaks for it"):
        assert said in words


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"amount": "1100.00"}, "12 percent is no fee"),
        ({"currency": "EUR"}, "another currency"),
        ({"amount": "-1213.45"}, "the other direction"),
        ({"date": "2026-03-24"}, "out of the window"),
        ({"description": "WIRE IN FROM SILVER MEADOW"}, "another payer"),
        ({"description": ""}, "nothing but an amount that is near"),
        ({"reference": "INV-2026-004421", "counterparty": "Cedar Meadow Foods"}, "nearly the reference, another payer"),
        ({"reference": "INV-2026-004588", "counterparty": "Cedar Harbor Foods"}, "the reference of another invoice"),
    ],
)
def test_what_is_no_fee_is_not_suggested(match: Match, change: dict[str, str], why: str) -> None:
    external = {"id": "E1", "amount": "1213.45", "description": "WIRE IN FROM CEDAR HARBOR FO", **change}
    if "counterparty" in change:
        external["description"] = ""
    found = match([{"id": "I1", "amount": "1250.00", "reference": "INV-2026-004411", "counterparty": "Cedar Harbor Foods"}], [external])
    assert found.matches == []
    assert [s for s in found.data["suggestions"] if s["reason"].get("perhaps")] == [], why


def test_a_counterpart_of_the_same_amount_stands_before_one_less_a_fee(match: Match) -> None:
    found = match(
        [{"id": "I1", "amount": "1250.00", "reference": "INV-2026-004411", "counterparty": "Cedar Harbor Foods"}],
        [
            {"id": "E1", "amount": "1213.45", "description": "WIRE IN FROM CEDAR HARBOR FO"},
            {"id": "E2", "amount": "1250.00", "description": "WIRE IN FROM CEDAR"},
        ],
    )
    assert found.matches == []
    assert [external for _, external in found.suggestions] == [["E2"], ["E1"]]


def test_a_fee_that_other_pairs_of_the_run_show_is_named_and_comes_first(match: Match) -> None:
    mine, theirs = [], []
    for number, amount in enumerate((40_000, 81_000, 120_500, 99_900)):
        mine.append({"id": f"I{number}", "amount": f"{amount / 100:.2f}", "reference": f"ORD-7{number}31{number * 7}52"})
        less = amount - round(amount * 0.029)
        theirs.append({"id": f"E{number}", "amount": f"{less / 100:.2f}", "reference": f"ORD-7{number}31{number * 7}52"})
    mine.append({"id": "I9", "amount": "2000.00", "reference": "INV-2026-004411", "counterparty": "Cedar Harbor Foods"})
    theirs += [
        {"id": "E8", "amount": "1961.00", "description": "WIRE IN FROM CEDAR HARBOR FO"},
        {"id": "E9", "amount": "1942.00", "description": "WIRE IN FROM CEDAR HARBOR FO"},
    ]
    found = match(mine, theirs)
    offers = [s for s in found.data["suggestions"] if s["internal"] == ["I9"]]
    assert [offer["external"] for offer in offers] == [["E9"], ["E8"]]
    assert offers[0]["reason"]["the_same"] == "2.90 percent in 4 pairs of this run"
    assert "the_same" not in offers[1]["reason"]


def test_rates_count_parts_and_fixed_fees_by_currency() -> None:
    rates = Rates(
        [(10_000, 290, "USD"), (20_000, 580, "USD"), (50_000, 290, "USD"), (10_000, 290, "EUR"), (100, -5, "USD"), (100, 100, "USD")]
    )
    assert rates.recurring(30_000, 870, "USD") == (2, 0)
    assert rates.recurring(90_000, 290, "USD") == (0, 2)
    assert rates.recurring(30_000, 870, "KES") == (0, 0)


def test_among_many_the_first_is_usually_right_and_nobody_gets_more_than_three(match: Match) -> None:
    random = Random(23)
    mine, theirs = [], []
    for number in range(400):
        name = " ".join(random.sample(WORDS, 3)).title()
        amount = int(10 ** random.uniform(4, 6))
        less = amount - random.choice((amount * 29 // 1000 + 30, amount * 15 // 1000, 1500))
        mine.append(
            {
                "id": f"I{number:03d}",
                "amount": f"{amount / 100:.2f}",
                "reference": f"INV-2026-{number * 37:06d}",
                "counterparty": name,
                "date": f"2026-03-{number % 27 + 1:02d}",
            }
        )
        if number % 4 == 3:  # nothing came for this one, and something else came for nobody
            name = " ".join(random.sample(WORDS, 3)).title()
            less = int(10 ** random.uniform(4, 6))
        text = f"WIRE IN FROM {name.upper()}"[: random.randrange(22, 36)]
        theirs.append(
            {"id": f"E{number:03d}", "amount": f"{less / 100:.2f}", "description": text, "date": f"2026-03-{number % 27 + 1:02d}"}
        )
    random.shuffle(theirs)
    found = match(mine, theirs)
    assert found.matches == []
    offers = [s for s in found.data["suggestions"] if s["reason"].get("perhaps")]
    first: dict[str, str] = {}
    for offer in offers:
        first.setdefault(offer["internal"][0], offer["external"][0])
    right = sum(row[1:] == other[1:] and int(row[1:]) % 4 != 3 for row, other in first.items())
    assert right >= 270, f"{right} of 300 lead to their line"
    assert right * 10 >= len(first) * 8, f"{right} of {len(first)} first suggestions are right"
    for side in ("internal", "external"):
        assert max(Counter(s[side][0] for s in found.data["suggestions"]).values()) <= 3


def test_a_crowd_of_one_payer_costs_its_blocks_and_not_its_square(match: Match, session: Any) -> None:
    mine = [
        {"id": f"I{n}", "amount": f"{1000 + n / 100:.2f}", "reference": f"INV-{n * 7919:07d}", "counterparty": "Cedar Harbor Foods"}
        for n in range(1500)
    ]
    theirs = [{"id": f"E{n}", "amount": f"{970 + n / 100:.2f}", "description": "WIRE IN FROM CEDAR HARBOR"} for n in range(1500)]
    found = match(mine, theirs)
    assert found.matches == []
    assert session.execute("SELECT count(*) FROM recon_loose_pair").fetchone()[0] <= 8 * 1500
