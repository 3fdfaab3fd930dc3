"""Public ids: both ways, sortable, and a wrong one says what is wrong with it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from payos.kernel import ids


@settings(derandomize=True, max_examples=300)
@given(st.uuids(), st.sampled_from(sorted(ids.PREFIXES)))
def test_both_ways(value, prefix):
    text = ids.encode(prefix, value)
    assert len(text) == len(prefix) + 1 + 26
    assert ids.decode(prefix, text) == value
    assert ids.encode(prefix, str(value)) == text


def test_agrees_with_typeid():
    # Examples of the TypeID specification.
    assert ids.encode("prefix", uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")) == "prefix_01h455vb4pex5vsknk084sn02q"
    assert ids.encode("nil", uuid.UUID(int=0)) == "nil_00000000000000000000000000"
    assert ids.encode("max", uuid.UUID(int=2**128 - 1)) == "max_7zzzzzzzzzzzzzzzzzzzzzzzzz"


def test_ids_sort_by_time_and_carry_it():
    start = datetime(2026, 11, 1, tzinfo=UTC)
    made = [ids.uuid7(start + timedelta(milliseconds=n)) for n in range(0, 5000, 7)]
    assert made == sorted(made)
    texts = [ids.encode("trf", value) for value in made]
    assert texts == sorted(texts)
    for value in made:
        assert value.version == 7 and value.variant == uuid.RFC_4122
        assert ids.floor(start) <= value < ids.floor(start + timedelta(seconds=5))
    now = ids.uuid7()
    assert now.version == 7 and ids.floor(datetime.now(UTC) - timedelta(minutes=1)) < now < ids.floor(
        datetime.now(UTC) + timedelta(minutes=1)
    )


def test_many_at_once_differ():
    at = datetime(2026, 11, 1, tzinfo=UTC)
    assert len({ids.uuid7(at) for _ in range(20_000)}) == 20_000
    assert len({ids.uuid7() for _ in range(20_000)}) == 20_000


@pytest.mark.parametrize("year", [1, 1969])
def test_an_instant_outside_is_refused(year):
    with pytest.raises(ValueError, match="outside"):
        ids.uuid7(datetime(year, 12, 31, tzinfo=UTC))


GOOD = "trf_01h455vb4pex5vsknk084sn02q"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (GOOD.replace("trf", "pay"), "id of a payment, not of a transfer"),
        (GOOD.replace("trf", "zzz"), "must start with trf_"),
        (GOOD[4:], "must start with trf_"),
        (GOOD[:-1], "26 characters"),
        (GOOD + "0", "26 characters"),
        ("trf_8" + GOOD[5:], "first 0 to 7"),  # would not fit 128 bits
        (GOOD[:-1] + "u", "'u' is not among"),
        (GOOD[:-1] + "I", "'I' is not among"),
        (GOOD.upper(), "must start with trf_"),
        ("trf_" + GOOD[4:].upper(), "not among"),
        ("", "must start with trf_"),
        ("x" * 10_000, "must start with trf_"),
        ("trf_" + "0" * 25 + "é", "not among"),
        (None, "is text"),
        (5, "is text"),
    ],
)
def test_a_wrong_id_says_what_is_wrong(text, why):
    with pytest.raises(ids.InvalidId) as caught:
        ids.decode("trf", text)
    assert why in str(caught.value) and len(str(caught.value)) < 250


@settings(derandomize=True, max_examples=500)
@given(st.text(max_size=40))
def test_no_text_is_read_as_two_ids_or_breaks_the_reader(text):
    try:
        value = ids.decode("trf", text)
    except ids.InvalidId:
        return
    assert ids.encode("trf", value) == text


def test_every_prefix_is_used_once_and_every_model_has_a_known_one():
    from django.apps import apps

    seen: dict[str, str] = {}
    for model in apps.get_models():
        prefix = model.__dict__.get("public_prefix", "")
        if prefix:
            assert prefix in ids.PREFIXES, f"{model.__name__}: {prefix} is not in ids.PREFIXES"
            assert seen.setdefault(prefix, model.__name__) == model.__name__, f"{prefix} names {seen[prefix]} and {model.__name__}"
