"""State machines: django-fsm transitions whose every change of state lands in the audit trail.

`AuditedState` declares it; the trigger in `sql/audit.sql` records it, bulk SQL included. A transition taken in
Python states its reason with `tenancy.acting(reason=...)`.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django_fsm import FSMField, FSMModelMixin, TransitionNotAllowed, can_proceed, transition

from payos.kernel.errors import Problem

__all__ = ["AuditedState", "FSMField", "TransitionNotAllowed", "can_proceed", "take", "transition"]


class AuditedState(FSMModelMixin, models.Model):
    audit: ClassVar[str | None] = "state"

    class Meta:
        abstract = True

    def full_clean(self, exclude: Any = None, validate_unique: bool = True, validate_constraints: bool = True) -> None:
        # A protected FSM field refuses assignment, and full_clean assigns what it cleaned.
        super().full_clean({*(exclude or ()), "state"}, validate_unique, validate_constraints)


def take(instance: Any, name: str, **arguments: Any) -> None:
    """Take the transition `name`, or say as a Problem which state forbids it."""
    try:
        getattr(instance, name)(**arguments)
    except TransitionNotAllowed as error:
        raise Problem(
            "invalid_state",
            f"{instance.public_id} is {instance.state}: it cannot {name.replace('_', ' ')}.",
        ) from error
