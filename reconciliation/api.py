"""Reconciliation over the API: what a partner may see of its own accounts, and starting a run."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpResponse
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion import services as ingestion
from ingestion.parsers import registry
from payos.kernel.api import PayosAPIView, field_error, get_or_404
from payos.kernel.errors import Problem
from reconciliation import exports, selectors, services
from reconciliation.models import BankAccount, Discrepancy, Match, Run
from reconciliation.services.running import TITLES

PAGES = [
    OpenApiParameter("limit", int, description="1 to 100"),
    OpenApiParameter("starting_after", str),
    OpenApiParameter("ending_before", str),
]


class RowOut(serializers.Serializer):
    id = serializers.CharField()
    object = serializers.CharField()


class ListOut(serializers.Serializer):
    object = serializers.CharField()
    data = serializers.ListField(child=serializers.DictField())  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    url = serializers.CharField()


class FileIn(serializers.Serializer):
    file = serializers.FileField()
    format = serializers.CharField(required=False, help_text="Forces a format; without it the file is looked at.")
    profile = serializers.CharField(required=False, help_text="A mapping profile by its name, for CSV, XLSX and JSON.")


class _View(PayosAPIView):
    resource = "reconciliation"

    def mine(self, model: Any) -> Any:
        return model.objects.filter(partner_id=self.partner.pk, livemode=self.livemode)


def _account(view: _View, account_id: str) -> BankAccount:
    return get_or_404(view.mine(BankAccount), "bka", account_id)


class Accounts(_View):
    @extend_schema(operation_id="reconciliation_accounts", responses=ListOut, parameters=PAGES)
    def get(self, request: Request) -> Response:
        def show(row: BankAccount) -> dict[str, Any]:
            return {"id": row.public_id, "object": "bank_account", "name": row.name, "currency": row.currency, "rail": row.rail_code}

        return self.page(self.mine(BankAccount), show)


class Runs(_View):
    @extend_schema(operation_id="reconciliation_runs", responses=ListOut, parameters=PAGES)
    def get(self, request: Request) -> Response:
        return self.page(self.mine(Run).select_related("account"), selectors.show_run)


class RunNow(_View):
    @extend_schema(operation_id="reconciliation_run", request=None, responses={201: RowOut})
    def post(self, request: Request, account_id: str) -> Response:
        run = services.run_account(account=_account(self, account_id))
        return Response(selectors.show_run(run), status=201)


class RunDetail(_View):
    @extend_schema(operation_id="reconciliation_run_read", responses=RowOut)
    def get(self, request: Request, run_id: str) -> Response:
        return Response(selectors.show_run(get_or_404(self.mine(Run).select_related("account"), "run", run_id)))


class Matches(_View):
    @extend_schema(operation_id="reconciliation_matches", responses=ListOut, parameters=[*PAGES, OpenApiParameter("run", str)])
    def get(self, request: Request) -> Response:
        rows = self.mine(Match).prefetch_related("items")
        wanted = request.query_params.get("run")
        if wanted is not None:
            rows = rows.filter(run=get_or_404(self.mine(Run), "run", wanted))
        return self.page(rows, selectors.show_match)


class MatchDetail(_View):
    @extend_schema(operation_id="reconciliation_match_read", responses=RowOut)
    def get(self, request: Request, match_id: str) -> Response:
        return Response(selectors.show_match(get_or_404(self.mine(Match).prefetch_related("items"), "mat", match_id)))


class Discrepancies(_View):
    @extend_schema(
        operation_id="reconciliation_discrepancies", responses=ListOut,
        parameters=[*PAGES, OpenApiParameter("status", str, enum=["open", "resolved"]), OpenApiParameter("type", str)],
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        rows = self.mine(Discrepancy)
        status, type_ = request.query_params.get("status"), request.query_params.get("type")
        if status is not None and status not in {"open", "resolved"}:
            raise Problem("invalid_request", errors=[field_error("?status", "choice", "must be open or resolved")])
        if status:
            rows = rows.filter(state=status)
        if type_ is not None:
            if type_ not in TITLES:
                raise Problem("invalid_request", errors=[field_error("?type", "choice", "is no type of discrepancy")])
            rows = rows.filter(type=type_)
        return self.page(rows, selectors.show_discrepancy)


def span(request: Request) -> tuple[date, date]:
    found = []
    for name in ("from", "to"):
        try:
            found.append(date.fromisoformat(request.query_params.get(name, "")))
        except ValueError:
            raise Problem("invalid_request", errors=[field_error(f"?{name}", "format", "write a date such as 2026-01-31")]) from None
    if found[0] > found[1] or (found[1] - found[0]).days > 400:
        raise Problem("invalid_request", errors=[field_error("?to", "range", "must lie 0 to 400 days after from")])
    return found[0], found[1]


class Report(_View):
    @extend_schema(
        operation_id="reconciliation_report", responses={(200, "text/csv"): OpenApiTypes.BINARY},
        parameters=[OpenApiParameter("from", OpenApiTypes.DATE, required=True), OpenApiParameter("to", OpenApiTypes.DATE, required=True)],
    )  # fmt: skip
    def get(self, request: Request, account_id: str, form: str) -> HttpResponse:
        account = _account(self, account_id)
        if form not in exports.FORMATS:
            raise Problem("not_found", f"There is no report as {form[:10]}: use csv, xlsx or pdf.")
        start, end = span(request)
        make, kind = exports.FORMATS[form]
        answer = HttpResponse(make(account, start, end), content_type=kind)
        answer["Content-Disposition"] = f'attachment; filename="reconciliation-{start}-{end}.{form}"'
        return answer


class Files(_View):
    """A statement or processor report, as the bank sent it."""

    parser_classes = [MultiPartParser]

    @extend_schema(operation_id="files_upload", request=FileIn, responses={201: RowOut, 200: RowOut})
    def post(self, request: Request) -> Response:
        upload = request.FILES.get("file")
        if upload is None:
            raise Problem("invalid_request", errors=[field_error("/file", "required", "send the file as multipart/form-data")])
        format, profile = str(request.POST.get("format", "")), str(request.POST.get("profile", ""))
        if format and format.lower() not in registry.formats():
            raise Problem("invalid_request", errors=[field_error("/format", "choice", f"is none of {', '.join(registry.formats())}")])
        file, fresh = ingestion.receive_file(
            content=upload, name=upload.name or "upload", partner_id=self.partner.pk, livemode=self.livemode, came_by="api",
            format=format, profile_name=profile,
        )  # fmt: skip
        if fresh or file.state in {"received", "quarantined"}:
            file = ingestion.process_file(file=file)
        shown = {
            "id": file.public_id,
            "object": "file",
            "name": file.name,
            "sha256": file.sha256,
            "status": file.state,
            "facts": file.facts,
        }
        return Response(shown, status=201 if fresh else 200)


urlpatterns = [
    path("files", Files.as_view(), name="files"),
    path("reconciliation/accounts", Accounts.as_view(), name="reconciliation-accounts"),
    path("reconciliation/accounts/<str:account_id>/run", RunNow.as_view(), name="reconciliation-run-now"),
    path("reconciliation/accounts/<str:account_id>/report.<str:form>", Report.as_view(), name="reconciliation-report"),
    path("reconciliation/runs", Runs.as_view(), name="reconciliation-runs"),
    path("reconciliation/runs/<str:run_id>", RunDetail.as_view(), name="reconciliation-run"),
    path("reconciliation/matches", Matches.as_view(), name="reconciliation-matches"),
    path("reconciliation/matches/<str:match_id>", MatchDetail.as_view(), name="reconciliation-match"),
    path("reconciliation/discrepancies", Discrepancies.as_view(), name="reconciliation-discrepancies"),
]
