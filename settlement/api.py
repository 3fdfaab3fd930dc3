"""Transfers over the API."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import parsers, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from payos.kernel.api import PayosAPIView, body_object, field_error, get_or_404
from payos.kernel.errors import Problem
from payos.kernel.parsing import StrictJSONParser
from settlement import callbacks, csvlist, events, selectors, services
from settlement.models import Transfer, TransferBatch
from settlement.models.transfer import STATES

PAGES = [
    OpenApiParameter("limit", int, description="1 to 100"),
    OpenApiParameter("starting_after", str),
    OpenApiParameter("ending_before", str),
]


class TransferBody(serializers.Serializer):
    amount = serializers.CharField(help_text="Decimal text such as 12.50")
    currency = serializers.CharField(max_length=4)
    destination = serializers.DictField(help_text="`type` and the fields of that type")
    rail = serializers.CharField(required=False, max_length=40)
    protocol = serializers.ChoiceField(["api", "x402", "ap2", "acp"], required=False)
    protocol_metadata = serializers.DictField(required=False)
    urgency = serializers.ChoiceField(["standard", "fast", "urgent"], required=False)
    reference = serializers.CharField(required=False, max_length=120)
    description = serializers.CharField(required=False, max_length=140)
    metadata = serializers.DictField(required=False)
    branch = serializers.CharField(required=False, max_length=40)
    within_minutes = serializers.IntegerField(required=False, min_value=1)


class TransferOut(serializers.Serializer):
    id = serializers.CharField()
    object = serializers.CharField()
    livemode = serializers.BooleanField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    destination = serializers.DictField()
    rail = serializers.CharField()
    status = serializers.ChoiceField(STATES)
    reference = serializers.CharField(allow_blank=True)
    next_window = serializers.CharField()
    expected_settlement = serializers.CharField(allow_null=True)
    created_at = serializers.CharField()


class TransferList(serializers.Serializer):
    object = serializers.CharField()
    data = TransferOut(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    url = serializers.CharField()


class BatchBody(serializers.Serializer):
    name = serializers.CharField(required=False, max_length=120)
    transfers = TransferBody(many=True)


class BatchOut(serializers.Serializer):
    id = serializers.CharField()
    object = serializers.CharField()
    status = serializers.CharField()
    name = serializers.CharField(allow_blank=True)
    count = serializers.IntegerField()
    settled = serializers.IntegerField()
    failed = serializers.IntegerField()
    created_at = serializers.CharField()


def show_batch(batch: TransferBatch) -> dict[str, Any]:
    return {
        "id": batch.public_id,
        "object": "transfer_batch",
        "livemode": batch.livemode,
        "name": batch.name,
        "status": batch.state,
        "count": batch.count,
        "settled": batch.done_count,
        "failed": batch.failed_count,
        "progress": round((batch.done_count + batch.failed_count) / batch.count, 4) if batch.count else 1.0,
        "amounts_minor": batch.amounts,
        "created_at": batch.created_at.isoformat(),
        "completed_at": batch.completed_at.isoformat() if batch.completed_at else None,
    }


class Transfers(PayosAPIView):
    resource = "transfers"

    @extend_schema(
        operation_id="transfers_list",
        responses=TransferList,
        parameters=[*PAGES, OpenApiParameter("status", str), OpenApiParameter("reference", str)],
    )
    def get(self, request: Request) -> Response:
        rows = Transfer.objects.filter(partner_id=self.partner.pk, livemode=self.livemode).select_related("rail").defer("destination")
        return self.page(_filtered(request, rows), events.show)

    @extend_schema(operation_id="transfers_create", request=TransferBody, responses={201: TransferOut})
    def post(self, request: Request) -> Response:
        items = services.check_items(partner=self.partner, livemode=self.livemode, items=[body_object(request)])
        (transfer,) = services.accept(partner=self.partner, livemode=self.livemode, items=items)
        return Response(events.show(transfer), status=201)


def _filtered(request: Request, rows: Any) -> Any:
    status, reference = request.query_params.get("status"), request.query_params.get("reference")
    if status is not None:
        if status not in STATES:
            raise Problem("invalid_request", errors=[field_error("?status", "choice", f"must be one of {', '.join(STATES)}")])
        rows = rows.filter(state=status)
    if reference is not None:
        if "\x00" in reference:
            raise Problem("invalid_request", errors=[field_error("?reference", "characters", "holds a NUL character")])
        rows = rows.filter(reference=reference)
    return rows


class TransferDetail(PayosAPIView):
    resource = "transfers"

    @extend_schema(operation_id="transfers_read", responses=TransferOut)
    def get(self, request: Request, transfer_id: str) -> Response:
        transfer = _find(self, transfer_id)
        shown = events.show(transfer)
        decision = selectors.decisions_of(transfer).first()
        if decision:
            shown["routing"] = {"rail": decision.rail_code, "chosen": decision.chosen, "rejected": decision.rejected}
        shown["submissions"] = [
            {"number": s.number, "reference": s.reference, "rail_reference": s.rail_reference, "outcome": s.outcome, "code": s.code or None}
            for s in transfer.submissions.order_by("number")
        ]
        return Response(shown)


def _find(view: PayosAPIView, transfer_id: str) -> Transfer:
    rows = (
        Transfer.objects.filter(partner_id=view.partner.pk, livemode=view.livemode).select_related("rail", "partner").defer("destination")
    )
    return get_or_404(rows, "trf", transfer_id)


class TransferCancel(PayosAPIView):
    resource = "transfers"

    @extend_schema(operation_id="transfers_cancel", request=None, responses=TransferOut)
    def post(self, request: Request, transfer_id: str) -> Response:
        return Response(events.show(services.transfer_cancel(transfer=_find(self, transfer_id))))


class Batches(PayosAPIView):
    """A list of transfers as JSON, or a CSV file with a header row (`destination.account_number` and the like)."""

    resource = "transfers"
    parser_classes = [StrictJSONParser, parsers.MultiPartParser]

    @extend_schema(operation_id="transfer_batches_create", request=BatchBody, responses={201: BatchOut})
    def post(self, request: Request) -> Response:
        if request.FILES or (request.content_type or "").lower().startswith("multipart/"):
            upload = _the_file(request)
            if upload.size > settings.API_MAX_BODY:
                raise Problem("payload_too_large", f"The file is over {settings.API_MAX_BODY} bytes: send its rows in parts.")
            given = csvlist.read(upload.read())
            name = str(request.POST.get("name") or upload.name)
            with given.placing():
                return self._made(given.items, name)
        body = body_object(request)
        items, name = body.get("transfers"), body.get("name") or ""
        faults = [
            field_error(f"/{str(other)[:40]}", "unknown", "is no field of a list")
            for other in sorted(set(body) - {"transfers", "name"})[:20]
        ]
        if not isinstance(items, list):
            faults.append(field_error("/transfers", "type", "must be a list of transfers"))
        if not isinstance(name, str) or len(name) > 120:
            faults.append(field_error("/name", "text", "must be text of at most 120 characters"))
        if faults or items is None:
            raise Problem("invalid_request", errors=faults)
        return self._made(items, name)

    def _made(self, items: list[Any], name: str) -> Response:
        batch = services.accept_batch(partner=self.partner, livemode=self.livemode, items=items, name=name[:120].replace("\x00", ""))
        return Response(show_batch(batch), status=201)


def _the_file(request: Request) -> Any:
    """The one file of an upload; a second one would be lost without a word."""
    unknown = sorted((set(request.FILES) | set(request.POST)) - {"file", "name"})
    faults = [field_error(f"/{name[:40]}", "unknown", "is no field of an upload: it takes `file` and `name`") for name in unknown[:20]]
    files = request.FILES.getlist("file")
    if len(files) != 1:
        faults.append(field_error("/file", "required", f"must be one CSV file; there are {len(files)}"))
    if faults:
        raise Problem("invalid_request", errors=faults)
    return files[0]


class BatchDetail(PayosAPIView):
    resource = "transfers"

    @extend_schema(operation_id="transfer_batches_read", responses=BatchOut)
    def get(self, request: Request, batch_id: str) -> Response:
        return Response(show_batch(_find_batch(self, batch_id)))


def _find_batch(view: PayosAPIView, batch_id: str) -> TransferBatch:
    return get_or_404(TransferBatch.objects.filter(partner_id=view.partner.pk, livemode=view.livemode), "bat", batch_id)


class BatchItems(PayosAPIView):
    resource = "transfers"

    @extend_schema(operation_id="transfer_batches_items", responses=TransferList, parameters=[*PAGES, OpenApiParameter("status", str)])
    def get(self, request: Request, batch_id: str) -> Response:
        rows = Transfer.objects.filter(batch=_find_batch(self, batch_id)).select_related("rail").defer("destination")
        return self.page(_filtered(request, rows), lambda t: {**events.show(t), "row": t.batch_row})


class BatchRetry(PayosAPIView):
    resource = "transfers"

    @extend_schema(operation_id="transfer_batches_retry", request=None, responses=BatchOut)
    def post(self, request: Request, batch_id: str) -> Response:
        batch = _find_batch(self, batch_id)
        services.retry_batch(batch=batch)
        batch.refresh_from_db()
        return Response(show_batch(batch))


urlpatterns = [
    path("transfers", Transfers.as_view(), name="transfers"),
    path("transfers/batch", Batches.as_view(), name="transfer-batches"),
    path("transfers/batch/<str:batch_id>", BatchDetail.as_view(), name="transfer-batch"),
    path("transfers/batch/<str:batch_id>/items", BatchItems.as_view(), name="transfer-batch-items"),
    path("transfers/batch/<str:batch_id>/retry", BatchRetry.as_view(), name="transfer-batch-retry"),
    path("transfers/<str:transfer_id>", TransferDetail.as_view(), name="transfer"),
    path("transfers/<str:transfer_id>/cancel", TransferCancel.as_view(), name="transfer-cancel"),
]
root_urlpatterns = [path("hooks/rails/<str:rail_code>", callbacks.receive, name="rail-callback")]
