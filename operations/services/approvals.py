"""Four eyes: one mechanism for every act that one person must not do alone.

An app registers an action with three functions of its parameters: `preview(params) -> dict` says exactly what will
happen (`summary`, and as they apply `entries`, `calls`, `changes`), `fingerprint(params) -> str` pictures the subject,
and `execute(params, approval) -> dict | None` does it. The approver's decision runs `execute` in its own transaction:
an act that fails leaves the request as it was.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from operations.models import Approval, ApprovalLimit, Case
from operations.models.approval import ApprovalState
from operations.models.case import CaseState
from operations.services.opening import _scope_for, add_events, subject_of
from payos.kernel import clock, ids
from payos.kernel.errors import Problem, register
from payos.kernel.fsm import take

register("approval_pending", 409, "The same approval is already asked for", "Wait for the decision, or let it expire.")
register("approval_own", 403, "Whoever asks is not whoever approves", "Ask somebody else to decide.")
register("approval_decided", 409, "The approval is decided already", "Ask again if the act is still wanted.")
register("approval_forbidden", 403, "Your role may not decide approvals", "Ask somebody with the approver role.")
register("approval_reason_missing", 422, "A reason is needed", "Say why, in a sentence that an auditor understands.")

VALID_FOR = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Action:
    name: str
    execute: Callable[..., dict[str, Any] | None]
    preview: Callable[[dict[str, Any]], dict[str, Any]]
    fingerprint: Callable[[dict[str, Any]], str]


ACTIONS: dict[str, Action] = {}


def register_approval_action(
    name: str,
    *,
    execute: Callable[..., dict[str, Any] | None],
    preview: Callable[[dict[str, Any]], dict[str, Any]],
    fingerprint: Callable[[dict[str, Any]], str],
) -> None:
    """Make `name` an act that needs a second person. From AppConfig.ready."""
    ACTIONS[name] = Action(name, execute, preview, fingerprint)


def needs_approval(*, action: str, user: Any, amount_minor: int | None, currency: str) -> bool:
    """May this person do it alone? Only up to the limit that one of the person's roles has for it."""
    if amount_minor is None:
        return True
    roles = list(user.groups.values_list("name", flat=True)) if user is not None else []
    return not ApprovalLimit.objects.filter(action=action, role__in=roles, currency=currency, limit_minor__gte=abs(amount_minor)).exists()


@transaction.atomic
def request_approval(
    *,
    action: str,
    subject: Any = None,
    params: dict[str, Any],
    reason: str,
    requested_by: Any,
    partner_id: uuid.UUID | None = None,
    amount_minor: int | None = None,
    currency: str = "",
    title: str = "",
    case: Case | None = None,
) -> Approval:
    """Ask for one exact act. The parameters must be plain JSON: they are all that the act gets."""
    if not reason.strip():
        raise Problem("approval_reason_missing", f"Say why {action} is asked for.")
    known = _action(action)
    params = json.loads(json.dumps(params, default=str, sort_keys=True))
    preview = json.loads(json.dumps(known.preview(params), default=str))
    subject_type, subject_id = subject_of(subject)
    if not subject_type:
        subject_type, subject_id = "parameters", _digest(json.dumps(params, sort_keys=True))
    approval = Approval(
        partner_id=partner_id,
        livemode=bool(getattr(subject, "livemode", False)),
        action=action,
        title=(title or str(preview.get("summary") or action))[:200],
        subject_type=subject_type[:60],
        subject_id=subject_id[:64],
        params=params,
        preview=preview,
        fingerprint=_fingerprint(known, params),
        amount_minor=amount_minor,
        currency=currency,
        reason=reason,
        requested_by=requested_by,
        case=case,
        expires_at=clock.now() + VALID_FOR,
    )
    with _scope_for(partner_id):
        _expire_due(Q(action=action, subject_type=approval.subject_type, subject_id=approval.subject_id))
        try:
            with transaction.atomic():
                approval.save(force_insert=True)
        except IntegrityError as error:
            if "one_pending" not in str(error):
                raise
            raise Problem("approval_pending", f"{action} is already asked for on {subject_type} {subject_id}.") from None
        if case is not None:
            _case_waits(case, approval)
    return approval


@transaction.atomic
def decide_approval(*, approval: Approval, user: Any, approve: bool, note: str) -> Approval:
    """Decide; an approved act is carried out here. Comes back `expired` or `void` when it is too late for either."""
    approval = Approval.objects.select_for_update(of=("self",)).get(pk=approval.pk)
    if approval.state != ApprovalState.REQUESTED:
        raise Problem("approval_decided", f"{approval.public_id} is {approval.get_state_display().lower()} already.")
    if approval.requested_by_id == user.pk:
        raise Problem("approval_own", f"{user.get_username()} asked for {approval.public_id} and cannot decide it.")
    if not user.has_perm("operations.decide_approval"):
        raise Problem("approval_forbidden", f"{user.get_username()} may not decide approvals.")
    if not approve and not note.strip():
        raise Problem("approval_reason_missing", "Say why you reject it: who asked needs to know.")
    if approval.expires_at <= clock.now():
        take(approval, "expire")
        return _closed(approval, user)
    known = _action(approval.action)
    if approve and _fingerprint(known, approval.params) != approval.fingerprint:
        take(approval, "make_void", note="The subject changed after the request, so what was shown is no longer what would happen.")
        return _closed(approval, user)
    if not approve:
        take(approval, "reject", user=user, note=note)
        return _closed(approval, user)
    result = known.execute(approval.params, approval)
    take(approval, "approve", user=user, note=note, result=json.loads(json.dumps(result, default=str)))
    return _closed(approval, user)


def expire_approvals() -> int:
    """What nobody decided in time is over; the case behind it is open again."""
    with transaction.atomic():
        return _expire_due(Q())


def _expire_due(which: Q) -> int:
    due = Approval.objects.select_for_update(of=("self",), skip_locked=True).filter(
        which, state=ApprovalState.REQUESTED, expires_at__lte=clock.now()
    )
    rows = list(due.order_by("pk")[:1000])
    for approval in rows:
        take(approval, "expire")
        _closed(approval, None)
    return len(rows)


def current_preview(approval: Approval) -> tuple[dict[str, Any], bool]:
    """What the act would do now, and whether that is still what was asked for."""
    known = _action(approval.action)
    if _fingerprint(known, approval.params) != approval.fingerprint:
        return approval.preview, False
    return approval.preview, True


def _closed(approval: Approval, user: Any) -> Approval:
    approval.save()
    if approval.case_id:
        _case_goes_on(approval, user)
    return approval


def _case_waits(case: Case, approval: Approval) -> None:
    case = Case.objects.select_for_update(of=("self",), no_key=True).get(pk=case.pk)
    take(case, "await_approval")
    case.save()
    add_events([case], kind="approval_requested", text=approval.reason, data={"approval": approval.public_id, "action": approval.action})


def _case_goes_on(approval: Approval, user: Any) -> None:
    case = Case.objects.select_for_update(of=("self",), no_key=True).get(pk=approval.case_id)  # type: ignore[misc]
    add_events([case], kind=f"approval_{approval.state}", text=approval.decision_note, data={"approval": approval.public_id})
    if case.state != CaseState.AWAITING_APPROVAL:
        return  # the act itself has moved it
    if approval.state == ApprovalState.APPROVED:
        take(case, "resolve", resolution=approval.action[:60], note=approval.decision_note, user=user)
        case.data = case.data | {"resolved": {"approval": approval.public_id}}
        add_events([case], kind="resolved", data={"resolution": approval.action})
    else:
        take(case, "approval_refused")
    case.save()


def _action(name: str) -> Action:
    try:
        return ACTIONS[name]
    except KeyError:
        raise LookupError(f"no approval action {name!r} is registered: call register_approval_action in AppConfig.ready") from None


def _fingerprint(action: Action, params: dict[str, Any]) -> str:
    return _digest(str(action.fingerprint(params)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def approval_for(public_id: str) -> Approval:
    try:
        return Approval.objects.get(pk=ids.decode("apr", public_id))
    except (ids.InvalidId, Approval.DoesNotExist):
        raise Problem("not_found", f"There is no approval {public_id[:80]!r} here.") from None
