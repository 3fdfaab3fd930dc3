"""Destinations: every check digit is really checked, every error is named, nothing that could send money astray passes."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement import base58, destinations
from settlement.destinations import clabe_check_digit, identity, label, mask, validate, validate_many
from settlement.keccak import eip55_many, keccak256, keccak256_many

GOOD = {
    "us_bank": ({"routing_number": "091000019", "account_number": "12345678", "holder_name": "Jane Doe"}, "USD"),
    "clabe": ({"clabe": "032180000118359719", "holder_name": "José Núñez"}, "MXN"),
    "pix_key": ({"key": "390.533.447-05"}, "BRL"),
    "iban": ({"iban": "DE89 3704 0044 0532 0130 00", "holder_name": "Erika Beispiel"}, "EUR"),
    "wallet": ({"address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "network": "base"}, "USDC"),
    "mpesa_msisdn": ({"msisdn": "0712 345 678"}, "KES"),
}
SOLANA = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"


def errors(type_, data, currency=None):
    outcome = validate(type_, data, currency or GOOD[type_][1])
    assert isinstance(outcome, list), f"accepted: {outcome}"
    return {(e["pointer"], e["code"]) for e in outcome}


def good(type_, data, currency=None):
    outcome = validate(type_, data, currency or GOOD[type_][1])
    assert isinstance(outcome, dict), outcome
    return outcome


@pytest.mark.parametrize("type_", destinations.TYPES)
def test_a_good_destination_comes_back_normalised_and_normalising_again_changes_nothing(type_):
    data, currency = GOOD[type_]
    once = good(type_, data, currency)
    assert once["type"] == type_
    assert good(type_, once, currency) == once


def test_normal_forms():
    assert good("us_bank", {**GOOD["us_bank"][0], "account_number": "12-345 678"})["account_number"] == "12345678"
    assert good("us_bank", GOOD["us_bank"][0])["account_type"] == "checking"
    assert good("iban", GOOD["iban"][0])["iban"] == "DE89370400440532013000"
    assert good("iban", {**GOOD["iban"][0], "bic": "deutdeff500"})["bic"] == "DEUTDEFF500"
    lower = GOOD["wallet"][0]["address"].lower()
    assert good("wallet", {"address": lower, "network": "base"})["address"] == GOOD["wallet"][0]["address"]
    assert good("wallet", {"address": SOLANA, "network": "solana"})["address"] == SOLANA


@pytest.mark.parametrize(
    ("written", "stored"),
    [("0712345678", "254712345678"), ("+254 712 345 678", "254712345678"), ("254712345678", "254712345678"),
     ("712345678", "254712345678"), ("0110-123-456", "254110123456")],
)  # fmt: skip
def test_kenyan_numbers(written, stored):
    assert good("mpesa_msisdn", {"msisdn": written})["msisdn"] == stored


@pytest.mark.parametrize("bad", ["0812345678", "07123456", "+255712345678", "07123456789", "hello", "٠٧١٢٣٤٥٦٧٨"])
def test_numbers_that_are_not_kenyan_mobiles(bad):
    assert errors("mpesa_msisdn", {"msisdn": bad}) == {("/destination/msisdn", "format")}


@pytest.mark.parametrize(
    ("key", "kind", "stored"),
    [("390.533.447-05", "cpf", "39053344705"), ("16.727.230/0001-97", "cnpj", "16727230000197"),
     ("Maria@Example.com.BR", "email", "maria@example.com.br"), ("+55 (11) 98765-4321", "phone", "+5511987654321"),
     ("123E4567-E89B-12D3-A456-426614174000", "evp", "123e4567-e89b-12d3-a456-426614174000")],
)  # fmt: skip
def test_pix_keys_show_their_kind(key, kind, stored):
    answer = good("pix_key", {"key": key})
    assert (answer["key_type"], answer["key"]) == (kind, stored)
    assert good("pix_key", {"key": key, "key_type": kind.upper()}) == answer


@pytest.mark.parametrize(
    ("key", "code"),
    [("39053344706", "checksum"), ("16727230000198", "checksum"), ("a@b", "format"), ("+551112345", "format"),
     ("12345", "format"), ("a..b@example.com", "format"), ("00000000000", "checksum")],
)  # fmt: skip
def test_bad_pix_keys(key, code):
    assert errors("pix_key", {"key": key}) == {("/destination/key", code)}


def test_eleven_digits_are_a_cpf_unless_called_a_phone():
    assert errors("pix_key", {"key": "11987654321"}) == {("/destination/key", "checksum")}
    assert good("pix_key", {"key": "11987654321", "key_type": "phone"})["key"] == "+5511987654321"


@pytest.mark.parametrize(
    ("routing", "code"),
    [("091000018", "checksum"), ("190000019", "checksum"), ("990000001", "unknown_range"), ("09100001", "format"),
     ("09100001９", "format"), ("000000000", "unknown_range")],
)  # fmt: skip
def test_bad_routing_numbers(routing, code):
    found = errors("us_bank", {**GOOD["us_bank"][0], "routing_number": routing})
    assert {p for p, _ in found} == {"/destination/routing_number"}
    assert code in {c for _, c in found} or routing.startswith("19")


def test_every_error_is_reported_at_once():
    found = errors("us_bank", {"routing_number": 91000019, "account_type": "piggy", "colour": "red", "account_number": "0000"}, "EUR")
    assert found == {
        ("/destination/type", "currency_mismatch"), ("/destination/routing_number", "not_text"),
        ("/destination/account_number", "format"), ("/destination/account_type", "unknown_choice"),
        ("/destination/holder_name", "required"), ("/destination/colour", "unknown_field"),
    }  # fmt: skip


@pytest.mark.parametrize("data", [None, [], "x", 7])
def test_what_is_not_an_object(data):
    assert errors("us_bank", data) == {("/destination", "not_an_object")}


@pytest.mark.parametrize("type_", ["", "bank", None, ["us_bank"]])
def test_unknown_types(type_):
    outcome = validate(type_, {}, "USD")
    assert outcome[0]["code"] == "unknown_type"


def test_a_line_break_in_a_name_never_reaches_a_bank_file():
    assert errors("us_bank", {**GOOD["us_bank"][0], "holder_name": "Jane\n9000001"}) == {("/destination/holder_name", "control_character")}


def single_digit_changes(text):
    for i, c in enumerate(text):
        for d in "0123456789":
            if d != c:
                yield text[:i] + d + text[i + 1 :]


@pytest.mark.parametrize(("type_", "field"), [("us_bank", "routing_number"), ("clabe", "clabe")])
def test_every_single_mistyped_digit_is_caught(type_, field):
    data, currency = GOOD[type_]
    for wrong in single_digit_changes(data[field]):
        assert isinstance(validate(type_, {**data, field: wrong}, currency), list), wrong


def test_every_mistyped_iban_digit_is_caught():
    for wrong in single_digit_changes("89370400440532013000"):
        assert isinstance(validate("iban", {"iban": "DE" + wrong, "holder_name": "A"}, "EUR"), list), wrong


# EIP-55's own examples.
EIP55 = [
    "52908400098527886E0F7030069857D2E4169EE7", "8617E340B3D01FA5F11F306F4090FD50E238070D",
    "de709f2102306220921060314715629080e2fb77", "27b1fdb04752bbc536007a920d24acb045561c26",
    "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "fB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "dbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "D1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]  # fmt: skip


def test_eip55_examples():
    assert sorted(eip55_many(EIP55).values()) == sorted(EIP55)


def test_a_wrong_case_is_a_wrong_address():
    address = GOOD["wallet"][0]["address"]
    for i, c in enumerate(address[2:], start=2):
        if c.isalpha():
            assert errors("wallet", {"address": address[:i] + c.swapcase() + address[i + 1 :], "network": "base"}) == {
                ("/destination/address", "checksum")
            }


def test_wallet_dangers():
    assert errors("wallet", {"address": "0x" + "0" * 40, "network": "base"}) == {("/destination/address", "burn_address")}
    assert errors("wallet", {"address": SOLANA, "network": "base"}) == {("/destination/address", "format")}
    assert errors("wallet", {"address": GOOD["wallet"][0]["address"], "network": "solana"}) == {("/destination/address", "format")}
    assert errors("wallet", {"address": SOLANA[:-2], "network": "solana"}) == {("/destination/address", "format")}
    assert errors("wallet", {"address": GOOD["wallet"][0]["address"]}) == {("/destination/network", "required")}
    assert ("/destination/type", "currency_mismatch") in errors("iban", GOOD["iban"][0], "USDC")


def test_keccak_vectors_across_the_block_boundary():
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert keccak256(b"abc").hex() == "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"
    assert keccak256(b"a" * 135).hex() == "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446"
    assert keccak256(b"a" * 136).hex() == "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e"
    messages = [random.Random(7).randbytes(40) for _ in range(50)] + [b"x" * 40]
    assert keccak256_many(messages) == [keccak256(m) for m in messages]


@settings(derandomize=True)
@given(st.binary(min_size=1, max_size=60))
def test_base58_round_trip(data):
    assert base58.decode(base58.encode(data)) == data


@settings(derandomize=True)
@given(st.text(alphabet="0123456789", min_size=17, max_size=17))
def test_any_clabe_with_its_check_digit_passes(first17):
    outcome = validate("clabe", {"clabe": first17 + clabe_check_digit(first17), "holder_name": "A"}, "MXN")
    assert isinstance(outcome, dict) == (not first17.startswith("000"))


json_values = st.none() | st.booleans() | st.integers() | st.text(max_size=40) | st.lists(st.integers(), max_size=2)


FIELDS = sorted({field for data, _ in GOOD.values() for field in data} | {"extra", "account_type", "key_type", "tax_id", "bic"})


@settings(max_examples=200, derandomize=True)
@given(st.sampled_from(destinations.TYPES), st.dictionaries(st.sampled_from(FIELDS), json_values, max_size=5))
def test_no_input_makes_it_stumble(type_, payload):
    outcome = validate(type_, payload, GOOD[type_][1])
    if isinstance(outcome, list):
        assert outcome and all(set(e) == {"pointer", "code", "detail"} for e in outcome)


def test_a_batch_answers_as_single_ones_do_and_points_at_its_rows():
    rows = [(t, d, c, f"/items/{i}/destination") for i, (t, (d, c)) in enumerate(GOOD.items())]
    rows += [("wallet", {"address": "0x" + "ab" * 20, "network": "base"}, "USDC", "/items/6/destination"),
             ("us_bank", {}, "USD", "/items/7/destination"), ("wallet", {"address": 5}, "USDC", "/items/8/destination")]  # fmt: skip
    answers = validate_many(rows)
    assert answers == [validate(t, d, c, pointer=p) for t, d, c, p in rows]
    assert {e["pointer"] for e in answers[7]} >= {"/items/7/destination/routing_number"}


@pytest.mark.parametrize("type_", destinations.TYPES)
def test_masks_hide_the_account_and_the_name(type_):
    data, currency = GOOD[type_]
    normal = good(type_, {**data, "holder_name": "Jane Doe"}, currency)
    shown = mask(normal)
    secret = normal[destinations.IDENTITY_FIELD[type_]]
    assert secret not in str(shown) and secret not in label(normal)
    assert "Jane" not in str(shown) and shown["holder_name"] == "J. D."
    assert re.search("•", label(normal))
    assert identity(normal) == identity(good(type_, normal, currency))


def test_the_same_wallet_is_one_identity_on_each_network():
    a = good("wallet", GOOD["wallet"][0])
    b = good("wallet", {**GOOD["wallet"][0], "network": "polygon"})
    assert identity(a) != identity(b)
