"""Problems: stable codes, each with one meaning, each explained in the generated table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from payos.kernel import errors
from payos.kernel.errors import CODES, Problem, register

ROOT = Path(settings.BASE_DIR)


def test_a_problem_is_what_rfc_9457_says():
    body = Problem("invalid_state", "trf_1 is settled.", errors=[{"pointer": "/a", "code": "b", "detail": "c"}], state="settled").as_dict(
        instance="/v1/transfers/trf_1", request_id="req_1"
    )
    assert body == {
        "type": "urn:payos:problem:invalid_state",
        "title": "Its state does not allow this",
        "status": 409,
        "detail": "trf_1 is settled.",
        "code": "invalid_state",
        "instance": "/v1/transfers/trf_1",
        "request_id": "req_1",
        "errors": [{"pointer": "/a", "code": "b", "detail": "c"}],
        "state": "settled",
    }


def test_a_code_has_one_meaning():
    register("not_found", 404, CODES["not_found"].title, CODES["not_found"].remedy)
    with pytest.raises(ValueError, match="registered twice"):
        register("not_found", 410, "Gone")
    assert CODES["not_found"].status == 404


def test_an_unknown_code_is_an_error_of_ours():
    with pytest.raises(KeyError):
        Problem("no_such_code")


def test_every_code_is_well_formed_and_says_something():
    for code in CODES.values():
        assert re.fullmatch(r"[a-z][a-z0-9_]{2,60}", code.code), code
        assert 400 <= code.status <= 599 and len(code.title) > 5 and not code.title.endswith("."), code


def test_every_code_that_is_raised_is_registered():
    missing = []
    for folder in (
        "payos",
        "partners",
        "ledger",
        "operations",
        "webhooks",
        "ingestion",
        "settlement",
        "reconciliation",
        "treasury",
        "compliance",
        "console",
    ):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Problem" and node.args:
                    first = node.args[0]
                    if isinstance(first, ast.Constant) and first.value not in CODES:
                        missing.append(f"{path.relative_to(ROOT)}:{node.lineno} {first.value}")
    assert not missing, "\n".join(missing)


def test_the_table_in_the_docs_is_the_one_of_the_code(capsys):
    call_command("error_table")
    assert (ROOT / "docs/partner/errors.md").read_text() == capsys.readouterr().out, "run `manage.py error_table --write`"


def test_the_role_table_in_the_docs_is_the_one_of_the_code(capsys):
    call_command("permission_matrix")
    assert (ROOT / "docs/operator/roles.md").read_text() == capsys.readouterr().out, "run `manage.py permission_matrix --write`"


def test_errors_of_forms_become_pointers():
    from rest_framework.exceptions import ErrorDetail

    from payos.kernel.api import flatten_errors

    detail = {"items": [{}, {"amount": [ErrorDetail("too small", code="min")]}], "non_field_errors": [ErrorDetail("odd", code="odd")]}
    assert flatten_errors(detail) == [
        {"pointer": "/items/1/amount", "code": "min", "detail": "too small"},
        {"pointer": "", "code": "odd", "detail": "odd"},
    ]
    assert errors.TYPE_BASE.startswith("urn:")
