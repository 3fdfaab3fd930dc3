"""Level 4: batches, splits, fees, totals, and the subset search that is never trusted alone."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciliation.matching.subsets import only_subsets, unlikely_by_accident


def batch(count, start=1, **values):
    return [
        {"id": f"i{n}", "amount": f"{n * 10}.01", "reference": f"PAY-{n:06d}", "batch_id": "BATCH-77", **values}
        for n in range(start, start + count)
    ]


def total(rows):
    return f"{sum(round(float(row['amount']) * 100) for row in rows) / 100:.2f}"


def test_one_line_for_a_whole_batch_by_its_id(match):
    rows = batch(5)
    for line in (
        {"reference": "BATCH-77"},
        {"batch_id": "BATCH-77"},
        {"reference": "batch 77"},
        {"description": "SETTLEMENT OF BATCH-77 MARCH"},
    ):
        outcome = match(rows, [{"id": "e1", "amount": total(rows), **line}])
        assert outcome.matches == [(["i1", "i2", "i3", "i4", "i5"], ["e1"])], line
        assert outcome.match_of("e1")["level"] == 4


def test_a_batch_net_of_its_fee_columns(match):
    rows = batch(3, fee="0.30")
    [found] = match(rows, [{"id": "e1", "amount": f"{float(total(rows)) - 0.90:.2f}", "reference": "BATCH-77"}]).data["matches"]
    assert found["method"] == "key_sum_net_of_fees" and found["reason"]["fee_minor"] == 90


def test_fees_as_rows_of_their_own(match):
    outcome = match(
        [{"id": "i1", "amount": "97.10", "reference": "PO-9000"}],
        [{"id": "e1", "amount": "100.00", "reference": "PO-9000"}, {"id": "e2", "amount": "-2.90", "reference": "PO-9000", "type": "fee"}],
    )
    assert outcome.matches == [(["i1"], ["e1", "e2"])]


def test_fee_rows_written_without_a_sign(match):
    outcome = match(
        [{"id": "i1", "amount": "97.10", "reference": "PO-9000"}],
        [{"id": "e1", "amount": "100.00", "reference": "PO-9000"}, {"id": "e2", "amount": "2.90", "reference": "PO-9000", "type": "fee"}],
    )
    assert outcome.matches == [(["i1"], ["e1", "e2"])]


def test_one_item_paid_in_parts(match):
    outcome = match(
        [{"id": "i1", "amount": "100.00", "reference": "PO-9000"}],
        [{"id": "e1", "amount": "60.00", "reference": "PO-9000"}, {"id": "e2", "amount": "40.00", "reference": "po 9000"}],
    )
    assert outcome.matches == [(["i1"], ["e1", "e2"])]


def test_parts_that_do_not_add_up_are_split_incomplete(match):
    outcome = match(
        [{"id": "i1", "amount": "100.00", "reference": "PO-9000"}],
        [{"id": "e1", "amount": "60.00", "reference": "PO-9000"}, {"id": "e2", "amount": "30.00", "reference": "PO-9000"}],
    )
    assert outcome.matches == []
    assert outcome.discrepancies == [("split_incomplete", ["i1"], ["e1", "e2"])]
    [found] = outcome.data["discrepancies"]
    assert (found["expected_minor"], found["actual_minor"]) == (10000, 9000)


def test_a_partial_batch_is_incomplete_and_its_only_subset_suggested(match):
    rows = batch(6)
    outcome = match(rows, [{"id": "e1", "amount": total(rows[:4]), "reference": "BATCH-77"}])
    assert outcome.matches == []
    assert outcome.discrepancies == [("split_incomplete", ["i1", "i2", "i3", "i4", "i5", "i6"], ["e1"])]


def test_a_batch_that_only_we_know(match):
    rows = batch(7)
    outcome = match(rows, [{"id": "e1", "amount": total(rows), "description": "DAILY SETTLEMENT", "date": "2026-03-11"}])
    assert outcome.match_of("e1")["method"] == "batch_total"


def test_the_total_of_a_counterpartys_day(match):
    rows = [{**row, "batch_id": "", "counterparty": "Harbor Foods Ltd"} for row in batch(4)]
    outcome = match(rows, [{"id": "e1", "amount": total(rows), "counterparty": "HARBOR FOODS LTD"}])
    assert outcome.match_of("e1")["method"] == "day_and_counterparty_total"


def test_two_lines_of_the_same_total_are_not_confirmed(match):
    rows = batch(4)
    outcome = match(rows, [{"id": f"e{n}", "amount": total(rows), "description": "SETTLEMENT"} for n in (1, 2)])
    assert outcome.matches == []


def test_the_only_subset_of_a_counterparty(match):
    amounts = ["1034.17", "2210.93", "871.55", "4120.08"]
    rows = [
        {"id": f"i{n}", "amount": text, "counterparty": "Harbor Foods", "date": f"2026-03-{9 + n % 2:02d}"}
        for n, text in enumerate(amounts)
    ]
    outcome = match(rows, [{"id": "e1", "amount": "4991.63", "counterparty": "HARBOR FOODS", "date": "2026-03-11"}])
    assert outcome.matches == [(["i2", "i3"], ["e1"])]
    assert outcome.match_of("e1")["method"] == "only_subset"


def test_a_subset_that_is_not_the_only_one_is_a_suggestion(match):
    rows = [
        {"id": f"i{n}", "amount": text, "counterparty": "Harbor Foods", "date": "2026-03-10"}
        for n, text in enumerate(["10.00", "20.00", "30.00", "40.00", "55.00"])
    ]
    outcome = match(rows, [{"id": "e1", "amount": "50.00", "counterparty": "HARBOR FOODS"}])
    assert outcome.matches == []
    assert (["i0", "i3"], ["e1"]) in outcome.suggestions and (["i1", "i2"], ["e1"]) in outcome.suggestions


@settings(max_examples=120, deadline=None)
@given(st.lists(st.integers(-60, 60).filter(bool), min_size=2, max_size=9), st.integers(-150, 150))
def test_the_subset_search_agrees_with_brute_force(amounts, target):
    truth = [
        chosen for size in range(2, len(amounts) + 1) for chosen in combinations(range(len(amounts)), size)
        if sum(amounts[n] for n in chosen) == target
    ]  # fmt: skip
    found = only_subsets(amounts, target, 10_000)
    assert found is not None
    assert len(found) == min(2, len(truth)) and set(found) <= set(truth)


def test_the_subset_search_is_cut_off_and_never_trusts_small_change():
    assert only_subsets([1] * 60, 30, 1_000) is None
    assert not unlikely_by_accident([1, 2, 3, 4, 5, 6, 7, 8], 10)
    assert unlikely_by_accident([103_417, 221_093, 87_155], 308_248)


def test_parts_that_number_their_reference(match):
    mine = [{"id": "i1", "amount": "100.00", "reference": "PO-9000"}]
    for one, two in (("PO-9000-1", "PO-9000-2"), ("PO9000/A", "PO9000/B"), ("po-9000a", "po-9000b")):
        outcome = match(mine, [{"id": "e1", "amount": "60.00", "reference": one}, {"id": "e2", "amount": "40.00", "reference": two}])
        assert outcome.matches == [(["i1"], ["e1", "e2"])], (one, two)


def test_a_total_that_names_nobody_takes_the_only_rows_that_make_it(match):
    rows = [
        {"id": f"i{n}", "amount": text, "counterparty": f"Customer {n}", "reference": f"PAY-{n}0001"}
        for n, text in enumerate(["10341.17", "22109.93", "8715.55", "41200.08"])
    ]
    outcome = match(rows, [{"id": "e1", "amount": "72025.56", "description": "BULK SETTLEMENT", "date": "2026-03-11"}])
    assert outcome.matches == [(["i1", "i2", "i3"], ["e1"])]
    assert outcome.discrepancies == [("missing_settlement", ["i0"], [])]


def test_a_mistyped_stranger_in_a_bag_does_not_spoil_it(match):
    # e3 is i2's, mistyped into the reference of i1; the parts of i1 add up once level 3 has taken it out.
    mine = [
        {"id": "i1", "amount": "100.00", "reference": "PO-0009000"},
        {"id": "i2", "amount": "77.31", "reference": "PO-0009001", "counterparty": "Harbor Foods"},
    ]
    theirs = [
        {"id": "e1", "amount": "60.00", "reference": "PO-0009000"}, {"id": "e2", "amount": "40.00", "reference": "PO-0009000"},
        {"id": "e3", "amount": "77.31", "reference": "", "counterparty": "HARBOR FOODS", "description": "for PO-0009000"},
    ]  # fmt: skip
    assert sorted(match(mine, theirs).matches) == [(["i1"], ["e1", "e2"]), (["i2"], ["e3"])]


def test_prices_that_add_up_are_no_sum(match):
    # 99 and 100 are prices: that they make 199 says little, where cents that add up would say much.
    name = {"counterparty": "Harbor Foods Ltd"}
    mine = [
        {"id": "i1", "amount": "100.00", "reference": "A-100001", **name},
        {"id": "i2", "amount": "99.00", "reference": "A-100002", "date": "2026-03-09", **name},
    ]
    outcome = match(mine, [{"id": "e1", "amount": "199.00", **name}])
    assert outcome.matches == [] and (["i1", "i2"], ["e1"]) in outcome.suggestions
    odd = [{**mine[0], "amount": "1013.37"}, {**mine[1], "amount": "986.94"}]
    assert match(odd, [{"id": "e1", "amount": "2000.31", **name}]).matches == [(["i1", "i2"], ["e1"])]


def test_a_batch_that_several_lines_would_answer_is_offered_to_each_and_given_to_none(match):
    """Two lines that nothing tells apart are two lines: the third, with another text, is not the only one that fits."""
    mine = [
        {"id": "I1", "amount": "60.00", "batch_id": "PO-1", "counterparty": "Ann Lee"},
        {"id": "I2", "amount": "40.00", "batch_id": "PO-1", "counterparty": "Bob Ray"},
    ]
    alike = [{"id": f"E{n}", "amount": "100.00", "description": "PAYOUT"} for n in (2, 3)]
    found = match(mine, [{"id": "E1", "amount": "100.00", "description": "PAYOUT A"}, *alike])
    assert found.matches == []
    totals = [(s["internal"], s["external"]) for s in found.data["suggestions"] if "total_of" in s["reason"]]
    assert totals == [(["I1", "I2"], ["E1"]), (["I1", "I2"], ["E2"])], "each once"
    assert match(mine, alike).matches == []
    assert match(mine, alike[:1]).matches == [(["I1", "I2"], ["E2"])]
