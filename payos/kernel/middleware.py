"""What every request carries: an id, who acts and from where; and the second factor where it is required."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from payos.kernel import tenancy
from payos.kernel.models import new_request_id

Handler = Callable[[HttpRequest], HttpResponse]
GOOD_REQUEST_ID = re.compile(r"[A-Za-z0-9_\-]{8,64}\Z")


class HasMeta(Protocol):
    @property
    def META(self) -> Mapping[str, Any]: ...


def client_ip(request: HasMeta) -> str:
    """The caller's address; the last forwarded one only where a proxy of ours stands in front."""
    if settings.SECURE_PROXY_SSL_HEADER:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip()
        if forwarded:
            return str(forwarded)
    return str(request.META.get("REMOTE_ADDR", ""))


def request_id_of(headers: Mapping[str, str]) -> str:
    given = headers.get("Request-Id", "")
    return given if GOOD_REQUEST_ID.match(given) else new_request_id()


def request_identity(get_response: Handler) -> Handler:
    def handle(request: HttpRequest) -> HttpResponse:
        request_id = request_id_of(request.headers)
        request.request_id = request_id  # type: ignore[attr-defined]
        with tenancy.arriving(ip=client_ip(request), request_id=request_id):
            response = get_response(request)
        response["Request-Id"] = request_id
        return response

    return handle


def staff_identity(get_response: Handler) -> Handler:
    def handle(request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        if not user.is_authenticated:
            return get_response(request)
        with tenancy.acting(actor=f"user:{user.get_username()}"):
            return get_response(request)

    return handle


def require_second_factor(get_response: Handler) -> Handler:
    """Staff without TOTP are led to set it up before they see anything else, where the setting says so."""

    def handle(request: HttpRequest) -> HttpResponse:
        user: Any = request.user
        if (
            settings.REQUIRE_SECOND_FACTOR
            and user.is_authenticated
            and request.path.startswith("/admin/")
            and not user.authenticator_set.filter(type="totp").exists()
        ):
            return HttpResponseRedirect(reverse("mfa_activate_totp"))
        return get_response(request)

    return handle
