"""The workbench's page and its acts."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from console.workbench import actions, bench
from operations.admin.cases import case_or_404
from operations.case_actions import register_section
from operations.models import Case
from operations.pages import answer, needs, page
from partners.models import Partner
from payos.kernel.adminsite import register_page
from payos.kernel.currencies import EXPONENTS
from payos.kernel.errors import Problem
from reconciliation.services import booking

LIST = "admin:operations_case_changelist"


@require_GET
@needs("operations.view_case")
def workbench(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    case = case_or_404(key)
    try:
        laid = bench.lay_out(case, request.GET.get("q", "").replace("\x00", "").strip()[:100])
    except Problem as problem:
        return page(request, "console/workbench_empty.html", case.title, case=case, text=problem.detail)
    return page(
        request,
        "console/workbench.html",
        case.title,
        case=case,
        bench=laid,
        sides=[("line", "The bank's lines", laid.lines), ("item", "Our items", laid.items)],
        currency=laid.account.currency,
        exponent=EXPONENTS[laid.account.currency],
        why=[(one.confidence, bench.in_words(one.reason, laid.account.currency)) for one in laid.suggestions],
        book_to=booking.BOOK_TO.items(),
        partners=Partner.objects.order_by("name")[:500] if laid.account.partner_id is None else [],
        may_work=request.user.has_perm(actions.MAY),  # type: ignore[union-attr]
        q=request.GET.get("q", ""),
        do=request.GET.get("do", ""),
    )


def _next(case: Case) -> str:
    return f"{reverse(LIST)}?kind={case.kind}"


@require_POST
@needs(actions.MAY)
def act(request: HttpRequest, key: uuid.UUID, name: str) -> HttpResponse:
    case, post = case_or_404(key), request.POST

    def run() -> str:
        if name in {"match", "write_off"}:
            return actions.match(
                case=case,
                user=request.user,
                lines=post.getlist("line"),
                items=post.getlist("item"),
                note=post.get("reason", ""),
                write_off=name == "write_off",
            )
        if name == "match_in_part":
            return actions.match_in_part(
                case=case, user=request.user, lines=post.getlist("line"), items=post.getlist("item"), note=post.get("reason", "")
            )
        if name in {"book", "set_aside"}:
            lines = post.getlist("line")
            if len(lines) != 1:
                raise Problem("unprocessable", "Pick exactly one line for this.")
            if name == "set_aside":
                return actions.set_aside(case=case, user=request.user, line=lines[0], reason=post.get("reason", ""))
            return actions.book(
                case=case,
                user=request.user,
                line=lines[0],
                code=post.get("code", ""),
                partner=post.get("partner", ""),
                reason=post.get("reason", ""),
            )
        raise Problem("unprocessable", f"{name[:30]!r} is no act of the workbench.")

    following = reverse("admin:console_workbench", args=[case.pk]) if name == "match_in_part" else _next(case)
    return answer(request, run, following, next=following, rule=reverse("admin:console_workbench_rule", args=[case.pk]))


@require_POST
@needs(actions.MAY)
def preview(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """What booking the picked line would post; changes nothing."""
    case, lines = case_or_404(key), request.POST.getlist("line")
    try:
        if len(lines) != 1:
            raise Problem("unprocessable", "Pick exactly one line to book.")
        shown = actions.preview_booking(case=case, line=lines[0], code=request.POST.get("code", ""))
    except Problem as problem:
        return JsonResponse({"ok": False, "message": problem.detail}, status=problem.status)
    return JsonResponse({"ok": True, "html": render_to_string("operations/preview.html", {"preview": shown})})


@require_POST
@needs("reconciliation.manage_rules", actions.MAY)
def rule(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """Draft a rule from the decision, with its dry run; or ask for it to be activated."""
    case = case_or_404(key)
    try:
        drafted, trial, text = actions.propose_rule(
            case=case, user=request.user, ask=request.POST.get("ask") == "1", reason=request.POST.get("reason", "")
        )
    except Problem as problem:
        from django.contrib import messages

        messages.error(request, problem.detail)
        return HttpResponseRedirect(reverse("admin:operations_case_change", args=[case.pk]))
    return page(
        request,
        "console/workbench_rule.html",
        f"Rule: {drafted.name}",
        case=case,
        rule=drafted,
        trial=trial,
        text=text,
        asked=request.POST.get("ask") == "1",
    )


def section(case: Case, request: HttpRequest) -> str:
    """The best suggestion in the queue's pane, or the way to make a rule once it is matched."""
    user: Any = request.user
    if case.state == "resolved":
        made = (case.data.get("resolved") or {}).get("match")
        return render_to_string(
            "console/workbench_section.html", {"case": case, "made": made, "may_rule": made and user.has_perm(actions.MAY)}, request
        )
    try:
        laid = bench.lay_out(case)
    except Problem:
        return ""
    ends = [end for end in (*laid.lines, *laid.items) if end.picked]
    why = bench.in_words(laid.suggestions[0].reason, laid.account.currency) if laid.suggestions else ""
    score = laid.suggestions[0].confidence if laid.suggestions else None
    return render_to_string(
        "console/workbench_section.html",
        {"case": case, "ends": ends, "why": why, "score": score, "residual": laid.residual, "currency": laid.account.currency},
        request,
    )


def register() -> None:
    register_page("console/workbench/<uuid:key>/", workbench, "console_workbench")
    register_page("console/workbench/<uuid:key>/act/<slug:name>/", act, "console_workbench_act")
    register_page("console/workbench/<uuid:key>/preview/", preview, "console_workbench_preview")
    register_page("console/workbench/<uuid:key>/rule/", rule, "console_workbench_rule")
    register_section(bench.KINDS, section)
