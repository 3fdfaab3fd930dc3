"""Every endpoint of the API with every wrong key. The tour is made from the routes, so that none can be forgotten:
a new address without an entry in the tables below fails the test until somebody has said what it carries."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, get_resolver

from partners import services
from partners.models import ApiKey
from payos.kernel import clock, tenancy
from payos.kernel.api import NotFoundView, PayosAPIView
from tests.conftest import client_for
from tests.security.world import RECEIVERS, Belongings, changed, fingerprint, furnish, order

# What was counted of the requests themselves, written every few seconds.
FIGURES = ("ingestion_webhookstat", "ingestion_webhooklatency")
pytestmark = pytest.mark.django_db
METHODS = ("get", "post", "put", "patch", "delete")

# What an id in an address names, by the address up to it.
CARRIES = {
    "v1/branches/<str:public_id>": "branch",
    "v1/accounts/<str:public_id>": "account",
    "v1/ledger/transactions/<str:public_id>": "transaction",
    "v1/webhooks/deliveries/<str:delivery_id>": "delivery",
    "v1/webhooks/events/<str:event_id>": "event",
    "v1/webhooks/<str:endpoint_id>": "endpoint",
    "v1/payments/<str:payment_id>": "payment",
    "v1/transfers/batch/<str:batch_id>": "batch",
    "v1/transfers/<str:transfer_id>": "transfer",
    "v1/reconciliation/accounts/<str:account_id>": "bank_account",
    "v1/reconciliation/runs/<str:run_id>": "run",
    "v1/reconciliation/matches/<str:match_id>": "match",
    "v1/trace/<path:text>": "settled",
}
# A body that would be taken from the owner, for every address that takes one.
BODIES: dict[tuple[str, str], Any] = {
    ("post", "v1/branches"): {"code": "new", "name": "New"},
    ("post", "v1/webhooks"): {"url": RECEIVERS[False], "event_types": ["*"]},
    ("patch", "v1/webhooks/<str:endpoint_id>"): {"description": "changed"},
    ("delete", "v1/webhooks/<str:endpoint_id>"): None,
    ("post", "v1/webhooks/<str:endpoint_id>/rotate-secret"): {},
    ("post", "v1/webhooks/<str:endpoint_id>/enable"): {},
    ("post", "v1/webhooks/<str:endpoint_id>/disable"): None,
    ("post", "v1/webhooks/<str:endpoint_id>/test"): {"event_type": "webhook.test"},
    ("post", "v1/webhooks/<str:endpoint_id>/replay"): {"status": "dead"},
    ("post", "v1/payments/<str:payment_id>/reverse"): {"reason": "tour"},
    ("post", "v1/transfers"): order(),
    ("post", "v1/transfers/batch"): {"transfers": [order()]},
    ("post", "v1/transfers/batch/<str:batch_id>/retry"): None,
    ("post", "v1/transfers/<str:transfer_id>/cancel"): None,
    ("post", "v1/files"): "a file",
    ("post", "v1/reconciliation/accounts/<str:account_id>/run"): None,
}
QUERY = {
    "v1/reconciliation/accounts/<str:account_id>/report.<str:form>": "?from=2026-01-01&to=2026-12-31",
    "v1/accounts/<str:public_id>/statement": "?from=2026-01-01&to=2026-12-31",
    "v1/accounts/<str:public_id>/statement.csv": "?from=2026-01-01&to=2026-12-31",
}
# Addresses outside the API's shell, each with who may open it.
OPEN = {
    "": "sends to the console, which asks for a sign-in",
    "healthz": "says that the process answers",
    "readyz": "says what works, without data",
    "metrics": "counts without names; the runner keeps it inside",
    "api/v1/payments/webhook": "proves itself by signature",
    "api/v1/payments/webhook/<str:channel>": "proves itself by signature",
    "hooks/rails/<str:rail_code>": "proves itself by signature",
    "v1/openapi.json": "the document",
    "v1/docs": "shows the document",
}


def routes() -> Iterator[tuple[str, Any]]:
    def walk(patterns: Any, prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                callback: Any = pattern.callback
                yield path, getattr(callback, "view_class", None) or getattr(callback, "cls", None) or callback
            elif not path.startswith(("admin/", "accounts/")):
                yield from walk(pattern.url_patterns, path)

    return walk(get_resolver().url_patterns, "")


ENDPOINTS = [
    (route, view) for route, view in routes() if isinstance(view, type) and issubclass(view, PayosAPIView) and view is not NotFoundView
]


def stops() -> Iterator[tuple[str, str, type[PayosAPIView]]]:
    for route, view in ENDPOINTS:
        for method in METHODS:
            if hasattr(view, method):
                yield method, route, view


def thing(route: str) -> str | None:
    """What the address names, if it names anything."""
    for prefix in sorted(CARRIES, key=len, reverse=True):
        if route.startswith(prefix):
            return CARRIES[prefix]
    return None


def address(route: str, has: Belongings) -> str:
    named = thing(route)
    path = re.sub(r"<(?:\w+:)?form>", "csv", route)
    path = re.sub(r"<[^>]+>", has.ids[named] if named else "x", path)
    return f"/{path}{QUERY.get(route, '')}"


def body(method: str, route: str) -> dict[str, Any]:
    if method == "get":
        return {}
    value = BODIES[method, route]
    if value == "a file":
        return {"data": {"file": SimpleUploadedFile("tour.csv", b"date,amount\n")}, "format": "multipart"}
    return {} if value is None else {"data": value, "format": "json"}


def ask(client: Any, method: str, route: str, has: Belongings, **headers: str) -> Any:
    return getattr(client, method)(address(route, has), headers=headers, **body(method, route))


@pytest.fixture
def world(partner: Any, other_partner: Any) -> dict[str, Belongings]:
    with tenancy.platform_scope():
        for one in (partner, other_partner):
            one.live_enabled = True
            one.save(update_fields=["live_enabled"])
    return {
        "mine": furnish(partner, False, "minetest"),
        "live": furnish(partner, True, "minelive"),
        "theirs": furnish(other_partner, False, "theirtest"),
    }


def test_every_address_is_in_the_tour():
    """The tables above know every route: what its ids name, what a good body is, or why it needs no key."""
    plain = [route for route, view in routes() if not (isinstance(view, type) and issubclass(view, PayosAPIView))]
    assert set(plain) == set(OPEN), "an address outside the API's shell: say in OPEN who may open it"
    for method, route, _ in stops():
        assert ("<" not in route) or thing(route), f"{route}: say in CARRIES what its id names"
        assert method == "get" or (method, route) in BODIES, f"{method} {route}: say in BODIES what its owner would send"
    known = {(method, route) for method, route, _ in stops()}
    assert not [entry for entry in BODIES if entry not in known], "the table names an address that is gone"


def wrong_keys(partner: Any) -> dict[str, tuple[str | None, str]]:
    """Headers that open nothing, with the code that each is answered by."""
    with tenancy.tenant_scope(partner.pk, False):
        revoked, revoked_secret = services.api_key_create(partner=partner, livemode=False)
        services.api_key_revoke(key=revoked, reason="tour")
        _, expired = services.api_key_create(partner=partner, livemode=False, expires_at=clock.now() - timedelta(seconds=1))
        _, real = services.api_key_create(partner=partner, livemode=False)
    return {
        "none": (None, "authentication_required"),
        "an empty one": ("Bearer ", "authentication_required"),
        "another scheme": (f"Basic {real}", "authentication_required"),
        "garbage": ("Bearer sk_test_" + "x" * 40, "key_revoked"),
        "one cut short": (f"Bearer {real[:-1]}", "key_revoked"),
        "the other mode's name": (f"Bearer {real.replace('sk_test_', 'sk_live_')}", "key_revoked"),
        "one beyond ASCII": ("Bearer sk_test_é", "key_revoked"),
        "SQL": ("Bearer sk_test_' OR 1=1 --", "key_revoked"),
        "a revoked one": (f"Bearer {revoked_secret}", "key_revoked"),
        "an expired one": (f"Bearer {expired}", "key_revoked"),
    }


def test_no_endpoint_opens_to_a_wrong_key_and_none_writes(world, partner):
    keys = wrong_keys(partner)
    client, wrong = Client(), []
    before = fingerprint()
    for method in (*METHODS, "head"):
        for route, view in ENDPOINTS:
            asked = keys.items() if hasattr(view, method) else [("none", keys["none"]), ("garbage", keys["garbage"])]
            for name, (header, code) in asked:
                headers = {"Idempotency-Key": str(uuid.uuid4())} | ({"Authorization": header} if header else {})
                data = BODIES.get((method, route))
                answer = client.generic(
                    method.upper(),
                    address(route, world["mine"]),
                    json.dumps(data) if isinstance(data, dict) else "",
                    content_type="application/json",
                    headers=headers,
                )
                if answer.status_code != 401 or (method != "head" and answer.json()["code"] != code):
                    wrong.append(f"{method} {route} with {name}: {answer.status_code} {answer.content[:200]!r}")
                elif not answer.headers.get("WWW-Authenticate"):
                    wrong.append(f"{method} {route} with {name}: 401 without a challenge")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint()) == []


def test_a_partner_that_was_switched_off_opens_nothing(world, partner):
    client = client_for(partner)
    with tenancy.platform_scope():
        partner.active = False
        partner.save(update_fields=["active"])
    before = fingerprint()
    for method, route, _ in stops():
        assert ask(client, method, route, world["mine"]).status_code == 401, route
    assert changed(before, fingerprint()) == []


@pytest.mark.parametrize("asker", ["another partner", "the same partner's live key", "another partner's live key"])
def test_what_belongs_to_others_is_not_there(world, partner, other_partner, asker):
    """Another tenant's rows and another mode's rows: 404 by id, absent from every list, and nothing written."""
    client = client_for(partner if asker.startswith("the same") else other_partner, livemode="live" in asker)
    _not_there(client, world["mine"])


def test_a_test_key_finds_nothing_that_is_live(world, api):
    _not_there(api, world["live"])


def _text(answer: Any) -> str:
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return bytes(content).decode("utf-8", "replace")


def _not_there(client: Any, has: Belongings) -> None:
    wrong = []
    ask(client, "get", "v1/me", has)  # the key is marked as used
    before = fingerprint()
    for method, route, _ in stops():
        named = thing(route)
        if not named and method != "get":
            continue  # it names nothing of anybody's; its body does, below
        answer = ask(client, method, route, has)
        text = _text(answer)
        if named and answer.status_code != 404:
            wrong.append(f"{method} {route}: {answer.status_code} {text[:200]}")
        # A 404 repeats the address that was asked for.
        if answer.status_code != 404 and (found := [mark for mark in has.marks if mark in text]):
            wrong.append(f"{method} {route}: shows {found}")
        if not named and answer.status_code != 200:
            wrong.append(f"{method} {route}: {answer.status_code} {text[:200]}")
    assert not wrong, "\n".join(wrong)
    assert changed(before, fingerprint()) == []


def test_the_owner_finds_all_of_it(world, api):
    """The tour asks for things that are there: what is refused to others opens to the owner."""
    wrong = []
    for method, route, _ in stops():
        if method == "get":
            answer = ask(api, method, route, world["mine"])
            if answer.status_code != 200:
                wrong.append(f"{method} {route}: {answer.status_code} {answer.content[:200]!r}")
    assert not wrong, "\n".join(wrong)


def test_the_owner_may_do_all_of_it(world, api):
    """Every body of the tour is a good one: the refusals above are for the key and not for the body."""
    for method, route, _ in sorted(stops(), key=lambda stop: (stop[0] == "delete", stop[1].endswith("/disable"))):
        if method != "get":
            answer = ask(api, method, route, world["mine"])
            # A state may be in the way (nothing to try again); the key, the address and the body are not.
            assert answer.status_code in {200, 201, 204} or answer.json()["code"] in {
                "nothing_to_retry",
                "invalid_state",
            }, f"{method} {route}: {answer.status_code} {answer.content[:300]!r}"


@pytest.mark.parametrize("scope", ["none of it", "reading only"])
def test_a_key_without_the_scope_is_refused(world, partner, scope):
    known = {view.resource for _, view in ENDPOINTS if view.resource}
    wrong = []
    for method, route, view in stops():
        if not view.resource:
            continue  # open to any key: test_only_me_needs_no_scope
        others = tuple(f"{name}:*" for name in sorted(known - {view.resource}))
        reading = (*others, f"{view.resource}:read")
        client = _client(partner, reading if scope == "reading only" else others)
        before = fingerprint(ignore=("partners_apikey",))
        answer = ask(client, method, route, world["mine"])
        allowed = scope == "reading only" and method == "get"
        if (answer.status_code == 403) is allowed:
            wrong.append(f"{method} {route}: {answer.status_code}")
        if not allowed and (places := changed(before, fingerprint(ignore=("partners_apikey",)))):
            wrong.append(f"{method} {route}: wrote to {places}")
    assert not wrong, "\n".join(wrong)


CLIENTS: dict[Any, Any] = {}


def _client(partner: Any, scopes: tuple[str, ...]) -> Any:
    known = CLIENTS.get((partner.pk, scopes))
    if known is None:
        known = CLIENTS[partner.pk, scopes] = client_for(partner, scopes=scopes)
        known.get("/v1/me")
    return known


def test_only_me_needs_no_scope():
    assert {route for route, view in ENDPOINTS if not view.resource} == {"v1/me"}


def test_reading_writes_nothing(world, api):
    api.get("/v1/me")
    before = fingerprint(ignore=FIGURES)
    for method, route, _ in stops():
        if method == "get":
            for verb in ("get", "head", "options"):
                answer = getattr(api, verb)(address(route, world["mine"]))
                assert answer.status_code in {200, 405}, f"{verb} {route}: {answer.status_code}"
    assert changed(before, fingerprint(ignore=FIGURES)) == []


def test_methods_that_are_not_there_are_refused(world, api):
    before = None
    api.get("/v1/me")
    before = fingerprint()
    for route, view in ENDPOINTS:
        for method in METHODS:
            if not hasattr(view, method):
                answer = getattr(api, method)(address(route, world["mine"]))
                assert answer.status_code == 405, f"{method} {route}: {answer.status_code}"
    assert changed(before, fingerprint()) == []


def test_what_a_body_or_a_query_names_is_found_only_among_ones_own(world, other_partner):
    """Ids inside: a branch of another partner, a delivery, a run, a cursor, a reference."""
    client, mine = client_for(other_partner), world["mine"]
    own = world["theirs"].ids["endpoint"]
    client.get("/v1/me")
    before = fingerprint()
    assert client.post("/v1/transfers", order(branch="B-minetest")).status_code == 422
    assert client.post(f"/v1/webhooks/{own}/replay", {"delivery_id": mine.ids["delivery"]}).status_code == 404
    assert client.get(f"/v1/reconciliation/matches?run={mine.ids['run']}").status_code == 404
    for route in (
        "payments?reference_number=PAY-minetest",
        "payments?loan_account_number=L-minetest",
        "transfers?reference=REF-minetest",
    ):
        assert client.get(f"/v1/{route}").json()["data"] == [], route
    assert client.get(f"/v1/webhooks/deliveries?event_id={mine.ids['event']}").json()["data"] == []
    assert client.get(f"/v1/webhooks/events?subject={mine.ids['transfer']}").json()["data"] == []
    for route, kind in (
        ("branches", "branch"),
        ("payments", "payment"),
        ("transfers", "transfer"),
        ("accounts", "account"),
    ):
        for side in ("starting_after", "ending_before"):
            text = client.get(f"/v1/{route}?{side}={mine.ids[kind]}").content.decode()
            assert not any(mark in text for mark in mine.marks), route
    for text in (mine.ids["transfer"], mine.ids["payment"], "REF-minetest", "PAY-minetest", mine.ids["file"]):
        assert client.get(f"/v1/trace/{text}").status_code == 404, text
    assert changed(before, fingerprint()) == []


def test_an_idempotency_key_is_ones_own(world, partner, other_partner):
    """The same key of another partner, and of the other mode, replays nobody's answer."""
    token, seen = str(uuid.uuid4()), set()
    for client in (client_for(partner), client_for(other_partner), client_for(partner, livemode=True)):
        answer = client.post("/v1/transfers", order(), headers={"Idempotency-Key": token})
        assert answer.status_code == 201 and "Idempotent-Replayed" not in answer.headers
        seen.add(answer.json()["id"])
    assert len(seen) == 3


@pytest.mark.parametrize(
    "route",
    ["/api/v1/payments/webhook", "/api/v1/payments/webhook/nochannel", "/hooks/rails/sandbox", "/hooks/rails/none"],
)
def test_receivers_take_nothing_unproven(world, client, route):
    before = fingerprint(ignore=FIGURES)
    for method in (*METHODS, "head", "options"):
        for headers in (
            {},
            {"X-Signature": "sha256=" + "0" * 64, "X-Timestamp": "1", "X-Source-Id": "src_" + "0" * 26},
        ):
            answer = client.generic(method.upper(), route, b'{"amount": "1.00"}', content_type="application/json", headers=headers)
            assert answer.status_code in {401, 404, 405}, f"{method} {route}: {answer.status_code}"
    assert changed(before, fingerprint(ignore=FIGURES)) == []


def test_a_key_in_the_address_opens_nothing_and_is_not_repeated(world, partner):
    secret = client_for(partner).secret
    answer = Client().get(f"/v1/me?key={secret}&api_key={secret}", headers={"X-Api-Key": secret})
    assert answer.status_code == 401 and secret not in answer.content.decode()


def test_a_key_shows_only_prefixes(world, api):
    text = api.get("/v1/keys").content.decode()
    with tenancy.platform_scope():
        hashes = list(ApiKey.objects.values_list("hashed", flat=True))
    assert api.secret not in text and not any(str(value) in text for value in hashes)
