"""GET /v1/trace/{id}: everything of the caller's own that is tied to an id or reference."""

from __future__ import annotations

from typing import Any

from django.urls import path
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from console.registry import Node
from console.trace import Trace, trace
from payos.kernel.api import PayosAPIView
from payos.kernel.errors import Problem
from payos.kernel.money import to_decimal_str

STEP = inline_serializer(
    "TraceStep",
    {
        "object": serializers.CharField(help_text="What it is, for example transfer or statement_line."),
        "id": serializers.CharField(),
        "title": serializers.CharField(),
        "at": serializers.DateTimeField(allow_null=True),
        "state": serializers.CharField(),
        "amount": serializers.CharField(allow_null=True),
        "currency": serializers.CharField(allow_null=True),
        "facts": serializers.DictField(child=serializers.CharField()),
        "asked": serializers.BooleanField(help_text="True for what the given text names itself."),
    },
    many=True,
)
TIE = inline_serializer(
    "TraceTie", {"from": serializers.CharField(), "how": serializers.CharField(), "to": serializers.CharField()}, many=True
)
TRACE = inline_serializer(
    "Trace",
    {
        "object": serializers.ChoiceField(choices=["trace"]),
        "asked": serializers.CharField(),
        "complete": serializers.BooleanField(help_text="False when more is tied to it than one answer holds."),
        "steps": STEP,
        "ties": TIE,
    },
)
# Staff's own affairs: partners see what became of their money, not how the desk was organised.
INTERNAL = {"case", "approval"}


class TraceView(PayosAPIView):
    resource = "trace"

    @extend_schema(
        operation_id="trace_retrieve",
        summary="Trace an id or reference",
        description="The whole life of a payment or transfer: what it came by, its batch, ledger entries, statement line and events.",
        parameters=[OpenApiParameter("text", str, OpenApiParameter.PATH, description="Any id, or a reference of your own.")],
        responses={200: TRACE},
        tags=["trace"],
    )
    def get(self, request: Request, text: str) -> Response:
        found = trace(text)
        nodes = [node for node in found.nodes if node.type not in INTERNAL]
        if not nodes:
            raise Problem("not_found", f"Nothing is known here by {text[:80]!r}.")
        return Response(render(found, nodes))


def render(found: Trace, nodes: list[Node]) -> dict[str, Any]:
    by_key = {node.key: node.public_id for node in nodes}
    return {
        "object": "trace",
        "asked": found.asked,
        "complete": found.complete,
        "steps": [
            {
                "object": node.type,
                "id": node.public_id,
                "title": node.title,
                "at": node.at.isoformat() if node.at else None,
                "state": node.state,
                "amount": to_decimal_str(node.amount_minor, node.currency) if node.amount_minor is not None and node.currency else None,
                "currency": node.currency or None,
                "facts": dict(node.facts),
                "asked": node.key in found.starts,
            }
            for node in nodes
        ],
        "ties": [
            {"from": by_key[one], "how": how, "to": by_key[other]} for one, how, other in found.ties if one in by_key and other in by_key
        ],
    }


urlpatterns = [path("trace/<path:text>", TraceView.as_view(), name="trace")]
