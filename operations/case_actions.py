"""What can be done about a case besides the common acts. The app that knows how registers it in AppConfig.ready.

An action shows on the cases of its kinds, and on those that name it among their suggested actions. One with a `link`
leads to a page; one with `run` shows its form and acts on POST: it returns an Outcome to resolve the case, or None
to leave it open (because the cause closes it itself, or because an approval was asked for).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django import forms

from operations.models import Case


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

    def applies(self, case: Case) -> bool:
        if case.state == "resolved" or not (case.kind in self.kinds or self.name in case.suggested_actions):
            return False
        return self.when is None or self.when(case)


ACTIONS: dict[str, CaseAction] = {}
# kind (or how it begins) -> function(case, request) -> HTML shown in the case's pane
SECTIONS: dict[str, Callable[..., str]] = {}


def register_case_action(action: CaseAction) -> None:
    if (action.link is None) == (action.run is None):
        raise ValueError(f"case action {action.name}: give either link or run")
    ACTIONS[action.name] = action


def register_section(kind: str, render: Callable[..., str]) -> None:
    SECTIONS[kind] = render


def section_for(kind: str) -> Callable[..., str] | None:
    return SECTIONS.get(kind) or next((render for name, render in SECTIONS.items() if kind.startswith(name)), None)


def actions_for(case: Case, user: Any) -> list[CaseAction]:
    return [action for action in ACTIONS.values() if action.applies(case) and user.has_perm(action.permission)]
