"""Levels 1 and 2: what a reference proves, and what it does not."""

from __future__ import annotations

import pytest


def one(**values):
    return {"id": "i1", "amount": "100.00", "reference": "INV-2026-00042", **values}


def other(**values):
    return {"id": "e1", "amount": "100.00", "reference": "INV-2026-00042", **values}


def test_same_reference_amount_and_currency_is_level_1(match):
    outcome = match([one()], [other(date="2026-03-12")])
    assert outcome.data["matches"] == [
        {
            "internal": ["i1"], "external": ["e1"], "level": 1, "method": "reference", "confidence": 100,
            "reason": {"reference": "INV-2026-00042", "reference_is": "the same", "days": 2, "rivals": 0},
            "difference_minor": 0,
        }
    ]  # fmt: skip
    assert outcome.data["discrepancies"] == [] and outcome.data["suggestions"] == []


@pytest.mark.parametrize(
    ("theirs", "method"),
    [
        ("inv-2026-00042", "reference"),
        ("INV202600042", "reference_normalised"),
        ("inv 2026 42", "reference_normalised"),
        ("INV/2026/00042", "reference_normalised"),
        ("0000INV-2026-00042", "reference_normalised"),
        ("REF: INV-2026-00042", "reference_in_text"),
        ("202600042", "reference_prefix"),
        ("i1", "own_id"),
    ],
)
def test_another_form_of_the_reference_is_level_2(match, theirs, method):
    outcome = match([one()], [other(reference=theirs)])
    assert outcome.methods() == [(2, method)]


@pytest.mark.parametrize(
    "text", ["PAYMENT INV-2026-00042 THANK YOU", "wire from acme inv 2026 00042", "ROC/INV202600042/X", "Ref:INV-2026-00042;"]
)
def test_reference_inside_a_text(match, text):
    outcome = match([one()], [other(reference="", description=text)])
    assert outcome.methods() == [(2, "reference_in_text")]


def test_their_reference_inside_our_text(match):
    outcome = match([one(reference="", description="settles UTR99887766 today")], [other(reference="UTR99887766")])
    assert outcome.methods() == [(2, "reference_in_text")]


@pytest.mark.parametrize("cents", [-2, -1, 1, 2])
def test_a_difference_within_tolerance_is_recorded(match, cents):
    outcome = match([one()], [other(amount=f"{100 + cents / 100:.2f}")])
    assert outcome.methods() == [(2, "reference_tolerance")]
    assert outcome.data["matches"][0]["difference_minor"] == cents


@pytest.mark.parametrize("amount", ["99.97", "100.03", "10.00", "1000.00"])
def test_a_wrong_amount_under_the_right_reference_never_matches(match, amount):
    outcome = match([one()], [other(amount=amount)])
    assert outcome.matches == []
    [(kind, mine, theirs)] = outcome.discrepancies
    assert kind in {"amount_mismatch", "fx_variance"} and (mine, theirs) == (["i1"], ["e1"])
    assert outcome.data["discrepancies"][0]["expected_minor"] == 10000
    assert outcome.suggestions == [(["i1"], ["e1"])]


def test_references_one_digit_apart_do_not_match(match):
    outcome = match(
        [one(reference="ORD-10000001", counterparty="Acme"), one(id="i2", reference="ORD-10000002", counterparty="Acme")],
        [other(id="e2", reference="ORD-10000002", counterparty="ACME"), other(id="e3", reference="ORD-10000003", counterparty="ACME")],
    )
    assert outcome.pairs == {("i2", "e2")}
    assert outcome.discrepancies == [("missing_internal", [], ["e3"]), ("missing_settlement", ["i1"], [])]


def test_net_of_a_declared_fee(match):
    outcome = match([one(fee="2.90")], [other(amount="97.10")])
    [found] = outcome.data["matches"]
    assert (found["level"], found["method"], found["difference_minor"]) == (2, "reference_net_of_fee", 0)
    assert found["reason"]["fee_minor"] == 290


def test_net_of_a_fee_that_the_other_side_declares(match):
    outcome = match([one()], [other(amount="97.10", fee="2.90")])
    assert outcome.methods() == [(2, "reference_net_of_fee")]


def test_opposite_sign_is_the_other_side_of_the_same_money(match):
    assert match([one(amount="-100.00")], [other()]).methods() == [(2, "reference_opposite_sign")]


def test_a_return_is_not_the_payment_seen_from_the_other_side(match):
    outcome = match([one()], [other(amount="-100.00", type="return")])
    assert outcome.matches == []
    assert outcome.discrepancies == [("missing_internal", [], ["e1"]), ("missing_settlement", ["i1"], [])]


def test_a_return_beside_its_payment_stays_open(match):
    outcome = match([one()], [other(), other(id="e2", amount="-100.00", description="RETURN R03")])
    assert outcome.pairs == {("i1", "e1")}
    assert outcome.discrepancies == [("missing_internal", [], ["e2"])]


def test_both_returns_match(match):
    outcome = match([one(), one(id="i2", amount="-100.00")], [other(), other(id="e2", amount="-100.00", type="return")])
    assert outcome.pairs == {("i1", "e1"), ("i2", "e2")}


def test_currency_counts(match):
    assert match([one()], [other(currency="EUR")]).discrepancies == [("currency_mismatch", ["i1"], ["e1"])]


def test_three_banking_days_over_a_weekend_and_a_holiday(match):
    # Friday 16 January 2026; Monday the 19th is a holiday of the Federal Reserve: Thursday is banking day three.
    outcome = match([one(date="2026-01-16")], [other(date="2026-01-22")])
    assert outcome.match_of("i1")["reason"]["days"] == 3


def test_too_late_is_out_of_window(match):
    outcome = match([one(date="2026-03-10")], [other(date="2026-03-24")])
    assert outcome.matches == [] and outcome.discrepancies == [("date_out_of_window", ["i1"], ["e1"])]


def test_exponents_come_from_the_currency(match):
    outcome = match(
        [one(amount="500", currency="UGX"), one(id="i2", reference="X-77777", amount="1.000001", currency="USDC")],
        [other(amount="500", currency="UGX"), other(id="e2", reference="X-77777", amount="1.000001", currency="USDC")],
    )
    assert len(outcome.pairs) == 2


def test_the_first_part_of_a_reference_names_no_item(match):
    # "INV-2024-" was cut short by a bank. It is the name of a year, not of the items whose references begin so.
    mine = [
        {"id": f"i{n}", "amount": f"{100 + n}.10", "reference": f"INV-2024-{n:05d}", "counterparty": f"Customer {n}", "description": "Invoice payment"}
        for n in range(1, 30)
    ]  # fmt: skip
    theirs = [{**row, "id": "e" + row["id"][1:], "description": f"WIRE TRF//{row['reference']}//", "reference": ""} for row in mine[:25]]
    theirs.append({"id": "e26", "amount": "180.00", "reference": "INV-2024-00026"})
    theirs.append({"id": "e99", "amount": "127.10", "reference": "INV-2024-", "counterparty": "Nobody we know"})
    outcome = match(mine, theirs)
    assert outcome.pairs == {(f"i{n}", f"e{n}") for n in range(1, 26)}
    assert ("amount_mismatch", ["i26"], ["e26"]) in outcome.discrepancies
    assert not [row for row in outcome.discrepancies if row[0] == "split_incomplete"]


def test_a_zero_between_letters_is_a_sign_like_any_other(match):
    mine = [{"id": "i1", "amount": "25.00", "reference": "ST-H0WXFUAMHC"}, {"id": "i2", "amount": "25.00", "reference": "ST-HWXFUAMHC"}]
    theirs = [{"id": "e1", "amount": "25.00", "description": "ACH CREDIT STRIPE TRANSFER ST-H0WXFUAMHC"}]
    assert match(mine, theirs).pairs == {("i1", "e1")}
    assert match([{"id": "i1", "amount": "25.00", "reference": "H-0007"}], [{"id": "e1", "amount": "25.00", "reference": "h7"}]).pairs == {
        ("i1", "e1")
    }


def test_a_difference_within_tolerance_waits_for_the_part_that_explains_it(match):
    mine = [{"id": "i1", "amount": "16.25", "reference": "R-500017"}]
    whole = {"id": "e1", "amount": "16.24", "reference": "R-500017"}
    outcome = match(mine, [whole, {"id": "e2", "amount": "0.01", "reference": "R-500017"}])
    assert outcome.matches == [(["i1"], ["e1", "e2"])]
    # A second row of that reference that explains nothing does not keep the pair apart.
    outcome = match(mine, [whole, {"id": "e2", "amount": "7.00", "reference": "R-500017"}])
    assert outcome.pairs == {("i1", "e1")} and outcome.match_of("i1")["difference_minor"] == -1


def test_a_mistyped_reference_in_a_crowd_of_one_price(match):
    # Hundreds pay the same price, and many of them have the same payer: their references still tell them apart.
    mine = [
        {"id": f"i{n}", "amount": "50.00", "reference": f"QX{n * 7919 % 10**6:06d}{n:05d}", "counterparty": f"Customer {n % 20} Ltd"}
        for n in range(400)
    ]
    theirs = [{**row, "id": f"e{n}"} for n, row in enumerate(mine)]
    wrong = list(theirs[37]["reference"])
    wrong[3], wrong[4] = wrong[4], wrong[3]
    assert wrong != list(theirs[37]["reference"])
    theirs[37]["reference"] = "".join(wrong)
    assert match(mine, theirs).pairs == {(f"i{n}", f"e{n}") for n in range(400)}


def test_a_payment_that_came_back_and_was_presented_again_is_one_item_and_no_duplicate(match):
    same = {"amount": "80.00", "reference": "INV-7781", "counterparty": "Cedar Harbor Foods"}
    back = {**same, "amount": "-80.00", "type": "return", "description": "RETURN R01", "date": "2026-03-11"}
    one = [{"id": "A1", **same}]
    three = [{"id": "B1", **same}, {"id": "B2", **back}, {"id": "B3", **same, "date": "2026-03-12"}]
    assert match(one, three).matches == [(["A1"], ["B1", "B2", "B3"])]
    assert match(three, one).matches == [(["B1", "B2", "B3"], ["A1"])]


def test_a_second_payment_is_a_duplicate_however_often_the_first_came_back(match):
    same = {"amount": "80.00", "reference": "INV-7781", "counterparty": "Cedar Harbor Foods"}
    rows = [{"id": f"E{n}", **same, "date": f"2026-03-1{n}"} for n in range(3)]
    rows.append({"id": "E8", **same, "amount": "-80.00", "type": "return", "date": "2026-03-11"})
    found = match([{"id": "I1", **same}], rows)
    assert found.matches == [(["I1"], ["E0"])]
    assert [kind for kind, _, _ in found.discrepancies] == ["duplicate", "duplicate", "missing_internal"]


def test_a_longer_number_of_the_same_series_is_suggested_and_never_confirmed(match):
    alike = {"amount": "10.00", "counterparty": "Cedar Harbor Foods"}
    found = match([{"id": "I1", "reference": "INV-100200", **alike}], [{"id": "E1", "reference": "INV-1002003", **alike}])
    assert found.matches == []
    assert found.suggestions == [(["I1"], ["E1"])]
    found = match([{"id": "I1", "reference": "INV-1002003", **alike}], [{"id": "E1", "reference": "INV-100200", **alike}])
    assert found.pairs == {("I1", "E1")}
