"""Cases, approvals and events in the trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q

from console.links import admin_page
from console.registry import Key, Node, trace_source
from console.trace import is_uuid, uuids
from console.trace.subject import LABELS, aggregate_key, key_of, public_key
from operations.models import Approval, Case, CaseReference
from operations.templatetags.payos import words
from payos.kernel.models import OutboxEvent

MOST = 20


class Operations:
    types = ("case", "approval")

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct and direct[0] in self.types:
            yield direct
        if direct is None and len(text) > 3:
            rows = CaseReference.objects.filter(text=text.lower()).values_list("case_id", flat=True)[:MOST]
            yield from (("case", str(key)) for key in rows)
        elif is_uuid(text):
            yield from (("case", str(key)) for key in Case.objects.filter(pk=text).values_list("pk", flat=True))

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        if type == "case":
            yield from self._cases(ids)
        else:
            yield from self._approvals(ids)

    def _cases(self, ids: Sequence[str]) -> Iterable[Node]:
        for case in Case.objects.filter(pk__in=uuids(ids)).prefetch_related("approvals").select_related("assignee"):
            subject = key_of(case.subject_type, case.subject_id)
            ties = [("opened about", subject)] if subject else []
            ties += [("waits for", ("approval", str(approval.pk))) for approval in case.approvals.all()]
            yield Node(
                "case", str(case.pk), case.public_id, case.title, case.created_at, case.get_state_display(),
                case.amount_minor, case.currency, admin_page("operations_case", case.pk),
                [("Kind", words(case.kind)), ("Resolution", words(case.resolution))] if case.resolution else [("Kind", words(case.kind))],
                ties,
            )  # fmt: skip

    def _approvals(self, ids: Sequence[str]) -> Iterable[Node]:
        for approval in Approval.objects.filter(pk__in=uuids(ids)).select_related("requested_by", "decided_by"):
            subject = key_of(approval.subject_type, approval.subject_id)
            ties = [("asks for an act on", subject)] if subject else []
            if approval.case_id:
                ties.append(("for", ("case", str(approval.case_id))))
            facts = [("Asked by", approval.requested_by.get_username())]
            if approval.decided_by:
                facts.append(("Decided by", approval.decided_by.get_username()))
            yield Node(
                "approval", str(approval.pk), approval.public_id, approval.title, approval.created_at, approval.get_state_display(),
                approval.amount_minor, approval.currency, admin_page("operations_approval", approval.pk), facts, ties,
            )  # fmt: skip


def cases_about(kind: str, ids: Sequence[str]) -> dict[str, list[Key]]:
    """The cases opened about things of one type; for the sources of those things."""
    label = LABELS.get(kind, kind)
    found: dict[str, list[Key]] = {}
    rows = Case.objects.filter(Q(subject_type=label) | Q(subject_type=kind), subject_id__in=list(ids)).values_list("subject_id", "pk")
    for subject_id, key in rows[:200]:
        found.setdefault(subject_id, []).append(("case", str(key)))
    return found


class Events:
    types = ("event",)

    def find(self, text: str) -> Iterable[Key]:
        direct = public_key(text)
        if direct and direct[0] == "event":
            yield direct

    def load(self, type: str, ids: Sequence[str]) -> Iterable[Node]:
        for event in OutboxEvent.objects.filter(pk__in=uuids(ids)):
            about = aggregate_key(event.aggregate_id)
            state = "Set aside" if event.parked_at else "Told" if event.published_at else "Waiting"
            yield Node(
                "event", str(event.pk), event.public_id, f"Event {event.event_type}",
                event.created_at, state, link=admin_page("kernel_outboxevent", event.pk), neighbours=[("tells of", about)] if about else [],
            )  # fmt: skip


def events_about(kind: str, rows: Iterable[Any]) -> dict[str, list[Key]]:
    """The events that tell of rows (which have pk and public_id), by the row's key."""
    names = {name: str(row.pk) for row in rows for name in (row.public_id, f"{kind}:{row.pk}", f"{kind}:{row.public_id}")}
    found: dict[str, list[Key]] = {}
    told = OutboxEvent.objects.filter(aggregate_id__in=list(names)).order_by("pk").values_list("aggregate_id", "pk")
    for aggregate, key in told[:400]:
        found.setdefault(names[aggregate], []).append(("event", str(key)))
    return found


trace_source(Operations())
trace_source(Events())
