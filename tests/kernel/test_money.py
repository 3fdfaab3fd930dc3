"""Law 1: money is an integer of minor units plus a currency; nothing is rounded on the way in, parts sum to the whole."""

from __future__ import annotations

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payos.kernel.currencies import EXPONENTS
from payos.kernel.errors import Problem
from payos.kernel.money import (
    LARGEST,
    Money,
    MoneyError,
    allocate,
    display,
    exponent,
    parse_minor,
    share,
    to_decimal_str,
)
from payos.kernel.parsing import parse_json

currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.integers(-LARGEST, LARGEST)


@settings(derandomize=True, max_examples=300)
@given(minors, currencies)
def test_what_is_written_is_read_again_exactly(minor, currency):
    text = to_decimal_str(minor, currency)
    assert parse_minor(text, currency) == minor
    assert parse_minor(Decimal(text), currency) == minor
    assert Fraction(text) == Fraction(minor, 10 ** exponent(currency))


@settings(derandomize=True, max_examples=300)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12), currencies)
def test_a_number_is_kept_exactly_or_refused_never_rounded(value, currency):
    exact = Fraction(value) * 10 ** exponent(currency)
    try:
        minor = parse_minor(format(value, "f"), currency)
    except MoneyError as error:
        assert error.code == "places" and exact.denominator != 1
    else:
        assert exact == minor


@settings(derandomize=True, max_examples=500)
@given(st.text(max_size=30))
def test_any_text_is_an_amount_or_a_clear_refusal(text):
    try:
        minor = parse_minor(text, "USD")
    except MoneyError as error:
        assert error.code in {"format", "places", "overflow"}
    else:
        assert Fraction(text) == Fraction(minor, 100)


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("12.5", "USD", 1250), ("12.50", "USD", 1250), ("-0.01", "USD", -1), ("0", "USD", 0), ("-0", "USD", 0), (12, "USD", 1200),
        ("7", "JPY", 7), ("7.00", "JPY", 7), ("1.234", "KWD", 1234), ("0.000001", "USDC", 1), ("0.000001", "EURC", 1),
        ("1500", "UGX", 1500), ("92233720368547758.07", "USD", LARGEST), (Decimal("1.10"), "EUR", 110),
        ("1.2300000", "USD", 123), (Decimal("1.1000"), "USD", 110),
    ],
)  # fmt: skip
def test_amounts(value, currency, minor):
    assert parse_minor(value, currency) == minor


@pytest.mark.parametrize(
    ("value", "currency", "code"),
    [
        ("1.005", "USD", "places"), ("0.5", "JPY", "places"), ("0.0000001", "USDC", "places"),
        ("1e5", "USD", "format"), ("1E5", "USD", "format"), ("NaN", "USD", "format"), ("Infinity", "USD", "format"),
        ("-Infinity", "USD", "format"), ("", "USD", "format"), (" 1", "USD", "format"), ("1 ", "USD", "format"), ("+1", "USD", "format"),
        ("1,000.00", "USD", "format"), ("1_000", "USD", "format"), (".5", "USD", "format"), ("5.", "USD", "format"), ("٣", "USD", "format"),
        ("1.0\n", "USD", "format"), ("--1", "USD", "format"), (None, "USD", "format"), (1.5, "USD", "format"), (True, "USD", "format"),
        ([], "USD", "format"), (Decimal("NaN"), "USD", "format"), (Decimal("sNaN"), "USD", "format"), (Decimal("Infinity"), "USD", "format"),
        (Decimal("1e999999"), "USD", "format"), (Decimal("1e-999999"), "USD", "format"), ("9" * 31, "USD", "format"),
        ("92233720368547758.08", "USD", "overflow"), (LARGEST + 1, "JPY", "overflow"), (10**400, "JPY", "overflow"),
        ("9223372036854.775808", "USDC", "overflow"),
        ("1", "usd", "currency"), ("1", "XXX", "currency"), ("1", "", "currency"), ("1", None, "currency"), ("1", ["USD"], "currency"),
    ],
)  # fmt: skip
def test_refusals(value, currency, code):
    with pytest.raises(MoneyError) as caught:
        parse_minor(value, currency)
    assert caught.value.code == code
    assert len(str(caught.value)) < 200


def test_a_json_number_never_becomes_a_float():
    body = parse_json(b'{"a": 0.1, "b": 1152921504606846977.01, "c": 3}')
    assert parse_minor(body["a"], "USD") == 10
    assert body["b"] == Decimal("1152921504606846977.01")  # a float would have lost the cent
    assert parse_minor(body["c"], "USD") == 300


@pytest.mark.parametrize("number", ["1e2", "1E2", "1.5e1", "1e-2", "1e400"])
def test_a_json_number_with_an_exponent_is_no_amount(number):
    body = parse_json(f'{{"amount": {number}}}'.encode())
    with pytest.raises(MoneyError, match="exponent"):
        parse_minor(body["amount"], "USD")


@pytest.mark.parametrize(
    "text",
    [
        '{"a": NaN}',
        '{"a": Infinity}',
        '{"a": -Infinity}',
        '{"a": 1e999999999999999999999}',
        "[" * 100_000,
        '{"a": "\\ud800"}',
        '{"a": "\\u0000"}',
        '{"a": 1' + "0" * 5000 + "}",
    ],
)
def test_json_that_cannot_be_kept_is_a_problem(text):
    with pytest.raises(Problem) as caught:
        parse_json(text.encode())
    assert caught.value.code == "malformed_body"


@settings(derandomize=True, max_examples=300)
@given(minors, st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(sum))
def test_parts_sum_to_the_whole_and_none_is_off_by_one_unit(total, weights):
    parts = allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(Fraction(part) - Fraction(total * weight, sum(weights))) < 1
        assert weight or part == 0
    assert allocate(-total, weights) == [-part for part in parts]


def test_allocation_examples():
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(-100, [1, 1, 1]) == [-34, -33, -33]
    assert allocate(5, [0, 3, 7]) == [0, 2, 3]  # 1.5 and 3.5: the tie goes to the earlier part
    assert allocate(0, [1, 2]) == [0, 0]


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_weights_that_say_nothing_are_refused(weights):
    with pytest.raises(MoneyError, match="weight"):
        allocate(100, weights)


@settings(derandomize=True)
@given(st.integers(-(10**15), 10**15), st.integers(0, 20_000))
def test_a_share_is_half_to_even(amount, points):
    exact = Fraction(amount * points, 10_000)
    assert share(amount, points) == round(exact)  # Python's round of a Fraction is half to even


@settings(derandomize=True)
@given(minors, minors, currencies)
def test_arithmetic_stays_within_one_currency_and_64_bits(a, b, currency):
    first, second = Money(a, currency), Money(b, currency)
    if abs(a + b) <= LARGEST:
        assert (first + second).minor == a + b
    else:
        with pytest.raises(MoneyError, match="larger"):
            first + second
    assert (-first).minor == -a
    assert sum(part.minor for part in first.split([1, 2, 3])) == a
    with pytest.raises(MoneyError, match="cannot be added"):
        first + Money(1, "USD" if currency != "USD" else "KES")


@pytest.mark.parametrize("minor", [1.0, True, "1", None, Decimal(1)])
def test_minor_units_are_a_whole_number(minor):
    with pytest.raises(MoneyError):
        Money(minor, "USD")


def test_every_currency_has_its_places_and_agrees_with_iso_4217():
    assert {exponent(code) for code in ("JPY", "UGX", "KRW", "CLP", "VND")} == {0}
    assert {exponent(code) for code in ("USD", "MXN", "BRL", "KES", "EUR")} == {2}
    assert exponent("BHD") == 3 and exponent("CLF") == 4 and exponent("USDC") == exponent("EURC") == 6
    from babel.numbers import get_currency_precision, list_currencies

    # Babel knows what is usual at a till, where these differ from ISO 4217.
    tills = {
        "AFN",
        "ALL",
        "CRC",
        "IRR",
        "KPW",
        "LAK",
        "LBP",
        "MMK",
        "PKR",
        "RSD",
        "SLE",
        "SOS",
        "SYP",
        "YER",
        "COP",
        "HUF",
        "IDR",
        "TWD",
        "AMD",
        "MGA",
        "MRU",
        "UYW",
        "TZS",
        "IQD",
        "CZK",
        "DKK",
        "GYD",
        "KMF",
        "MUR",
        "NOK",
        "SEK",
        "UZS",
        "MNT",
        "ISK",
        "CHW",
        "CHE",
        "MXV",
        "BOV",
        "COU",
        "CLF",
        "UYI",
        "XCG",
        "VED",
    }
    for code in set(list_currencies()) & set(EXPONENTS) - tills:
        assert exponent(code) == get_currency_precision(code), code


def test_display_follows_the_locale():
    assert display(123456, "USD") == "$1,234.56"
    assert display(123456, "BRL", "pt_BR").replace("\xa0", " ") == "R$ 1.234,56"
    assert display(1234, "JPY", "en") == "¥1,234"
    assert display(1_500_000, "USDC") == "1.500000 USDC"
    assert display(-50, "USD").replace("−", "-") == "-$0.50"
    assert display(None, "USD") == ""


def test_an_amount_survives_json():
    assert json.dumps(to_decimal_str(LARGEST, "USDC")) == '"9223372036854.775807"'
