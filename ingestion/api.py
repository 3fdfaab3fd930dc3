"""Payments over the API: the webhook endpoint, statistics and health of the original plan, lists and reversals."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from ingestion import services, stats, webhook
from ingestion.models import Payment
from payos.kernel.api import PayosAPIView, body_object, field_error, get_or_404
from payos.kernel.errors import Problem
from payos.kernel.money import to_decimal_str

PAGES = [
    OpenApiParameter("limit", int, description="1 to 100"),
    OpenApiParameter("starting_after", str),
    OpenApiParameter("ending_before", str),
]


class PaymentOut(serializers.Serializer):
    id = serializers.CharField()
    object = serializers.CharField()
    livemode = serializers.BooleanField()
    reference_number = serializers.CharField()
    loan_account_number = serializers.CharField(allow_blank=True)
    cif = serializers.CharField(allow_blank=True)
    amount = serializers.CharField()
    currency = serializers.CharField()
    payment_date = serializers.CharField()
    payment_channel = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # a field of that name
    status = serializers.CharField()
    metadata = serializers.DictField()
    created_at = serializers.CharField()


class PaymentList(serializers.Serializer):
    object = serializers.CharField()
    data = PaymentOut(many=True)  # type: ignore[assignment]
    has_more = serializers.BooleanField()
    url = serializers.CharField()


class ReversalIn(serializers.Serializer):
    reason = serializers.CharField(max_length=200)


def render(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.public_id,
        "object": "payment",
        "livemode": payment.livemode,
        "reference_number": payment.reference_number,
        "loan_account_number": payment.loan_account_number,
        "cif": payment.cif,
        "amount": to_decimal_str(payment.amount_minor, payment.currency),
        "currency": payment.currency,
        "payment_date": payment.payment_date.isoformat(),
        "payment_channel": payment.payment_channel,
        "source": payment.source,
        "status": payment.state,
        "metadata": payment.metadata,
        "created_at": payment.created_at.isoformat(),
    }


class Payments(PayosAPIView):
    resource = "payments"

    @extend_schema(
        operation_id="payments_list",
        responses=PaymentList,
        parameters=[*PAGES, OpenApiParameter("reference_number", str), OpenApiParameter("loan_account_number", str)],
    )
    def get(self, request: Request) -> Response:
        rows = Payment.objects.filter(partner_id=self.partner.pk, livemode=self.livemode)
        for name in ("reference_number", "loan_account_number"):
            value = request.query_params.get(name)
            if value is not None and "\x00" in value:
                raise Problem("invalid_request", errors=[field_error(f"?{name}", "characters", "holds a NUL character")])
            if value is not None and name == "loan_account_number":
                rows = rows.filter(loan_account_number=value)
            elif value is not None:
                from ingestion.models import PaymentReference

                known = PaymentReference.objects.filter(
                    partner_id=self.partner.pk, livemode=self.livemode, reference_number=value
                ).values_list("payment_id", flat=True)
                rows = rows.filter(pk__in=list(known[:100]))
        return self.page(rows, render)


class PaymentDetail(PayosAPIView):
    resource = "payments"

    @extend_schema(operation_id="payments_read", responses=PaymentOut)
    def get(self, request: Request, payment_id: str) -> Response:
        return Response(render(get_or_404(Payment.objects.filter(livemode=self.livemode), "pay", payment_id)))


class PaymentReverse(PayosAPIView):
    resource = "payments"

    @extend_schema(operation_id="payments_reverse", request=ReversalIn, responses=PaymentOut)
    def post(self, request: Request, payment_id: str) -> Response:
        reason = body_object(request).get("reason")
        if not isinstance(reason, str) or not reason.strip() or len(reason) > 200:
            raise Problem("invalid_request", errors=[field_error("/reason", "required", "say why, in at most 200 characters")])
        payment = get_or_404(Payment.objects.filter(livemode=self.livemode), "pay", payment_id)
        services.reverse_payment(payment=payment, reason=reason)
        payment = get_or_404(Payment.objects.all(), "pay", payment_id)
        return Response(render(payment))


class Stats(PayosAPIView):
    resource = "payments"

    @extend_schema(operation_id="payments_stats", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(stats.figures(self.partner.pk))


class Health(PayosAPIView):
    resource = "payments"

    @extend_schema(operation_id="payments_health", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        return Response(stats.health())


urlpatterns = [
    path("payments", Payments.as_view(), name="payments"),
    path("payments/stats", Stats.as_view(), name="payments-stats"),
    path("payments/health", Health.as_view(), name="payments-health"),
    path("payments/<str:payment_id>", PaymentDetail.as_view(), name="payment"),
    path("payments/<str:payment_id>/reverse", PaymentReverse.as_view(), name="payment-reverse"),
]
# The addresses of the original plan.
root_urlpatterns = [
    path("api/v1/payments/webhook", webhook.receive, name="payment-webhook"),
    path("api/v1/payments/webhook/<str:channel>", webhook.receive, name="payment-webhook-channel"),
    path("api/v1/payments/stats", Stats.as_view(schema=None)),
    path("api/v1/payments/health", Health.as_view(schema=None)),
]
