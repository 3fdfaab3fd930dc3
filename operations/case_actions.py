"""What can be done about a case besides the common acts. The app that knows how registers it in AppConfig.ready.

An action shows on the cases of its kinds, and on those that name it among their suggested actions. One with a `link`
leads to a page; one with `run` shows its form and acts on POST: it returns an Outcome to resolve the case, or None
to leave it open (because the cause closes it itself, or because an approval was asked for).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.db import transaction
from django.urls import reverse

from operations.models import Case

log = logging.getLogger("payos.operations")


@dataclass(frozen=True, slots=True)
class Outcome:
    resolution: str
    note: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseAction:
    name: str
    label: str
    permission: str
    kinds: tuple[str, ...] = ()
    key: str = ""
    link: Callable[[Case], str] | None = None
    run: Callable[[Case, Any, dict[str, Any]], Outcome | None] | None = None
    form: Callable[[Case, Any], forms.Form] | None = None
    describe: Callable[[Case], str] | None = None
    when: Callable[[Case], bool] | None = None  # a last look at the case itself

    def concerns(self, case: Case) -> bool:
        return case.state != "resolved" and (case.kind in self.kinds or self.name in case.suggested_actions)

    def applies(self, case: Case) -> bool:
        return self.concerns(case) and (self.when is None or self.when(case))


ACTIONS: dict[str, CaseAction] = {}
# kind (or how it begins) -> function(case, request) -> HTML shown in the case's pane
SECTIONS: dict[str, Callable[..., str]] = {}


def register_case_action(action: CaseAction) -> None:
    if (action.link is None) == (action.run is None):
        raise ValueError(f"case action {action.name}: give either link or run")
    ACTIONS[action.name] = action


def register_opening(name: str, label: str, model: str, kinds: tuple[str, ...]) -> None:
    """A step to the page of what the case is about, where that is of this model, for whoever may see it."""
    app, _, named = model.partition(".")
    register_case_action(
        CaseAction(
            name,
            label,
            f"{app}.view_{named}",
            kinds=kinds,
            link=lambda case: reverse(f"admin:{app}_{named}_change", args=[case.subject_id]),
            when=lambda case: case.subject_type == model and bool(case.subject_id),
        )
    )


def register_section(kind: str, render: Callable[..., str]) -> None:
    SECTIONS[kind] = render


def section_for(kind: str) -> Callable[..., str] | None:
    return SECTIONS.get(kind) or next((render for name, render in SECTIONS.items() if kind.startswith(name)), None)


@dataclass(frozen=True, slots=True)
class Shown:
    """An action as the pane offers it."""

    action: CaseAction
    link: str = ""
    form: forms.Form | None = None
    text: str = ""


def actions_for(case: Case, user: Any) -> list[Shown]:
    """What this person can do about the case now. An action that cannot describe itself is left out, and logged: the queue
    must stay workable whatever one app gets wrong."""
    shown = []
    # What has a key of its own is the daily act: it stands first.
    for action in sorted(ACTIONS.values(), key=lambda action: not action.key):
        if not action.concerns(case) or not user.has_perm(action.permission):
            continue
        try:
            with transaction.atomic():
                if not action.applies(case):
                    continue
                shown.append(
                    Shown(
                        action,
                        action.link(case) if action.link else "",
                        action.form(case, None) if action.form and action.run else None,
                        action.describe(case) if action.describe else "",
                    )
                )
        except Exception:
            log.exception("case.action_failed", extra={"action": action.name, "case": case.public_id})
    return shown


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggested step as something to press: a page, or a dialog of the case's pane."""

    label: str
    link: str = ""
    dialog: str = ""


def suggested_for(case: Case, user: Any, actions: list[Shown]) -> list[Suggestion]:
    """Of what was suggested when the case was opened, the steps that this person can take now. Waiting is a snooze."""
    offered = {shown.action.name: shown for shown in actions}
    steps = []
    for name in case.suggested_actions:
        if shown := offered.get(name):
            steps.append(Suggestion(shown.action.label, shown.link, "" if shown.link else f"act-{name}"))
        elif name == "wait" and case.state in {"open", "claimed"} and user.has_perm("operations.work_case"):
            steps.append(Suggestion("Wait: snooze it", dialog="act-snooze"))
    return steps


def section_of(case: Case, request: Any) -> str:
    render = section_for(case.kind)
    if render is None:
        return ""
    try:
        with transaction.atomic():
            return render(case, request)
    except Exception:
        log.exception("case.section_failed", extra={"case": case.public_id})
        return ""
