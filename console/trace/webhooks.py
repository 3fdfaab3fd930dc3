"""Webhook deliveries in the trace: who was told, and with what outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from console.links import admin_page
from console.registry import Key, Node, trace_source
from console.trace import uuids
from console.trace.operations import Events
from console.trace.subject import public_key
from webhooks.models import Delivery


class Webhooks:
    types = ("delivery",)

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct and direct[0] == "delivery":
            yield direct

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        for row in Delivery.objects.filter(pk__in=uuids(ids)).select_related("endpoint"):
            yield Node(
                "delivery", str(row.pk), row.public_id, f"Webhook {row.event_type}", row.finished_at or row.created_at, row.get_state_display(),
                link=admin_page("webhooks_delivery", row.pk),
                facts=[("To", row.endpoint.url), ("Attempts", str(row.attempts))], neighbours=[("carries", ("event", str(row.event_id)))],
            )  # fmt: skip


class ToldEvents(Events):
    """Events with the deliveries they made; takes the place of the plain ones."""

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        sent: dict[str, list[Key]] = {}
        for event_id, key in Delivery.objects.filter(event_id__in=uuids(ids)).values_list("event_id", "pk")[:400]:
            sent.setdefault(str(event_id), []).append(("delivery", str(key)))
        for node in super().load(type, ids):
            node.neighbours += [("sent by", key) for key in sent.get(node.id, [])]
            yield node


trace_source(Webhooks())
trace_source(ToldEvents())
