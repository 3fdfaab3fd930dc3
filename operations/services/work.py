"""What a person does with a case: claim, assign, snooze, comment, resolve, undo."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from operations.models import Case, CaseEvent
from operations.models.case import UNRESOLVED, CaseState
from operations.services.opening import add_events
from payos.kernel import clock
from payos.kernel.errors import Problem, register
from payos.kernel.fsm import take

register("case_claimed", 409, "Somebody else works this case", "Take another case, or wait until the lease ends.")
register("case_nothing_to_undo", 409, "There is nothing to undo", "Only your own last change of a case can be undone.")
register("case_not_undoable", 409, "This cannot be undone", "Correct it with a new act; the detail says why.")

# The events that change where a case stands.
CHANGES = ("claimed", "released", "assigned", "snoozed", "resolved", "undone")
LEASE = timedelta(minutes=15)
# resolution -> what takes its effects back. Filled by the app that knows how (for example a reversing entry).
_undo_of: dict[str, Callable[[Case], None]] = {}


def register_undo(resolution: str, handler: Callable[[Case], None]) -> None:
    """`handler(case)` takes back what a resolution did elsewhere, in the transaction of the undo."""
    _undo_of[resolution] = handler


def locked(case_id: uuid.UUID) -> Case:
    try:
        return Case.objects.select_for_update(of=("self",), no_key=True).get(pk=case_id)
    except Case.DoesNotExist:
        raise Problem("not_found", f"There is no case {case_id} here.") from None


def free_for(case: Case, user: Any) -> None:
    """Refuse when another person holds the lease, or was done with it first."""
    if case.state == CaseState.RESOLVED:
        who = case.resolved_by.get_username() if case.resolved_by else "the system"
        when = f" at {case.resolved_at:%H:%M} UTC" if case.resolved_at else ""
        raise Problem(
            "invalid_state",
            f"{case.public_id} was resolved by {who}{when}: nothing was changed. Undo brings back what you resolved yourself.",
        )
    if case.state == CaseState.CLAIMED and case.assignee_id != user.pk and case.lease_until and case.lease_until > clock.now():
        who = case.assignee.get_username() if case.assignee else "somebody"
        raise Problem("case_claimed", f"{case.public_id} is worked by {who} until {case.lease_until:%H:%M} UTC.")


@transaction.atomic
def claim(*, case: Case, user: Any) -> Case:
    """Take the case for a quarter of an hour; claiming again extends the lease."""
    case = locked(case.pk)
    free_for(case, user)
    before = picture(case)
    take(case, "claim", user=user, until=clock.now() + LEASE)
    case.save()
    _note(case, "claimed", user, before=before)
    return case


@transaction.atomic
def release(*, case: Case, user: Any) -> Case:
    case = locked(case.pk)
    free_for(case, user)
    before = picture(case)
    take(case, "reopen")
    case.assignee = None
    case.save()
    _note(case, "released", user, before=before)
    return case


@transaction.atomic
def assign(*, case: Case, user: Any, assignee: Any, reason: str = "") -> Case:
    """Hand the case to a person; it waits in that person's queue without a lease."""
    case = locked(case.pk)
    free_for(case, user)
    before = picture(case)
    if case.state == CaseState.CLAIMED:
        take(case, "reopen")
    case.assignee = assignee
    case.save()
    _note(case, "assigned", user, text=reason, before=before)
    return case


@transaction.atomic
def snooze(*, case: Case, user: Any, until: datetime, reason: str = "") -> Case:
    if until <= clock.now():
        raise Problem("unprocessable", f"{until:%Y-%m-%d %H:%M} UTC is past: choose a later time.")
    case = locked(case.pk)
    free_for(case, user)
    before = picture(case)
    take(case, "snooze", until=until)
    case.save()
    _note(case, "snoozed", user, text=reason, before=before)
    return case


@transaction.atomic
def comment(*, case: Case, user: Any, text: str) -> CaseEvent:
    text = text.strip()
    if not text:
        raise Problem("unprocessable", "The comment is empty: write something.")
    case = locked(case.pk)
    return _note(case, "comment", user, text=text[:10_000])


@transaction.atomic
def viewed(*, case: Case, user: Any) -> None:
    """Somebody opened the case: one line an hour and person."""
    hour_ago = clock.now() - timedelta(hours=1)
    if not CaseEvent.objects.filter(case=case, kind="viewed", actor=actor_of(user), at__gt=hour_ago).exists():
        _note(case, "viewed", user)


@transaction.atomic
def resolve(*, case: Case, user: Any, resolution: str, note: str = "", data: dict[str, Any] | None = None) -> Case:
    """Close the case. `data` says what was done elsewhere, so that an undo can take it back."""
    case = locked(case.pk)
    if user is not None:
        free_for(case, user)
    before = picture(case)
    take(case, "resolve", resolution=resolution, note=note, user=user)
    if data:
        case.data = case.data | {"resolved": data}
    case.save()
    _note(case, "resolved", user, text=note, before=before, data=data)
    return case


@transaction.atomic
def amend_resolution(*, case: Case, user: Any, resolution: str, note: str, data: dict[str, Any]) -> Case:
    """The act itself closed the case because its cause was gone: keep who acted, how, and what an undo must take back."""
    case = locked(case.pk)
    if case.state != CaseState.RESOLVED:
        raise Problem("invalid_state", f"{case.public_id} is {case.state}: there is no resolution to amend.")
    before = picture(case)
    case.resolution, case.resolution_note, case.resolved_by = resolution, note, user
    case.data = case.data | {"resolved": data}
    case.save()
    _note(case, "resolved", user, text=note, before=before, data=data)
    return case


@transaction.atomic
def restate(*, case: Case, user: Any, amount_minor: int, currency: str) -> Case:
    """Part of what the case is about was decided: it goes on about this much."""
    case = locked(case.pk)
    before = {"amount_minor": case.amount_minor, "currency": case.currency}
    case.amount_minor, case.currency = amount_minor, currency
    case.save(update_fields=["amount_minor", "currency"])
    CaseEvent.objects.create(
        case=case, partner_id=case.partner_id, livemode=case.livemode, kind="restated", actor=actor_of(user),
        data={"before": before, "after": {"amount_minor": amount_minor, "currency": currency}},
    )  # fmt: skip
    return case


@transaction.atomic
def undo(*, case: Case, user: Any) -> Case:
    """Take back this person's last change of the case; what a resolution did elsewhere is reversed, never erased."""
    case = locked(case.pk)
    last = case.events.filter(kind__in=CHANGES).order_by("-id").first()
    if last is None or last.kind == "undone" or last.actor != actor_of(user):
        raise Problem("case_nothing_to_undo", f"Your last change of {case.public_id} is not its latest: nothing was undone.")
    before = picture(case)
    if last.kind == "resolved":
        _undo_resolution(case)
    elif last.kind in {"claimed", "snoozed"} and case.state in {CaseState.CLAIMED, CaseState.SNOOZED}:
        take(case, "reopen")
        case.assignee_id = last.data.get("before", {}).get("assignee")
    elif last.kind in {"released", "assigned"}:
        case.assignee_id = last.data.get("before", {}).get("assignee")
    else:
        raise Problem("case_nothing_to_undo", f"{case.public_id} has moved on since: nothing was undone.")
    try:
        with transaction.atomic():
            case.save()
    except IntegrityError:
        raise Problem("case_not_undoable", "The same cause has opened a new case since: work that one.") from None
    _note(case, "undone", user, text=f"{last.kind} taken back", before=before)
    return case


def _undo_resolution(case: Case) -> None:
    handler = _undo_of.get(case.resolution)
    done = case.data.get("resolved")
    if handler is not None:
        handler(case)
    elif done:
        raise Problem(
            "case_not_undoable", f"{case.public_id} was resolved by {case.resolution}, which has effects that cannot be taken back here."
        )
    case.data = {name: value for name, value in case.data.items() if name != "resolved"}
    take(case, "undo_resolution")


@transaction.atomic
def wake_up() -> int:
    """Snoozed cases whose time has come and claims whose lease has ended return to the queue."""
    now, moved = clock.now(), 0
    for state, due, kind in (
        (CaseState.SNOOZED, {"snoozed_until__lte": now}, "woken"),
        (CaseState.CLAIMED, {"lease_until__lte": now}, "lease_ended"),
    ):
        cases = list(
            Case.objects.select_for_update(of=("self",), no_key=True, skip_locked=True).filter(state=state, **due).order_by("pk")[:5000]
        )
        Case.objects.filter(pk__in=[case.pk for case in cases]).update(
            state=CaseState.OPEN, snoozed_until=None, lease_until=None,
            **({"assignee": None} if state == CaseState.CLAIMED else {}),
        )  # fmt: skip
        add_events(cases, kind=kind)
        moved += len(cases)
    return moved


def actor_of(user: Any) -> str:
    return f"user:{user.get_username()}" if user is not None else "the system"


def picture(case: Case) -> dict[str, Any]:
    return {
        "state": case.state,
        "assignee": case.assignee_id,
        "snoozed_until": case.snoozed_until.isoformat() if case.snoozed_until else None,
        "resolution": case.resolution,
    }


def _note(
    case: Case, kind: str, user: Any, *, text: str = "", before: dict[str, Any] | None = None, data: dict[str, Any] | None = None
) -> CaseEvent:
    change = {"before": before, "after": picture(case)} if before is not None else {}
    return CaseEvent.objects.create(
        case=case,
        partner_id=case.partner_id,
        livemode=case.livemode,
        kind=kind,
        actor=actor_of(user),
        text=text,
        data=change | (data or {}),
    )


__all__ = [
    "LEASE", "UNRESOLVED", "assign", "claim", "comment", "register_undo", "release", "resolve", "snooze", "undo", "viewed", "wake_up",
]  # fmt: skip
