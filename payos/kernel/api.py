"""The shell of every /v1 endpoint: key, scope, tenant, transaction, idempotency, limits, pages and errors.

A view states what it needs (`scopes`, `idempotent`), parses, calls one service and answers. Everything a
caller can do wrong leaves as problem+json, and whatever was written before the problem is rolled back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payos.kernel import idempotency, ids, tenancy, throttling
from payos.kernel.errors import Problem
from payos.kernel.parsing import parse_json

__all__ = ["NotFoundView", "PayosAPIView", "body_object", "field_error", "get_or_404", "paginate", "parse_json", "problem_handler"]

log = logging.getLogger("payos.api")
PAGE_DEFAULT, PAGE_MAX = 20, 100


class PayosAPIView(APIView):
    """Base of every endpoint. `resource` names its scopes: `<resource>:read` and `<resource>:write`."""

    resource: ClassVar[str] = ""
    idempotent: ClassVar[bool] = True  # applies to POST, PUT, PATCH and DELETE
    throttle_classes = [throttling.KeyThrottle]
    request: Request

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        # `dispatch` opens the transaction itself, so that whatever its end refuses still leaves as a problem.
        return transaction.non_atomic_requests(super().as_view(**initkwargs))

    def scope_for(self, method: str | None) -> str:
        if not self.resource:
            return ""
        return f"{self.resource}:{'read' if method in {'GET', 'HEAD', 'OPTIONS'} else 'write'}"

    @property
    def partner(self) -> Any:
        return self.request.auth.partner  # type: ignore[union-attr]

    @property
    def livemode(self) -> bool:
        return bool(self.request.auth.livemode)  # type: ignore[union-attr]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        try:
            with transaction.atomic(), ExitStack() as stack:
                self._stack = stack
                response = super().dispatch(request, *args, **kwargs)
                if response.status_code >= 400:
                    transaction.set_rollback(True)
        except (OperationalError, InterfaceError):
            # No transaction could be begun, or its end is unknown: the same key tells which, when it is sent again.
            log.exception("api.database_unavailable")
            return _plain_problem(request, Problem("unavailable", headers={"Retry-After": "2"}))
        except DatabaseError:
            # A check that Postgres makes at commit said no: nothing was kept.
            log.exception("api.commit_refused")
            return _plain_problem(request, Problem("internal_error"))
        for name, value in getattr(request, "payos_headers", {}).items():
            response[name] = value
        auth = getattr(self.request, "_auth", None)
        if auth is not None:
            response["PayOS-Version"] = getattr(self, "api_version", auth.api_version)
        response["Cache-Control"] = "no-store"
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.perform_authentication(request)
        key: Any = request.auth
        if key is not None:
            self._stack.enter_context(tenancy.tenant_scope(key.partner_id, key.livemode, actor=f"key:{key.public_id}"))
        super().initial(request, *args, **kwargs)
        if request.auth is not None:
            self.api_version = _version(request)
        if self.idempotent and request.method in {"POST", "PUT", "PATCH", "DELETE"}:
            self._make_idempotent(request)

    def _make_idempotent(self, request: Request) -> None:
        handler: Callable[..., Response] = getattr(self, (request.method or "").lower(), self.http_method_not_allowed)

        def once(request: Request, *args: Any, **kwargs: Any) -> Response:
            return idempotency.run(request, lambda: handler(request, *args, **kwargs))

        setattr(self, (request.method or "").lower(), once)

    def page(self, queryset: QuerySet, render: Callable[[Any], dict[str, Any]]) -> Response:
        return Response(paginate(self.request, queryset, render))


def _version(request: Request) -> str:
    wanted = request.headers.get("PayOS-Version")
    if not wanted:
        return str(request.auth.api_version)  # type: ignore[union-attr]
    if wanted not in settings.API_VERSIONS:
        raise Problem("version_unknown", f"There is no version {wanted[:40]!r}; known: {', '.join(settings.API_VERSIONS)}.")
    return wanted


def body_object(request: Request) -> dict[str, Any]:
    """The body as an object; anything else is a clear problem."""
    if not isinstance(request.data, dict):
        raise Problem("invalid_request", "The body must be one JSON object.", errors=[field_error("", "type", "not an object")])
    return request.data


def field_error(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}


def page_limit(request: Request) -> int:
    text = request.query_params.get("limit", str(PAGE_DEFAULT))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= PAGE_MAX:
        raise Problem("invalid_request", errors=[field_error("?limit", "range", f"limit is a number from 1 to {PAGE_MAX}")])
    return int(text)


def paginate(request: Request, queryset: QuerySet, render: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """Newest first by id (ids are sortable). No totals: counting a large table costs more than it tells."""
    limit = page_limit(request)
    model: type[Model] = queryset.model
    after, before = (request.query_params.get(name) for name in ("starting_after", "ending_before"))
    if after and before:
        raise Problem("invalid_request", "Give starting_after or ending_before, not both.")
    if before:
        queryset = queryset.filter(pk__gt=_cursor(model, "ending_before", before)).order_by("pk")
    else:
        if after:
            queryset = queryset.filter(pk__lt=_cursor(model, "starting_after", after))
        queryset = queryset.order_by("-pk")
    rows: Sequence[Any] = list(queryset[: limit + 1])
    page = list(rows[:limit])
    if before:
        page.reverse()
    return {"object": "list", "data": [render(row) for row in page], "has_more": len(rows) > limit, "url": request.path}


def _cursor(model: Any, name: str, text: str) -> Any:
    try:
        return ids.decode(model.public_prefix, text)
    except ids.InvalidId as error:
        raise Problem("invalid_request", errors=[field_error(f"?{name}", "invalid_id", str(error))]) from None


def get_or_404(queryset: QuerySet, prefix: str, public_id: str) -> Any:
    """The row, or a 404 that reads the same for a wrong id, another mode's row and another tenant's row."""
    try:
        return queryset.get(pk=ids.decode(prefix, public_id))
    except (ids.InvalidId, queryset.model.DoesNotExist):
        raise Problem("not_found", f"There is no {queryset.model._meta.verbose_name} {public_id[:80]!r} here.") from None


def _plain_problem(request: HttpRequest, problem: Problem) -> JsonResponse:
    """A problem from outside the framework's own handling."""
    body = problem.as_dict(instance=request.path, request_id=getattr(request, "request_id", ""))
    return JsonResponse(body, status=problem.status, content_type="application/problem+json", headers=problem.headers)


def problem_handler(error: Exception, context: dict[str, Any]) -> Response:
    request = context["request"]
    problem = _as_problem(error)
    body = problem.as_dict(instance=request.path, request_id=getattr(request._request, "request_id", ""))
    response = Response(body, status=problem.status, content_type="application/problem+json", headers=problem.headers)
    response.exception = True
    return response


FROM_DRF = {
    exceptions.NotAuthenticated: "authentication_required",
    exceptions.AuthenticationFailed: "key_revoked",
    exceptions.PermissionDenied: "permission_denied",
    exceptions.NotFound: "not_found",
    exceptions.MethodNotAllowed: "method_not_allowed",
    exceptions.NotAcceptable: "not_acceptable",
    exceptions.UnsupportedMediaType: "unsupported_media_type",
    exceptions.ParseError: "malformed_body",
}


def _as_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return _challenged(error)
    if isinstance(error, exceptions.ValidationError):
        return Problem("invalid_request", errors=flatten_errors(error.detail))
    if isinstance(error, exceptions.Throttled):
        wait = str(int(getattr(error, "wait", None) or 1) or 1)
        return Problem("rate_limited", f"Too many requests: wait {wait} seconds.", headers={"Retry-After": wait})
    if isinstance(error, Http404):
        return Problem("not_found")
    if isinstance(error, PermissionDenied):
        return Problem("permission_denied")
    if isinstance(error, RequestDataTooBig):
        return Problem("payload_too_large")
    if isinstance(error, SuspiciousOperation):  # too many fields or files, a name that is none
        return Problem("malformed_body", f"The body is refused: {error or type(error).__name__}.")
    for kind, code in FROM_DRF.items():
        if isinstance(error, kind):
            return _challenged(Problem(code, str(getattr(error, "detail", error))))
    if isinstance(error, OperationalError):
        log.exception("api.database_unavailable")
        return Problem("unavailable", headers={"Retry-After": "2"})
    log.exception("api.internal_error")
    return Problem("internal_error")


def _challenged(problem: Problem) -> Problem:
    if problem.status == 401:
        problem.headers.setdefault("WWW-Authenticate", 'Bearer realm="PayOS"')
    return problem


def flatten_errors(detail: Any, pointer: str = "") -> list[dict[str, str]]:
    """DRF's nested errors as a flat list with JSON pointers."""
    if isinstance(detail, dict):
        return [
            flat
            for key, value in detail.items()
            for flat in flatten_errors(value, pointer if key == "non_field_errors" else f"{pointer}/{key}")
        ]
    if isinstance(detail, list):
        flat = []
        for index, value in enumerate(detail):
            nested = isinstance(value, dict | list)
            flat += flatten_errors(value, f"{pointer}/{index}" if nested else pointer)
        return flat
    return [field_error(pointer, getattr(detail, "code", "invalid"), str(detail))]


class NotFoundView(PayosAPIView):
    """Whatever stands under /v1 and is no endpoint: a problem, not a web page."""

    idempotent = False
    schema = None
    permission_classes = []
    authentication_classes = []

    def _none(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        raise Problem("not_found", f"There is no endpoint {request.path[:200]}. The list is at /v1/openapi.json.")

    get = post = put = patch = delete = _none
