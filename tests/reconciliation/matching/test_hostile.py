"""Shapes that break naive matchers: each must end, and end right. A doubling of rows must not square the work."""

from __future__ import annotations


def test_a_crowd_of_one_amount_on_one_day_without_references(match):
    count = 4_000
    mine = [{"id": f"i{n}", "amount": "50.00"} for n in range(count)]
    outcome = match(mine, [{"id": f"e{n}", "amount": "50.00"} for n in range(count - 1)])
    # Nothing tells them apart and one is missing: nobody can say which.
    assert outcome.matches == [] and len(outcome.data["suggestions"]) <= 3 * count


def test_a_crowd_that_only_the_counterparty_tells_apart(match):
    count = 3_000
    mine = [{"id": f"i{n}", "amount": "50.00", "counterparty": f"Customer {n:05d} Ltd"} for n in range(count)]
    theirs = [{"id": f"e{n}", "amount": "50.00", "counterparty": f"CUSTOMER {n:05d} LTD"} for n in reversed(range(count))]
    assert match(mine, theirs).pairs == {(f"i{n}", f"e{n}") for n in range(count)}


def test_one_line_against_five_thousand_candidates(match):
    mine = [{"id": f"i{n}", "amount": "50.00", "counterparty": f"Customer {n:05d}", "reference": f"R-{n:06d}"} for n in range(5_000)]
    outcome = match(mine, [{"id": "e1", "amount": "50.00", "description": "unknown sender"}])
    assert outcome.matches == []
    assert match(mine, [{"id": "e1", "amount": "50.00", "reference": "r 4711"}]).pairs == {("i4711", "e1")}


def test_a_batch_of_five_hundred(match):
    mine = [{"id": f"i{n}", "amount": f"{100 + n}.07", "reference": f"PAY-{n:05d}", "batch_id": "B-20260310"} for n in range(500)]
    total = sum(10_007 + n * 100 for n in range(500))
    outcome = match(mine, [{"id": "e1", "amount": f"{total // 100}.{total % 100:02d}", "description": "PAYOUT B-20260310"}])
    assert len(outcome.match_of("e1")["internal"]) == 500


def test_all_references_empty(match):
    mine = [{"id": f"i{n}", "amount": f"{1000 + n * 7}.{n % 100:02d}", "counterparty": f"Customer {n % 40}"} for n in range(1_500)]
    theirs = [{**row, "id": f"e{n}", "counterparty": row["counterparty"].upper()} for n, row in enumerate(mine)]
    assert len(match(mine, theirs).pairs) == 1_500


def test_the_same_reference_on_every_row(match):
    mine = [{"id": f"i{n}", "amount": f"{n}.00", "reference": "X-100"} for n in range(1, 400)]
    outcome = match(mine, [{**row, "id": f"e{row['id'][1:]}"} for row in mine])
    # Ninety rows a side would already be too many to tell anything by that reference: amounts alone confirm nothing.
    assert all(m["level"] >= 2 for m in outcome.data["matches"])
