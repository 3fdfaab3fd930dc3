"""The OpenAPI document: only /v1, every operation with its problem answers and the headers it takes and gives.

`listing(Item)` and `writing(Body, Item)` are the arguments of `extend_schema` for the two shapes that nearly every
endpoint has; use them so that all resources read alike.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema_field
from rest_framework import serializers

from payos.kernel import ids
from payos.kernel.errors import CODES

METHODS = {"get", "post", "put", "patch", "delete"}
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
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
    "description": "A fresh key for a new request, the same key for its retries.",
}
VERSION = {
    "name": "PayOS-Version",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "A dated version; without it the one pinned to the key.",
}


def text_header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


HEADERS = {
    "Request-Id": text_header("Names this request in our logs; quote it when you ask."),
    "PayOS-Version": text_header("The version that answered."),
    "RateLimit-Policy": text_header('Requests a window: `"default";q=100;w=60`.'),
    "RateLimit": text_header('What is left and for how many seconds: `"default";r=50;t=30`.'),
}


def object_name(name: str) -> serializers.Field:
    """The constant `object` field of a rendered row."""
    constant = type("Constant", (serializers.CharField,), {})  # the annotation is kept on the class
    return extend_schema_field({"type": "string", "const": name})(constant)()


def id_parameter(prefix: str, name: str = "public_id") -> OpenApiParameter:
    kind = ids.PREFIXES.get(prefix, "row")
    return OpenApiParameter(
        name, OpenApiTypes.STR, OpenApiParameter.PATH, description=f"The id of the {kind}, such as {prefix}_01h455vb4pex5vsknk084sn02q."
    )


def listing(item: type[serializers.Serializer], prefix: str, **more: Any) -> dict[str, Any]:
    """Arguments of extend_schema for a list that is read page by page."""
    name = item.__name__.removesuffix("Serializer") + "List"
    page = type(
        f"{name}Serializer",
        (serializers.Serializer,),
        {
            "object": object_name("list"),
            "data": item(many=True),
            "has_more": serializers.BooleanField(),
            "url": serializers.CharField(),
        },
    )
    cursor = "The id at the edge of the page that you have."
    parameters = [
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, description="Rows a page."),
        OpenApiParameter(
            "starting_after", {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-z]{{25}}$"}, description=f"{cursor} Gives what is older."
        ),
        OpenApiParameter(
            "ending_before", {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-z]{{25}}$"}, description=f"{cursor} Gives what is newer."
        ),
        *more.pop("parameters", []),
    ]
    return {"parameters": parameters, "responses": {200: OpenApiResponse(page, description="A page, newest first.")}, **more}


def writing(body: Any, item: Any, status: int = 201, **more: Any) -> dict[str, Any]:
    """Arguments of extend_schema for a write: its body, its answer, and the answer to a replay."""
    return {"request": body, "responses": {status: OpenApiResponse(item, description="It took effect, now or at the first try.")}, **more}


def only_versioned(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    return [entry for entry in endpoints if entry[0].startswith(("/v1/", "/api/v1/"))]


def documented_elsewhere() -> list[type]:
    """Base classes whose docstrings are for us and not for the readers of the API."""
    from drf_spectacular.plumbing import get_lib_doc_excludes

    from payos.kernel.api import PayosAPIView
    from payos.kernel.fields import StrictSerializer

    return [*get_lib_doc_excludes(), PayosAPIView, StrictSerializer]


def add_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    components = result.setdefault("components", {})
    code = {"type": "string", "enum": sorted(CODES)}
    components.setdefault("schemas", {})["Problem"] = PROBLEM | {"properties": PROBLEM["properties"] | {"code": code}}  # type: ignore[operator]
    answer = {
        "description": "A problem, as RFC 9457 describes it.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        "headers": {"Request-Id": HEADERS["Request-Id"]},
    }
    later = {"headers": {"Retry-After": text_header("Seconds to wait."), **answer["headers"]}}  # type: ignore[dict-item]
    components.setdefault("responses", {}).update({"Problem": answer, "TryLater": answer | later})
    for path in result.get("paths", {}).values():
        for method, operation in path.items():
            if method in METHODS:
                _complete(method, operation)
    return result


def _complete(method: str, operation: dict[str, Any]) -> None:
    named = {parameter.get("name") for parameter in operation.get("parameters", [])}
    extra = [VERSION] if method == "get" else [IDEMPOTENCY_KEY, VERSION]
    operation.setdefault("parameters", []).extend(one for one in extra if one["name"] not in named)
    responses = operation.setdefault("responses", {})
    given = list(responses)
    statuses = ["400", "401", "403", "404", "406", "429", "500", "503"]
    if method != "get":
        statuses += ["409", "413", "415", "422"]
    for status in statuses:
        kind = "TryLater" if status in {"409", "429", "503"} else "Problem"
        responses.setdefault(status, {"$ref": f"#/components/responses/{kind}"})
    for status in given:
        if not status.startswith("2"):
            continue
        headers = dict(HEADERS)
        if method != "get":
            headers["Idempotent-Replayed"] = text_header("`true` when this answer was given before and nothing was done again.")
        responses[status] = {**responses[status], "headers": {**headers, **responses[status].get("headers", {})}}
