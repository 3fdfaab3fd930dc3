"""The OpenAPI document is complete and true: schemathesis reads it, asks what it allows and what it forbids, and compares."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import URLPattern, get_resolver

from payos.kernel.api import NotFoundView, PayosAPIView
from payos.kernel.errors import CODES
from payos.wsgi import application
from tests.conftest import client_for

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(client):
    return client.get("/v1/openapi.json").json()


def test_it_is_served_without_a_key_and_is_valid(client, tmp_path):
    answer = client.get("/v1/openapi.json")
    assert answer.status_code == 200 and answer.json()["openapi"].startswith("3.1")
    call_command("spectacular", validate=True, file=str(tmp_path / "openapi.yaml"))


def endpoints():
    """Every address under /v1 with its view, from the routes themselves."""

    def walk(patterns, prefix):
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                view = getattr(pattern.callback, "view_class", None) or getattr(pattern.callback, "cls", None)
                if view is not None and issubclass(view, PayosAPIView) and view is not NotFoundView:
                    yield "/" + path, view
            else:
                yield from walk(pattern.url_patterns, path)

    return [(path, view) for path, view in walk(get_resolver().url_patterns, "") if path.startswith("/v1/")]


def test_every_endpoint_is_in_it(document):
    import re

    for path, view in endpoints():
        if getattr(view, "schema", True) is None:
            continue
        plain = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", path)
        assert plain in document["paths"], plain
        methods = {name for name in ("get", "post", "put", "patch", "delete") if hasattr(view, name)}
        assert methods <= set(document["paths"][plain]), plain


def test_every_operation_says_what_it_needs_and_how_it_fails(document):
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            name = f"{method} {path}"
            assert operation.get("operationId") and operation.get("security"), name
            assert {"400", "401", "403", "429", "503"} <= set(operation["responses"]), name
            headers = {p["name"] for p in operation["parameters"] if p["in"] == "header"}
            assert ("Idempotency-Key" in headers) is (method != "get"), name
            assert any(status.startswith("2") for status in operation["responses"]), name
            assert "Base of every endpoint" not in operation.get("description", ""), name
    assert document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"] == sorted(CODES)


def test_the_page_that_shows_it_loads_nothing_from_elsewhere(client):
    page = client.get("/v1/docs").content.decode()
    assert "swagger-ui" in page and "//cdn" not in page and "https://" not in page
    policy = client.get("/v1/docs")["Content-Security-Policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy.split("script-src")[1].split(";")[0]
    assert "SwaggerUIBundle" in client.get("/v1/docs?script").content.decode()


@pytest.mark.django_db(transaction=True)
class TestSchemathesis:
    """Bounded and seeded: the same questions every time."""

    EXAMPLES = 8

    @pytest.fixture
    def caller(self, partner):
        return client_for(partner)

    def test_the_api_is_what_the_document_says(self, caller, document, monkeypatch):
        schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed: run `make install-dev`")
        from hypothesis import HealthCheck, Phase, given, seed
        from hypothesis import settings as bounded
        from schemathesis import checks as known
        from schemathesis.config import SchemathesisConfig

        monkeypatch.setattr(settings, "API_RATE_LIMIT", 10_000_000)
        config = SchemathesisConfig.from_dict({"generation": {"allow-x00": False}})
        schema = schemathesis.openapi.from_dict(document, config=config)
        schema.app = application
        checks = [
            known.CHECKS.get_one(name)
            for name in (
                "not_a_server_error", "status_code_conformance", "content_type_conformance", "response_schema_conformance",
                "response_headers_conformance",
            )
        ]  # fmt: skip
        answers: dict[int, int] = {}
        for result in schema.get_all_operations():
            operation = result.ok()

            @seed(1)
            @bounded(
                max_examples=self.EXAMPLES,
                deadline=None,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy())
            def ask(case):
                case.headers = {**(case.headers or {}), "Authorization": f"Bearer {caller.secret}"}
                case.headers.pop("PayOS-Version", None)
                answer = case.call()
                answers[answer.status_code] = answers.get(answer.status_code, 0) + 1
                case.validate_response(answer, checks=checks)

            ask()
        assert sum(answers.values()) >= 4 * len(document["paths"])
        # It got through: rows were made and read, and wrong requests were refused as such.
        assert {200, 201, 400, 404} <= set(answers) and 401 not in answers, json.dumps(answers)
