"""The schedule, Retry-After, signatures, the catalogue: no database."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import jsonschema
import pytest
from standardwebhooks import Webhook

from payos.kernel import ids
from webhooks import bodies, catalogue, policy, signing

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


def test_the_default_is_five_attempts_over_a_day():
    waits = policy.default_retry_seconds()
    assert len(waits) + 1 == 5
    assert sum(waits) == 24 * 3600
    assert policy.next_attempt(now=NOW, attempts=5, schedule=[], retry_after=None) is None


def test_jitter_spreads_and_stays_within_a_tenth():
    spread = {policy.next_attempt(now=NOW, attempts=1, schedule=[100], retry_after=None, jitter=random.Random(seed)) for seed in range(50)}
    assert len(spread) > 40
    assert all(timedelta(seconds=90) <= at - NOW <= timedelta(seconds=110) for at in spread if at)


@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("120", 120), (" 7 ", 7), ("0", 0), ("Mon, 02 Nov 2026 12:10:00 GMT", 600), ("Mon, 02 Nov 2026 11:00:00 GMT", 0),
        ("999999999999", 86_400), ("-5", None), ("soon", None), ("", None), (None, None), ("1.5", None), ("٣", None),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms_and_bounded(value, wait):
    found = policy.retry_after(value, now=NOW)
    assert found == (None if wait is None else timedelta(seconds=wait))


def test_retry_after_never_shortens_the_schedule():
    for asked, least in ((1, 90), (7200, 7200)):
        at = policy.next_attempt(now=NOW, attempts=1, schedule=[100], retry_after=timedelta(seconds=asked))
        assert at is not None and at - NOW >= timedelta(seconds=least)


def test_our_signatures_are_those_of_the_published_library():
    secret = signing.new_secret()
    body = bodies.dumps({"amount": "1.00", "name": "São Paulo 🙂"})
    for timestamp in (0, 1_700_000_000):
        at = datetime.fromtimestamp(timestamp, UTC)
        assert signing.sign(secret, "evt_1", timestamp, body) == Webhook(secret).sign("evt_1", at, body.decode())


def test_a_pasted_signature_is_explained():
    old, new = signing.new_secret(), signing.new_secret()
    body = b'{"a":1}'
    good = signing.headers([new, old], "evt_1", 1000, body)

    def explain(**changes):
        given = {"webhook_id": "evt_1", "timestamp": "1000", "signature": good["webhook-signature"], "body": body, "now": 1010, **changes}
        return signing.explain([new, old], **given)

    assert explain() == (True, ["The signature was made with the current secret."])
    assert explain(signature=signing.sign(old, "evt_1", 1000, body))[1][0].endswith("which is being rotated out.")
    late, remarks = explain(now=5000)
    assert late and "4000 seconds old" in remarks[1]
    assert explain(body=b'{"a":1}\n')[1] == [
        "The body has white space around it: verify the bytes as they came in, before anything parses them."
    ]
    for changes in (
        {"body": b'{"a": 1}'},
        {"webhook_id": "evt_2"},
        {"timestamp": "1001"},
        {"signature": "v1,abc"},
        {"signature": "x"},
        {"timestamp": "now"},
    ):
        valid, remarks = explain(**changes)
        assert not valid and remarks, changes


@pytest.mark.parametrize("event", catalogue.EVENTS.values(), ids=lambda event: event.name)
def test_every_example_fits_its_schema_and_its_ids_are_ids(event):
    jsonschema.Draft202012Validator.check_schema(event.schema)
    validator = jsonschema.Draft202012Validator(event.schema)
    validator.validate(event.sample())
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({key: value for key, value in event.sample().items() if key != event.key})

    def walk(value):
        if isinstance(value, dict):
            for item in value.values():
                walk(item)
        elif isinstance(value, str) and value[3:4] == "_" and value[:3] in ids.PREFIXES and len(value) == 30:
            ids.decode(value[:3], value)

    walk(event.sample())


@pytest.mark.parametrize(
    ("pattern", "hits"),
    [("*", len(catalogue.EVENTS)), ("transfer.*", 7), ("transfer.settled", 1), ("*.completed", 1), ("settlement.*", 2)],
)
def test_wildcards(pattern, hits):
    assert catalogue.why_no_pattern(pattern) == ""
    assert sum(catalogue.matches([pattern], name) for name in catalogue.EVENTS) == hits


@pytest.mark.parametrize("pattern", ["", "Transfer.*", "transfers.*", "transfer settled", "[a-z]*", "transfer.?", None, 7, "x" * 90])
def test_wildcards_that_match_nothing_are_refused(pattern):
    assert catalogue.why_no_pattern(pattern)
