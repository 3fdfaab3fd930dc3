"""The shell of the API: keys, problems, idempotency, limits."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.django_db


def test_unknown_address_is_a_problem(api):
    answer = api.get("/v1/nothing")
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("application/problem+json")
    assert answer.json()["code"] == "not_found"
    assert answer["Request-Id"].startswith("req_")


def test_openapi_is_served_without_a_key(client):
    answer = client.get("/v1/openapi.json")
    assert answer.status_code == 200
    assert answer.json()["openapi"].startswith("3.1")


def test_health(client):
    assert client.get("/healthz").content == b"ok\n"
    assert client.get("/readyz").json()["checks"]["database"]["ok"]
