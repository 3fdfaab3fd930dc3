"""The matcher never guesses: uniqueness, look-alikes, duplicates, determinism."""

from __future__ import annotations

import random
from itertools import permutations

from reconciliation.matching.spec import Condition, Rule, Spec

BASE = {"amount": "250.00", "counterparty": "Harbor Foods Ltd"}


def rows(prefix, count, **values):
    return [{"id": f"{prefix}{n}", **BASE, **values} for n in range(1, count + 1)]


def test_identical_rows_pair_in_order_when_both_sides_have_as_many(match):
    outcome = match(rows("i", 3), rows("e", 3, date="2026-03-11"))
    assert outcome.pairs == {("i1", "e1"), ("i2", "e2"), ("i3", "e3")}
    assert outcome.discrepancies == []


def test_identical_rows_without_a_reference_stay_open_when_the_numbers_differ(match):
    outcome = match(rows("i", 3), rows("e", 2))
    assert outcome.matches == []
    assert outcome.discrepancies == [("ambiguous", ["i1", "i2", "i3"], ["e1", "e2"])]


def test_two_candidates_that_differ_but_fit_equally_are_suggested(match):
    outcome = match(rows("i", 1), [*rows("e", 1, date="2026-03-09"), {"id": "e2", **BASE, "date": "2026-03-11"}])
    assert outcome.matches == []
    assert outcome.discrepancies == [("ambiguous", ["i1"], ["e1", "e2"])]
    assert sorted(outcome.suggestions) == [(["i1"], ["e1"]), (["i1"], ["e2"])]


def test_the_counterparty_decides_between_equal_amounts(match):
    outcome = match(
        [
            {"id": "i1", "amount": "250.00", "counterparty": "Harbor Foods Ltd"},
            {"id": "i2", "amount": "250.00", "counterparty": "Cedar Media Inc"},
        ],
        [{"id": "e1", "amount": "250.00", "counterparty": "CEDAR MEDIA"}, {"id": "e2", "amount": "250.00", "counterparty": "HARBOR FOODS"}],
    )
    assert outcome.pairs == {("i1", "e2"), ("i2", "e1")}
    assert {m["level"] for m in outcome.data["matches"]} == {3}


def test_amount_and_date_alone_are_never_enough(match):
    outcome = match([{"id": "i1", "amount": "250.00"}], [{"id": "e1", "amount": "250.00"}])
    assert outcome.matches == [] and outcome.suggestions == [(["i1"], ["e1"])]


def test_a_mistyped_reference_needs_the_counterparty(match):
    mine = [{"id": "i1", **BASE, "reference": "INV-2026-0004217"}]
    wrong = {"id": "e1", "amount": "250.00", "reference": "INV-2026-0004271"}
    assert match(mine, [{**wrong, "counterparty": "HARBOR FOODS LTD"}]).pairs == {("i1", "e1")}
    assert match(mine, [wrong]).matches == []
    assert match(mine, [{**wrong, "counterparty": "Cedar Media Inc"}]).matches == []


def test_a_truncated_reference_matches_when_nothing_else_fits(match):
    mine = [{"id": "i1", **BASE, "reference": "INV-2026-0004217"}]
    assert match(mine, [{"id": "e1", **BASE, "reference": "INV-2026-0004"}]).pairs == {("i1", "e1")}


def test_a_truncated_reference_that_fits_two_items_stays_open(match):
    mine = [{"id": "i1", **BASE, "reference": "INV-2026-0004217"}, {"id": "i2", **BASE, "reference": "INV-2026-0004218"}]
    outcome = match(mine, [{"id": "e1", **BASE, "reference": "INV-2026-000421"}])
    assert outcome.matches == []


def test_a_reference_of_another_item_contradicts_everything_else(match):
    mine = [{"id": "i1", **BASE, "reference": "INV-2026-0004217"}, {"id": "i2", "amount": "99.00", "reference": "INV-2026-0009900"}]
    theirs = [{"id": "e1", **BASE, "reference": "INV-2026-0009900"}, {"id": "e2", "amount": "12.00", "reference": "INV-2026-0004217"}]
    assert match(mine, theirs).matches == []


def test_a_rival_that_is_matched_already_still_casts_doubt(match):
    # i2 and e2 are one by reference. e1 could be a typing error for i1, or the look-alike of i2 that we never booked.
    mine = [{"id": "i1", **BASE, "reference": "ORD-50000011"}, {"id": "i2", **BASE, "reference": "ORD-50000012"}]
    theirs = [{"id": "e1", **BASE, "reference": "ORD-50000013"}, {"id": "e2", **BASE, "reference": "ORD-50000012"}]
    outcome = match(mine, theirs)
    assert outcome.pairs == {("i2", "e2")}


def test_duplicates_of_ours_and_of_theirs(match):
    line = {**BASE, "reference": "PO-1000"}
    outcome = match([{"id": "i1", **line}, {"id": "i2", **line}], [{"id": "e1", **line}])
    assert outcome.pairs == {("i1", "e1")} and outcome.discrepancies == [("duplicate", ["i2"], [])]
    outcome = match([{"id": "i1", **line}], [{"id": "e1", **line}, {"id": "e2", **line, "date": "2026-03-11"}])
    assert outcome.pairs == {("i1", "e1")} and outcome.discrepancies == [("duplicate", [], ["e2"])]


def test_a_duplicate_in_another_form_is_still_a_duplicate(match):
    line = {**BASE, "reference": "PO-1000"}
    outcome = match([{"id": "i1", **line}], [{"id": "e1", **line}, {"id": "e2", **line, "reference": "po 1000"}])
    assert outcome.pairs == {("i1", "e1")} and outcome.discrepancies == [("duplicate", [], ["e2"])]


def test_a_monthly_reference_matches_month_by_month(match):
    months = ["2026-01-05", "2026-02-05", "2026-03-05"]
    mine = [{"id": f"i{n}", **BASE, "reference": "RENT", "date": day} for n, day in enumerate(months)]
    theirs = [{"id": f"e{n}", **BASE, "reference": "RENT", "date": day} for n, day in enumerate(months)]
    assert match(mine, theirs).pairs == {("i0", "e0"), ("i1", "e1"), ("i2", "e2")}


def test_a_word_on_every_row_is_no_reference(match):
    mine = [{"id": f"i{n}", "amount": f"{n}.50", "reference": "PAYMENT", "counterparty": f"Customer {n:03d}"} for n in range(1, 90)]
    theirs = [{"id": f"e{n}", "amount": f"{n}.50", "reference": "PAYMENT", "counterparty": f"CUSTOMER {n:03d}"} for n in range(1, 90)]
    outcome = match(mine, theirs, Spec(crowd_pairs=100))
    assert outcome.pairs == {(f"i{n}", f"e{n}") for n in range(1, 90)}


def test_the_order_of_the_files_changes_nothing_but_order(match):
    mine = [{"id": f"i{n}", "amount": "10.00", "reference": f"A-{n // 2:05d}", "date": f"2026-03-{10 + n % 3}"} for n in range(6)]
    theirs = [{"id": f"e{n}", "amount": "10.00", "reference": f"A-{n // 2:05d}", "date": "2026-03-11"} for n in range(4)]
    first = match(mine, theirs)
    for order in list(permutations(range(4)))[:6]:
        again = match(list(reversed(mine)), [theirs[n] for n in order])
        assert again.pairs == first.pairs and again.discrepancies == first.discrepancies


def test_same_input_same_bytes(match):
    chance = random.Random(7)
    mine = [
        {"id": f"i{n}", "amount": f"{chance.randrange(1, 30)}.00", "reference": chance.choice(["", f"R-{n:06d}"]),
         "counterparty": chance.choice(["Acme", "Bolt Ltd", "Cedar"]), "date": f"2026-03-{chance.randrange(9, 13):02d}"}
        for n in range(200)
    ]  # fmt: skip
    theirs = [{**row, "id": "e" + row["id"][1:], "date": "2026-03-11"} for row in mine if chance.random() < 0.9]
    chance.shuffle(theirs)
    assert match(mine, theirs).raw == match(mine, theirs).raw


def test_levels_can_be_left_out(match):
    mine, theirs = [{"id": "i1", **BASE, "reference": "A-77001"}], [{"id": "e1", **BASE, "reference": "a 77001"}]
    assert match(mine, theirs, Spec(levels=(1,))).matches == []
    assert match(mine, theirs, Spec(levels=(1, 2))).pairs == {("i1", "e1")}
    assert match(mine, theirs, Spec(levels=(3,))).pairs == {("i1", "e1")}
    assert (
        match(
            rows("i", 2, reference="Z-10001"), [{"id": "e1", **BASE, "amount": "500.00", "reference": "Z-10001"}], Spec(levels=(1, 2, 3))
        ).matches
        == []
    )


def test_windows_and_tolerances_of_a_spec(match):
    mine, theirs = (
        [{"id": "i1", **BASE, "reference": "A-77001"}],
        [{"id": "e1", **BASE, "amount": "251.00", "reference": "A-77001", "date": "2026-03-16"}],
    )
    assert match(mine, theirs, Spec(tolerance_percent="0.4", window_kind="calendar", window_days=6)).pairs == {("i1", "e1")}
    assert match(mine, theirs, Spec(tolerance_percent="0.3", window_kind="calendar", window_days=6)).matches == []
    assert match(mine, theirs, Spec(tolerance_percent="0.4", window_kind="calendar", window_days=5)).matches == []


def test_an_ignore_rule_takes_rows_out_with_its_reason(match, session):
    rule = Rule(
        id="interest", action="ignore", reason="posted by the bank itself", conditions=(Condition("description", "contains", "interest"),)
    )
    from reconciliation.matching import engine, load  # the fixture's law counts every row, so this runs beside it

    session.rollback()
    for side in load.SIDES:
        load.load_query(session, side, "SELECT 'x1', DATE '2026-03-10', 100, 'USD', 'R-10001', '', 'Interest paid', '', '', NULL::bigint")
    result = engine.run(session, Spec(rules=(rule,)))
    assert (result.matches, result.discrepancies) == (0, {})
    assert session.execute("SELECT side, rule, reason FROM recon_ignored ORDER BY side").fetchall() == [
        ("E", "interest v1", "posted by the bank itself"), ("I", "interest v1", "posted by the bank itself"),
    ]  # fmt: skip


def test_a_suggest_rule_asks_for_a_person_and_a_label_rule_leaves_its_mark(match, session):
    mine = [{"id": "i1", **BASE, "reference": "A-77001", "type": "wire"}, {"id": "i2", **BASE, "reference": "A-77002"}]
    theirs = [{"id": "e1", **BASE, "reference": "A-77001"}, {"id": "e2", **BASE, "reference": "A-77002"}]
    ask = Rule(id="wires", action="suggest", side="internal", conditions=(Condition("type", "equals", "wire"),))
    mark = Rule(id="harbor", action="label", reason="key account", conditions=(Condition("reference", "starts_with", "A-77002"),))
    outcome = match(mine, theirs, Spec(rules=(ask, mark)))
    assert outcome.pairs == {("i2", "e2")}
    assert outcome.suggestions == [(["i1"], ["e1"])] and outcome.discrepancies == [("ambiguous", ["i1"], ["e1"])]
    assert session.execute("SELECT reason ->> 'label' FROM recon_match").fetchall() == [("key account",)]


def test_accents_are_no_difference(match):
    outcome = match(
        [{**BASE, "id": "i1", "counterparty": "São João Alimentos Ltda"}], [{**BASE, "id": "e1", "counterparty": "SAO JOAO ALIMENTOS"}]
    )
    assert outcome.pairs == {("i1", "e1")}


def test_the_first_of_duplicates_is_the_smaller_counted_id_else_the_earlier_row(match):
    line = {**BASE, "reference": "PO-1000"}
    assert match([{"id": "i10", **line}, {"id": "i9", **line}], [{"id": "e1", **line}]).pairs == {("i9", "e1")}
    assert match([{"id": "f00d-aa", **line}, {"id": "1234-bb", **line}], [{"id": "e1", **line}]).pairs == {("f00d-aa", "e1")}
    assert match([{"id": "i9-dup", **line}, {"id": "i9", **line}], [{"id": "e1", **line}]).pairs == {("i9", "e1")}
