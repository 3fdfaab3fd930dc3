"""The same act on many cases: first what it would touch, then the act with its reason, as two statements."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Q, QuerySet, Sum

from operations.models import Case
from operations.models.case import CaseState
from operations.services.opening import add_events
from payos.kernel import clock
from payos.kernel.errors import Problem, register

register("bulk_too_many", 422, "Too many cases at once", "Narrow the selection to the number in the detail.")
LIMIT = 5000
# act -> states that allow it
ACTS: dict[str, list[str]] = {
    "claim": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED],
    "assign": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED],
    "snooze": [CaseState.OPEN, CaseState.CLAIMED],
    "resolve": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED],
    "comment": [CaseState.OPEN, CaseState.CLAIMED, CaseState.SNOOZED, CaseState.AWAITING_APPROVAL],
}
DONE = {"claim": "claimed", "assign": "assigned", "snooze": "snoozed", "resolve": "resolved", "comment": "comment"}


@dataclass(frozen=True, slots=True)
class Preview:
    count: int
    skipped: int
    amounts: list[tuple[str, int]]


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
    return Preview(count, len(set(case_ids)) - count, [(currency, int(total)) for currency, total in amounts])


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
) -> int:
    """Do it to all of them that still allow it; those somebody else works are left alone. Returns how many."""
    if not reason.strip():
        raise Problem("unprocessable", "Give a reason: it is kept on every case.")
    cases = list(_workable(act, user, case_ids).select_for_update(of=("self",), no_key=True).order_by("pk"))
    chosen = Case.objects.filter(pk__in=[case.pk for case in cases])
    now = clock.now()
    if act == "claim":
        from operations.services.work import LEASE

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
    add_events(cases, kind=DONE[act], text=reason, data={"bulk": len(cases)})
    return len(cases)
