"""Approvals: what is asked for, exactly what would happen, and the decision of a second person."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from operations import services, subjects
from operations.models import Approval, ApprovalLimit
from operations.models.approval import ApprovalState
from operations.pages import answer, needs, page
from operations.templatetags.payos import words
from partners.models import Partner
from payos.kernel import clock
from payos.kernel.admin import ReadOnlyModelAdmin
from payos.kernel.errors import Problem

VIEWS = {"waiting": "Waiting", "mine": "Asked by me", "decided": "Decided", "over": "Expired or void"}


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyModelAdmin):
    search_fields = ["=subject_id", "title"]

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [
            path("", site(require_GET(self.waiting)), name="operations_approval_changelist"),
            path("<uuid:key>/change/", site(require_GET(self.one)), name="operations_approval_change"),
            path("go-live/", site(require_POST(self.go_live)), name="operations_approval_go_live"),
            path("<uuid:key>/decide/", site(require_POST(self.decide)), name="operations_approval_decide"),
        ]

    @needs("operations.view_approval")
    def waiting(self, request: HttpRequest) -> HttpResponse:
        view = request.GET.get("view", "waiting")
        rows = Approval.objects.select_related("requested_by", "decided_by", "partner").defer("preview", "params", "result")
        if view == "mine":
            rows = rows.filter(requested_by=request.user)  # type: ignore[misc]
        elif view == "decided":
            rows = rows.filter(state__in=[ApprovalState.APPROVED, ApprovalState.REJECTED])
        elif view == "over":
            rows = rows.filter(state__in=[ApprovalState.EXPIRED, ApprovalState.VOID])
        else:
            view, rows = "waiting", rows.filter(state=ApprovalState.REQUESTED)
        found = Paginator(rows.order_by("expires_at" if view == "waiting" else "-id"), 50).get_page(request.GET.get("p"))
        return page(
            request, "operations/approvals.html", "Approvals", view=view, views=VIEWS.items(), found=found,
            not_live=Partner.objects.filter(live_enabled=False, active=True).order_by("name")[:500],
            may_ask=request.user.has_perm("partners.change_partner") and request.user.has_perm("operations.request_approval"),  # type: ignore[union-attr]
        )  # fmt: skip

    @needs("operations.request_approval")
    def go_live(self, request: HttpRequest) -> HttpResponse:
        """Ask for live keys for a partner; a second person decides."""
        if not request.user.has_perm("partners.change_partner"):  # type: ignore[union-attr]
            raise PermissionDenied

        def act() -> str:
            try:
                partner = Partner.objects.get(pk=uuid.UUID(request.POST.get("partner", "")))
            except (ValueError, Partner.DoesNotExist):
                raise Problem("unprocessable", "Choose the partner that shall go live.") from None
            services.ask_go_live(user=request.user, partner=partner, reason=request.POST.get("reason", ""))
            return f"A second person is asked to let {partner.name} go live."

        return answer(request, act, reverse("admin:operations_approval_changelist"))

    @needs("operations.view_approval")
    def one(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        approval = self._get(key)
        preview, unchanged = services.current_preview(approval)
        # What has no row of its own is told apart by its parameters, which the preview shows in words.
        text, address = ("", "") if approval.subject_type == "parameters" else subjects.link(approval.subject_type, approval.subject_id)
        user: Any = request.user
        return page(
            request,
            "operations/approval.html",
            approval.title,
            approval=approval,
            preview=preview,
            unchanged=unchanged,
            subject_text=text,
            subject_link=address,
            own=approval.requested_by_id == user.pk,
            late=approval.expires_at <= clock.now(),
            may_decide=user.has_perm("operations.decide_approval"),
        )

    @needs("operations.decide_approval")
    def decide(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        approval = self._get(key)
        approve = request.POST.get("decision") == "approve"

        def act() -> str:
            done = services.decide_approval(approval=approval, user=request.user, approve=approve, note=request.POST.get("note", ""))
            return {
                ApprovalState.APPROVED: "Approved and carried out.",
                ApprovalState.REJECTED: "Rejected.",
                ApprovalState.EXPIRED: "It came too late: the request had expired. Nothing was done.",
                ApprovalState.VOID: "The subject changed since it was asked for: the request is void. Nothing was done.",
            }[done.state]

        return answer(request, act, reverse("admin:operations_approval_change", args=[approval.pk]))

    def _get(self, key: uuid.UUID) -> Approval:
        try:
            return Approval.objects.select_related("requested_by", "decided_by", "partner", "case").get(pk=key)
        except Approval.DoesNotExist:
            raise Http404(f"There is no approval {key}") from None


@admin.register(ApprovalLimit)
class ApprovalLimitAdmin(ReadOnlyModelAdmin):
    """Limits change by approval only: see `services.limits`."""

    empty_words = "Without a limit every such act goes to a second person. Ask above for what a role may do alone."
    list_display = ["action", "role", "currency", "show_limit"]
    list_filter = ["action", "role"]
    search_fields = ["action", "role"]
    change_list_template = "operations/limits.html"

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [path("ask/", site(require_POST(self.ask)), name="operations_approvallimit_ask"), *super().get_urls()]

    @admin.display(description="Alone up to")
    def show_limit(self, limit: ApprovalLimit) -> str:
        from payos.kernel.money import display

        return display(limit.limit_minor, limit.currency)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        from operations.services.approvals import ACTIONS
        from operations.services.limits import CHANGE_LIMIT
        from partners.roles import MATRIX

        return super().changelist_view(
            request,
            {"limit_actions": [(name, words(name)) for name in sorted(set(ACTIONS) - {CHANGE_LIMIT})], "limit_roles": list(MATRIX)}
            | (extra_context or {}),
        )

    @needs("operations.request_approval")
    def ask(self, request: HttpRequest) -> HttpResponse:
        def act() -> str:
            services.ask_limit(
                user=request.user,
                action=request.POST.get("action", ""),
                role=request.POST.get("role", ""),
                currency=request.POST.get("currency", ""),
                limit=request.POST.get("limit", ""),
                reason=request.POST.get("reason", ""),
            )
            return "A second person is asked to approve the new limit."

        return answer(request, act, reverse("admin:operations_approvallimit_changelist"))
