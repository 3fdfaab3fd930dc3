"""The forms and acts of one case: from what was posted to one service call and a sentence that says what happened."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import QueryDict

from operations import services
from operations.case_actions import ACTIONS, Outcome
from operations.models import Case
from partners.models import User
from payos.kernel import clock
from payos.kernel.errors import Problem

SNOOZES = {"1h": "1 hour", "4h": "4 hours", "tomorrow": "Tomorrow 09:00 UTC", "week": "In a week"}
RESOLUTIONS = {
    "fixed": "Fixed at the source",
    "no_action": "Nothing to do",
    "duplicate": "Worked in another case",
    "false_alarm": "False alarm",
}
BULK_DONE = {
    "claim": "claimed for 15 minutes",
    "assign": "assigned",
    "snooze": "put to sleep",
    "resolve": "resolved",
    "comment": "commented",
}
WORK_ACTS = {"claim", "release", "assign", "snooze", "comment", "resolve", "undo", "viewed"}


def snooze_until(choice: str) -> datetime:
    now = clock.now()
    if choice == "1h":
        return now + timedelta(hours=1)
    if choice == "4h":
        return now + timedelta(hours=4)
    if choice == "week":
        return now + timedelta(days=7)
    if choice == "tomorrow":
        return (now + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    raise Problem("unprocessable", f"{choice[:20]!r} is no time to snooze until: choose one of {', '.join(SNOOZES.values())}.")


def workers() -> Any:
    """People a case can be assigned to."""
    return User.objects.filter(is_active=True, is_staff=True).order_by("username")


def person(key: str) -> User:
    if not (key.isascii() and key.isdigit()):
        raise Problem("unprocessable", "Choose the person to assign to.")
    found = workers().filter(pk=int(key[:9])).first()
    if found is None:
        raise Problem("unprocessable", "That person is not active: choose another.")
    return found


def resolution(choice: str) -> str:
    if choice not in RESOLUTIONS:
        raise Problem("unprocessable", f"Choose how it was resolved: {', '.join(RESOLUTIONS.values())}.")
    return choice


def run(act: str, case: Case, user: Any, data: QueryDict) -> str:
    reason = data.get("reason", "").strip()
    if act == "claim":
        services.claim(case=case, user=user)
        return f"{case.public_id} is yours for {services.LEASE.seconds // 60} minutes."
    if act == "release":
        services.release(case=case, user=user)
        return f"{case.public_id} is back in the queue."
    if act == "assign":
        who = person(data.get("assignee", ""))
        services.assign(case=case, user=user, assignee=who, reason=reason)
        return f"{case.public_id} is assigned to {who.get_username()}."
    if act == "snooze":
        until = snooze_until(data.get("until", ""))
        services.snooze(case=case, user=user, until=until, reason=reason)
        return f"{case.public_id} sleeps until {until:%Y-%m-%d %H:%M} UTC."
    if act == "comment":
        services.comment(case=case, user=user, text=reason)
        return "The comment is kept."
    if act == "resolve":
        services.resolve(case=case, user=user, resolution=resolution(data.get("resolution", "")), note=reason)
        return f"{case.public_id} is resolved."
    if act == "viewed":
        services.viewed(case=case, user=user)
        return ""
    if act == "undo":
        services.undo(case=case, user=user)
        return f"Your last change of {case.public_id} is taken back."
    return _run_registered(act, case, user, data)


def _run_registered(act: str, case: Case, user: Any, data: QueryDict) -> str:
    action = ACTIONS.get(act)
    if action is None or action.run is None or not action.applies(case):
        raise Problem("unprocessable", f"{act[:40]!r} cannot be done with {case.public_id}.")
    if not user.has_perm(action.permission):
        raise Problem("permission_denied", f"Your role may not {action.label.lower()}.")
    values: dict[str, Any] = {}
    if action.form is not None:
        form: forms.Form = action.form(case, data)
        if not form.is_valid():
            raise Problem("unprocessable", "; ".join(f"{name}: {', '.join(map(str, texts))}" for name, texts in form.errors.items()))
        values = form.cleaned_data
    services.claim(case=case, user=user)
    outcome = action.run(case, user, values)
    case.refresh_from_db()
    if isinstance(outcome, Outcome) and case.state != "resolved":
        services.resolve(case=case, user=user, resolution=outcome.resolution, note=outcome.note, data=outcome.data)
        return outcome.note or f"{action.label}: done."
    return f"{action.label}: done."
