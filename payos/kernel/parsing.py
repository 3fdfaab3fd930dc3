"""How the API reads a body and lets a key in. Apart from `api.py` because the framework loads these before its views."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from django.conf import settings
from rest_framework import exceptions, parsers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from payos.kernel.errors import Problem
from payos.kernel.money import Exponential

MAX_DEPTH = 32


class StrictJSONParser(parsers.BaseParser):
    """JSON with numbers as Decimal (no float ever holds money), bounded in size and depth, no NaN, no NUL."""

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        raw = stream.read(settings.API_MAX_BODY + 1)
        return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    if len(raw) > settings.API_MAX_BODY:
        raise Problem("payload_too_large", f"The body is over {settings.API_MAX_BODY} bytes: send less at once.")
    try:
        value = json.loads(raw.decode("utf-8"), parse_float=_number, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise Problem("malformed_body", f"The body is not UTF-8 (byte {error.start}): send UTF-8.") from None
    except RecursionError:
        raise Problem("malformed_body", f"The JSON is nested deeper than {MAX_DEPTH} levels.") from None
    except ValueError as error:
        raise Problem("malformed_body", f"The body is not JSON: {error}.") from None
    _check_shape(value, 0)
    return value


def _number(text: str) -> Decimal:
    try:
        return Exponential(text) if "e" in text or "E" in text else Decimal(text)
    except InvalidOperation:  # an exponent beyond what a Decimal holds
        raise ValueError(f"{text[:40]} is beyond every number that is kept here") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _check_shape(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise Problem("malformed_body", f"The JSON is nested deeper than {MAX_DEPTH} levels.")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_shape(key, depth + 1)
            _check_shape(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_shape(item, depth + 1)
    elif isinstance(value, str):
        if "\x00" in value:
            raise Problem("malformed_body", "The JSON holds a NUL character, which no text here can keep.")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise Problem("malformed_body", "The JSON holds half a surrogate pair: send whole characters.") from None


class HasScope(BasePermission):
    """The key must carry `view.scopes[method]` (or the wildcard of its resource)."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if request.auth is None:
            raise exceptions.NotAuthenticated()
        needed = view.scope_for(request.method)
        if needed and not request.auth.allows(needed):  # type: ignore[union-attr]
            raise Problem("permission_denied", f"This key lacks the scope `{needed}`.")
        return True
