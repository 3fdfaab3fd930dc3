"""The OpenAPI document: only /v1, every operation with its problem answers and the headers it takes."""

from __future__ import annotations

from typing import Any

from payos.kernel.errors import CODES

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "detail")},
            },
        },
    },
}


def only_versioned(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    return [entry for entry in endpoints if entry[0].startswith(("/v1/", "/api/v1/"))]


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = PROBLEM | {"properties": PROBLEM["properties"] | {"code": {"type": "string", "enum": sorted(CODES)}}}  # type: ignore[operator]
    answer = {
        "description": "A problem, as RFC 9457 describes it.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in result.get("paths", {}).values():
        for method, operation in path.items():
            if method not in {"get", "post", "put", "patch", "delete"}:
                continue
            statuses = ["400", "401", "403", "404", "429", "500", "503"]
            if method != "get":
                statuses += ["409", "413", "415", "422"]
                if not any(p.get("name") == "Idempotency-Key" for p in operation.get("parameters", [])):
                    operation.setdefault("parameters", []).append(
                        {
                            "name": "Idempotency-Key",
                            "in": "header",
                            "required": True,
                            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
                            "description": "A fresh key for a new request, the same key for its retries.",
                        }
                    )
            for status in statuses:
                operation.setdefault("responses", {}).setdefault(status, answer)
    return result
