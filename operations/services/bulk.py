"""The same act on many cases: first what it would touch, then the act with its reason, as two statements."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from operations.models import Case, CaseEvent
from operations.models.case import UNRESOLVED, CaseState
from operations.services.opening import add_events
from operations.services.work import CHANGES, LEASE, actor_of, picture
from payos.kernel import clock
from payos.kernel.errors import Problem, register

register("bulk_too_many", 422, "Too many cases at once", "Narrow the selection to the number in the detail.")
LIMIT = 5000
UNDO_FOR = timedelta(hours=1)
# act -> states that allow it
ACTS: dict[str, list[str]] = {
    "claim": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED],
    "assign": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED],
    "snooze": [CaseState.OPEN, CaseState.CLAIMED],
    "resolve": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED],
    "comment": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED, CaseState.AWAITING_APPROVAL],
}
STANDING = {
    CaseState.OPEN: "open", CaseState.SNOOZED: "asleep already", CaseState.RESOLVED: "resolved already", CaseState.AWAITING_APPROVAL: "waiting for an approval",
}  # fmt: skip
DONE = {"claim": "claimed", "assign": "assigned", "snooze": "snoozed", "resolve": "resolved", "comment": "comment"}


@dataclass(frozen=True, slots=True)
class Preview:
    count: int
    skipped: int
    amounts: list[tuple[str, int]]
    left_out: list[str]  # why, in words, each with how many


def _workable(act: str, user: Any, case_ids: Sequence[uuid.UUID]) -> QuerySet:
    if act not in ACTS:
        raise Problem("unprocessable", f"{act!r} is no bulk action: choose one of {', '.join(ACTS)}.")
    if len(case_ids) > LIMIT:
        raise Problem("bulk_too_many", f"{len(case_ids)} cases were chosen; at most {LIMIT} go at once.")
    held = Q(state=CaseState.CLAIMED, lease_until__gt=clock.now()) & ~Q(assignee=user)
    return Case.objects.filter(pk__in=case_ids, state__in=ACTS[act]).exclude(held)


def preview_bulk(*, act: str, user: Any, case_ids: Sequence[uuid.UUID]) -> Preview:
    """How many it would touch and how much money they stand for."""
    rows = _workable(act, user, case_ids)
    amounts = rows.exclude(amount_minor=None).values_list("currency").annotate(total=Sum("amount_minor")).order_by("currency")
    count = rows.aggregate(n=Count("pk"))["n"]
    skipped = len(set(case_ids)) - count
    return Preview(
        count, skipped, [(currency, int(total)) for currency, total in amounts], _left_out(rows, case_ids, skipped) if skipped else []
    )


def _left_out(taken: QuerySet, case_ids: Sequence[uuid.UUID], skipped: int) -> list[str]:
    """Why the others stay as they are: who works them, or the state that forbids the act."""
    others = Case.objects.filter(pk__in=case_ids).exclude(pk__in=taken.values("pk")).order_by()
    counted = others.values_list("state", "assignee__username").annotate(n=Count("pk")).order_by("state", "assignee__username")
    reasons: dict[str, int] = {}
    for state, who, count in counted:
        because = f"{who or 'somebody'} works {'it' if count == 1 else 'them'} now" if state == CaseState.CLAIMED else STANDING[state]
        reasons[because] = reasons.get(because, 0) + count
    if gone := skipped - sum(reasons.values()):
        reasons["no longer there"] = gone
    return [f"{count} ({because})" for because, count in reasons.items()]


@transaction.atomic
def apply_bulk(
    *,
    act: str,
    user: Any,
    case_ids: Sequence[uuid.UUID],
    reason: str,
    until: datetime | None = None,
    assignee: Any = None,
    resolution: str = "",
    bulk_id: str = "",
) -> int:
    """Do it to all of them that still allow it; those somebody else works are left alone. Returns how many."""
    if not reason.strip():
        raise Problem("unprocessable", "Give a reason: it is kept on every case.")
    cases = list(_workable(act, user, case_ids).select_for_update(of=("self",), no_key=True).order_by("pk"))
    chosen = Case.objects.filter(pk__in=[case.pk for case in cases])
    now = clock.now()
    if act == "claim":
        chosen.update(state=CaseState.CLAIMED, assignee=user, lease_until=now + LEASE, snoozed_until=None)
    elif act == "assign":
        if assignee is None:
            raise Problem("unprocessable", "Choose the person to assign the cases to.")
        chosen.filter(state=CaseState.CLAIMED).update(state=CaseState.OPEN, lease_until=None)
        chosen.update(assignee=assignee)
    elif act == "snooze":
        if until is None or until <= now:
            raise Problem("unprocessable", "Choose a later time to snooze until.")
        chosen.update(state=CaseState.SNOOZED, snoozed_until=until, lease_until=None)
    elif act == "resolve":
        chosen.update(
            state=CaseState.RESOLVED, resolution=resolution or "bulk", resolution_note=reason, resolved_at=now,
            resolved_by=user, lease_until=None,
        )  # fmt: skip
    after = {case.pk: case for case in chosen.only("pk", "state", "assignee", "snoozed_until", "resolution")}
    told = {"bulk": len(cases)} | ({"bulk_id": bulk_id} if bulk_id else {})
    add_events(
        cases, kind=DONE[act], text=reason,
        data=told if act == "comment" else lambda case: told | {"before": picture(case), "after": picture(after[case.pk])},
    )  # fmt: skip
    return len(cases)


@transaction.atomic
def undo_bulk(*, user: Any, bulk_id: str) -> tuple[int, int]:
    """Take back what one bulk act of this person did to the cases that nobody has changed since; how many, and how many stay."""
    found = list(
        CaseEvent.objects.filter(actor=actor_of(user), data__bulk_id=bulk_id, at__gte=clock.now() - UNDO_FOR).order_by("pk")[:LIMIT]
    )
    if not bulk_id or not found:
        raise Problem("case_nothing_to_undo", "There is nothing to take back: it was done by somebody else, or too long ago.")
    last = {
        event.case_id: event.pk
        for event in CaseEvent.objects.filter(case_id__in=[event.case_id for event in found], kind__in=CHANGES)
        .order_by("case_id", "-id")
        .distinct("case_id")
    }
    wanted = {event.case_id: event for event in found if last.get(event.case_id) == event.pk and "before" in event.data}
    cases = list(Case.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=wanted).order_by("pk"))
    # A cause that has opened a new case meanwhile goes on there.
    twins = set(
        Case.objects.filter(cause_key__in=[case.cause_key for case in cases], state__in=UNRESOLVED).values_list("cause_key", flat=True)
    )
    back = [case for case in cases if case.state != CaseState.RESOLVED or case.cause_key not in twins]
    groups: dict[tuple[Any, ...], list[uuid.UUID]] = {}
    for case in back:
        before = wanted[case.pk].data["before"]
        # A claim that was given up by the act is not taken anew: its lease may be another's by now.
        state = CaseState.OPEN if before["state"] == CaseState.CLAIMED else before["state"]
        groups.setdefault((state, before["assignee"], before["snoozed_until"]), []).append(case.pk)
    for (state, assignee, until), keys in groups.items():
        Case.objects.filter(pk__in=keys).update(
            state=state, assignee_id=assignee, snoozed_until=until, lease_until=None, resolution="", resolution_note="", resolved_at=None, resolved_by=None,
        )  # fmt: skip
    add_events(back, kind="undone", text="Taken back together", data={"bulk": len(back)})
    return len(back), len(found) - len(back)
