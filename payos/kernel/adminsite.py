"""The console's site: staff act for the platform, inside one transaction a request, and leave a trace."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.sites import UnfoldAdminSite

from payos.kernel import tenancy
from payos.kernel.errors import Problem

# Unfold's Alpine build evaluates expressions in attributes; no other page of the product needs to.
CONSOLE_CSP = {"script-src": ["'unsafe-eval'"]}


# (route, view, name): pages of the console that belong to no table. Filled by `register_page` in AppConfig.ready.
PAGES: list[tuple[str, Callable[..., HttpResponse], str]] = []


def register_page(route: str, view: Callable[..., HttpResponse], name: str) -> None:
    """Add a page under /admin/, reversed as `admin:<name>`. It gets the site's scope and transaction; the view checks permissions."""
    if all(known != name for _, _, known in PAGES):
        PAGES.append((route, view, name))


class PayosAdminSite(UnfoldAdminSite):
    site_header = "PayOS"
    site_title = "PayOS"
    index_title = "Home"

    def extra_urls(self) -> list[Any]:
        return [path(route, self.admin_view(view), name=name) for route, view, name in PAGES]

    def admin_view(self, view: Callable[..., HttpResponse], cacheable: bool = False) -> Callable[..., HttpResponse]:
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            # Rendered here, inside the scope: a template evaluates querysets after the view has returned.
            with transaction.atomic(), tenancy.platform_scope():
                response = view(request, *args, **kwargs)
                render = getattr(response, "render", None)
                if callable(render) and not getattr(response, "is_rendered", True):
                    response = render()
                return response

        inner = super().admin_view(update_wrapper(scoped, view), cacheable)

        def page(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                response = inner(request, *args, **kwargs)
            except Problem as problem:  # a service said no: nothing was kept, and the person reads why where they were
                response = _refused(request, problem)
            response = _for_htmx(request, response)
            response._csp_update = CONSOLE_CSP  # type: ignore[attr-defined]
            return response

        return update_wrapper(page, inner)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One way in, for every page: the sign-in that counts failures and asks for the second factor."""
        wanted = request.GET.get("next", "")
        return redirect_to_login(wanted) if wanted else redirect("account_login")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        super().logout(request, extra_context)
        return redirect("account_login")


def _refused(request: HttpRequest, problem: Problem) -> HttpResponse:
    messages.error(request, " ".join([problem.detail, *(str(error.get("detail", "")) for error in problem.errors)]).strip())
    came_from = request.headers.get("HX-Current-URL") or (request.path if request.method == "POST" else "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}):
        came_from = reverse("admin:index")
    return redirect(came_from)


def _for_htmx(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A dialog posts in the background, where a redirect would be swapped into the dialog: tell the page to move on."""
    if request.headers.get("HX-Request") and response.status_code in {301, 302, 303}:
        return HttpResponse(status=204, headers={"HX-Redirect": response["Location"]})
    return response
