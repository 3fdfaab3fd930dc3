"""Reports: the list, downloads, making one and mailing it."""

from __future__ import annotations

import datetime
import uuid
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

from console.models import Report, ReportFile, ReportKind, ReportSpan, ReportSubscription
from console.reports import render, services
from console.reports.build import BUILDERS
from operations.pages import answer, needs, page
from partners.models import Partner
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.errors import Problem


@admin.register(Report)
class ReportAdmin(ReadOnlyModelAdmin):
    empty_words = "Reports are made each night; make one at once above."
    search_fields = ["title"]

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [
            path("", site(require_GET(self.all)), name="console_report_changelist"),
            path("make/", site(require_POST(self.make)), name="console_report_make"),
            path("<uuid:key>/change/", site(require_GET(self.one)), name="console_report_change"),
            path("<uuid:key>/mail/", site(require_POST(self.mail)), name="console_report_mail"),
            path("<uuid:key>/file/<slug:format>/", site(require_GET(self.download)), name="console_report_file"),
        ]

    @needs("console.view_report")
    def all(self, request: HttpRequest) -> HttpResponse:
        rows = Report.objects.select_related("partner").defer("data").order_by("-day", "kind", "-version")
        kind = request.GET.get("kind", "")
        if kind in ReportKind.values:
            rows = rows.filter(kind=kind)
        return page(
            request,
            "console/reports/list.html",
            "Reports",
            reports=rows[:100],
            kind=kind,
            kinds=[(name, ReportKind(name).label) for name in sorted(BUILDERS)],
            spans=ReportSpan.choices,
            partners=Partner.objects.order_by("name")[:500],
            may_make=request.user.has_perm("console.work_report"),  # type: ignore[union-attr]
        )

    @needs("console.view_report")
    def one(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        report = self._get(key)
        return page(
            request,
            "console/reports/one.html",
            report.title,
            report=report,
            files=report.files.order_by("format").values_list("format", "sha256"),
            may_make=request.user.has_perm("console.work_report"),  # type: ignore[union-attr]
        )

    @needs("console.view_report")
    def download(self, request: HttpRequest, key: uuid.UUID, format: str) -> HttpResponse:
        report = self._get(key)
        try:
            file = report.files.get(format=format)
        except ReportFile.DoesNotExist:
            raise Http404(f"{report.title} was not made as {format}") from None
        return HttpResponse(
            bytes(file.content),
            content_type=render.FORMATS[file.format],
            headers={
                "Content-Disposition": f'attachment; filename="{services.file_name(report, format)}"',
                "X-Content-Type-Options": "nosniff",
            },
        )

    @needs("console.work_report")
    def make(self, request: HttpRequest) -> HttpResponse:
        def act() -> str:
            partner = request.POST.get("partner", "")
            try:
                day = datetime.date.fromisoformat(request.POST.get("day", ""))
                partner_id = uuid.UUID(partner) if partner else None
            except ValueError:
                raise Problem("unprocessable", "Choose a day and, for a statement, a partner.") from None
            report = services.make_report(
                kind=request.POST.get("kind", ""), span=request.POST.get("span", ""), day=day, partner_id=partner_id,
                livemode=request.POST.get("livemode") == "1", again=request.POST.get("again") == "1",
            )  # fmt: skip
            return f"{report.title}: version {report.version} is here."

        return answer(request, act, reverse("admin:console_report_changelist"))

    @needs("console.work_report")
    def mail(self, request: HttpRequest, key: uuid.UUID) -> HttpResponse:
        report = self._get(key)

        def act() -> str:
            to = request.POST.get("to", "").strip()
            if not to:
                raise Problem("unprocessable", "Give the addresses to mail it to.")
            services.mail_report(report=report, to=to)
            return f"Mailed to {to}."

        return answer(request, act, reverse("admin:console_report_change", args=[report.pk]))

    def _get(self, key: uuid.UUID) -> Report:
        try:
            return Report.objects.select_related("partner").get(pk=key)
        except Report.DoesNotExist:
            raise Http404(f"There is no report {key}") from None


@admin.register(ReportSubscription)
class ReportSubscriptionAdmin(PayosModelAdmin):
    empty_words = "A subscription mails a report to people as soon as it is made: add one and name the addresses."
    list_display = ["kind", "span", "partner", "emails", "formats", "enabled"]
    list_filter = ["kind", "span", "enabled"]
    list_select_related = ["partner"]
    autocomplete_fields = ["partner"]
