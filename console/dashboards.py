"""The dashboards: home in the admin's index, and a page each for settlement, reconciliation, ingestion and webhooks."""

from __future__ import annotations

import logging
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from console.registry import Body, Cell, Panel, panels_of
from operations.pages import page
from partners.models import Branch
from payos.kernel import clock

log = logging.getLogger("payos.console")
PAGES = {
    "home": "Home",
    "settlement": "Settlement",
    "reconciliation": "Reconciliation",
    "ingestion": "Ingestion",
    "webhooks": "Webhooks",
}


def _reverse(name: str) -> str:
    try:
        return reverse(name) if name else ""
    except NoReverseMatch:
        return ""


def show(panel: Panel, *arguments: Any) -> SafeString:
    """One panel; a panel that fails says so in its place, in its own savepoint."""
    body, failed = Body(), False
    try:
        with transaction.atomic():
            body = panel.build(*arguments)
    except Exception:
        log.exception("console.panel_failed", extra={"panel": panel.name})
        failed = True
    rows = [[cell if isinstance(cell, Cell) else Cell(str(cell)) for cell in row] for row in body.table.rows] if body.table else []
    context = {
        "panel": panel,
        "body": body,
        "failed": failed,
        "more": _reverse(panel.link),
        "rows": rows,
        "head": body.table.head if body.table else (),
    }
    return render_to_string("console/panel.html", context)


def grid(name: str, request: HttpRequest, *arguments: Any) -> list[SafeString]:
    return [show(panel, request, *arguments) for panel in panels_of(name, request.user)]


def tabs(request: HttpRequest, current: str) -> list[tuple[str, str, bool]]:
    found = [("Home", reverse("admin:index"), current == "home")]
    for name, title in PAGES.items():
        if name != "home" and panels_of(name, request.user):
            found.append((title, reverse(f"admin:console_{name}"), name == current))
    return found


def home_context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK: what the index shows."""
    return context | {
        "panels": grid("home", request),
        "tabs": tabs(request, "home"),
        "refresh": reverse("admin:console_grid", args=["home"]),
        "now": clock.now(),
        "is_fullwidth": "1",
    }


@require_GET
def grid_view(request: HttpRequest, name: str) -> HttpResponse:
    if name not in PAGES:
        raise Http404(f"There is no dashboard {name!r}")
    return HttpResponse(render_to_string("console/grid.html", {"panels": grid(name, request)}))


def dashboard(name: str) -> Any:
    @require_GET
    def view(request: HttpRequest) -> HttpResponse:
        panels = grid(name, request)
        if not panels:
            raise PermissionDenied
        return page(
            request,
            "console/dashboard.html",
            PAGES[name],
            panels=panels,
            tabs=tabs(request, name),
            refresh=reverse("admin:console_grid", args=[name]),
            now=clock.now(),
        )

    return view


def _branch(key: uuid.UUID) -> Branch:
    try:
        return Branch.objects.select_related("partner").get(pk=key)
    except Branch.DoesNotExist:
        raise Http404(f"There is no branch {key}") from None


@require_GET
def branch_list(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("partners.view_branch"):  # type: ignore[union-attr]
        raise PermissionDenied
    wanted = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    rows = Branch.objects.select_related("partner").order_by("partner__name", "code")
    if wanted:
        rows = rows.filter(name__icontains=wanted) | rows.filter(code__iexact=wanted)
    return page(request, "console/branches.html", "Branches at work", branches=rows[:100], q=wanted)


@require_GET
def branch_page(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    if not request.user.has_perm("partners.view_branch"):  # type: ignore[union-attr]
        raise PermissionDenied
    branch = _branch(key)
    return page(
        request,
        "console/dashboard.html",
        f"{branch.name}, {branch.partner.name}",
        panels=grid("branch", request, branch),
        tabs=[("All branches", reverse("admin:console_branches"), False)],
        refresh=reverse("admin:console_branch_grid", args=[branch.pk]),
        now=clock.now(),
    )


@require_GET
def branch_grid(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    if not request.user.has_perm("partners.view_branch"):  # type: ignore[union-attr]
        raise PermissionDenied
    return HttpResponse(render_to_string("console/grid.html", {"panels": grid("branch", request, _branch(key))}))
