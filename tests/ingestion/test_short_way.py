"""The webhook answers the same by the short way as by the ordinary one, and looks after its own connection."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from ingestion import channels, dedup
from ingestion.models import Payment
from payos.fastlane import FastLane
from payos.kernel import redis, tenancy
from tests.ingestion.test_payments import body, send, source  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forget() -> None:
    dedup.forget()
    channels.forget_sources()
    redis.client().flushdb()


@pytest.fixture
def lane() -> FastLane:
    def ordinary(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("299 Ordinary", [])
        return [b"ordinary"]

    return FastLane(ordinary)


class Short:
    """Looks like Django's test client to `send`, and calls the WSGI application instead."""

    def __init__(self, lane: FastLane) -> None:
        self.lane = lane

    def post(self, url: str, raw: bytes, content_type: str = "", headers: dict[str, str] | None = None, **environ: Any) -> Any:
        path, _, query = url.partition("?")
        said: list[Any] = []
        full = {
            "REQUEST_METHOD": "POST", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": query, "CONTENT_TYPE": content_type,
            "CONTENT_LENGTH": str(len(raw)), "REMOTE_ADDR": "127.0.0.1", "SERVER_NAME": "x", "SERVER_PORT": "80", "HTTP_HOST": "localhost",
            "wsgi.input": io.BytesIO(raw), "wsgi.url_scheme": "http",
            **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in (headers or {}).items()}, **environ,
        }  # fmt: skip
        content = b"".join(self.lane(full, lambda status, named: said.append((status, dict(named)))))
        ((status, named),) = said
        assert named.get("Content-Length", str(len(content))) == str(len(content))
        return type(
            "Answer",
            (),
            {"status_code": int(status[:3]), "content": content, "headers": named, "json": lambda self: json.loads(self.content)},
        )()


def told(answer: Any) -> Any:
    found = answer.json()
    return answer.status_code, {name: value for name, value in found.items() if name not in {"payment_id", "request_id"}}


def test_both_ways_say_the_same(client: Any, lane: FastLane, source: Any) -> None:  # noqa: F811
    short = Short(lane)
    for number, change in enumerate(
        [
            {},
            {"amount": "-1"},
            {"amount": "1.005"},
            {"payment_date": "soon"},
            {"currency": "XXQ"},
            {"metadata": []},
            {"reference_number": ""},
        ]
    ):
        here = told(send(short, source, body(**{"reference_number": f"S-{number}", **change})))
        there = told(send(client, source, body(**{"reference_number": f"O-{number}", **change})))
        assert json.dumps(here).replace("S-", "O-") == json.dumps(there), change
    for raw in (b"", b"{", b"[]", b"\xff\xfe", b'{"a": NaN}'):
        assert told(send(short, source, None, raw=raw)) == told(send(client, source, None, raw=raw)), raw
    assert told(send(short, source, body(), secret="wrong")) == told(send(client, source, body(), secret="wrong"))
    assert told(send(short, source, body(), channel="/nope")) == told(send(client, source, body(), channel="/nope"))
    first, again = send(short, source, body(reference_number="ONE")), send(client, source, body(reference_number="ONE"))
    assert (first.json()["status"], again.json()["status"]) == ("created", "duplicate")
    assert (
        first.headers["Request-Id"]
        and first.headers["X-Content-Type-Options"] == "nosniff"
        and first.headers["Content-Type"] == "application/json"
    )


def test_only_its_own_path_goes_the_short_way(lane: FastLane, settings: Any) -> None:
    short = Short(lane)
    for path in ("/api/v1/payments", "/api/v1/payments/webhook/", "/api/v1/payments/webhook/a/b", "/api/v1/payments/webhooks", "/"):
        assert short.post(path, b"").status_code == 299, path
    assert short.post("/api/v1/payments/webhook", b"", REQUEST_METHOD="GET").status_code == 405
    settings.SECURE_SSL_REDIRECT = True
    assert short.post("/api/v1/payments/webhook", b"").status_code == 299


def test_a_body_is_read_no_further_than_it_said_and_a_false_length_is_no_500(lane: FastLane, source: Any) -> None:  # noqa: F811
    short = Short(lane)
    for length in ("", "0", "7", "x", "-5", "99999999999"):
        answer = short.post(f"/api/v1/payments/webhook?source={source[0].public_id}", b'{"amount": 1}', CONTENT_LENGTH=length)
        assert answer.status_code in {401, 413}, length


def test_a_broken_connection_is_met_once_at_most(lane: FastLane, source: Any, superuser: Any) -> None:  # noqa: F811
    short = Short(lane)
    assert send(short, source, body(reference_number="A")).status_code == 201
    superuser.execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    answers = [send(short, source, body(reference_number="B")).status_code for _ in range(2)]
    assert answers in ([503, 201], [201, 200])
    with tenancy.platform_scope():
        assert Payment.objects.filter(reference_number="B").count() == 1


def test_what_nobody_thought_of_is_a_500_in_our_own_words(lane: FastLane, source: Any) -> None:  # noqa: F811
    def broken(*args: Any) -> Any:
        raise RuntimeError("a bug")

    lane.respond = broken
    answer = send(Short(lane), source, body())
    assert answer.status_code == 500 and answer.json()["code"] == "internal_error" and b"a bug" not in answer.content
