"""Shells of the console's own pages: who may see, what the frame needs, and how a Problem is told to a person."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme

from payos.kernel.errors import Problem

View = Callable[..., HttpResponse]


def needs(*permissions: str) -> Callable[[View], View]:
    """Any of the permissions opens the page."""

    def wrap(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> HttpResponse:
            request = next(arg for arg in args if isinstance(arg, HttpRequest))
            if not any(request.user.has_perm(name) for name in permissions):  # type: ignore[union-attr]
                raise PermissionDenied
            return view(*args, **kwargs)

        return checked

    return wrap


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    frame = admin.site.each_context(request) | {"title": title, "is_fullwidth": "1"}
    return TemplateResponse(request, template, frame | context)


def wants_json(request: HttpRequest) -> bool:
    return request.headers.get("Accept", "").startswith("application/json")


def back_to(request: HttpRequest, default: str) -> str:
    target = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return target if target and safe else default


def answer(request: HttpRequest, act: Callable[[], str], default: str, **extra: Any) -> HttpResponse:
    """Run an act of a page; tell what became of it as JSON to the page's script, else as a message and a redirect.
    A refused act leaves nothing behind: it runs in its own savepoint."""
    try:
        if any("\x00" in value for _, values in request.POST.lists() for value in values):
            raise Problem("unprocessable", "The text holds a character (NUL) that cannot be stored: remove it.")
        with transaction.atomic():
            text, ok, status = act(), True, 200
    except Problem as problem:
        text, ok, status = problem.detail, False, problem.status
    if wants_json(request):
        return JsonResponse({"ok": ok, "message": text} | extra, status=status)
    (messages.success if ok else messages.error)(request, text)
    return HttpResponseRedirect(back_to(request, default))
