"""The kill switches. Off works at once, for anyone who may; on again needs a second person (see `approvals.py`)."""

from __future__ import annotations

from django.db import transaction

from payos.kernel import audit, clock, tenancy
from payos.kernel.errors import Problem
from settlement.models import Halt, Rail


def _reason(reason: str) -> str:
    if not reason.strip():
        raise Problem("unprocessable", "Say why: the reason stands in the audit trail and on the rail.")
    return reason.strip()[:300]


@transaction.atomic
def rail_off(*, rail: Rail, reason: str) -> Rail:
    """Nothing new is sent by this rail from now on; what was sent is still asked about."""
    rail = Rail.objects.select_for_update().get(pk=rail.pk)
    rail.enabled, rail.off_reason = False, _reason(reason)
    with tenancy.acting(reason=rail.off_reason):
        rail.save(update_fields=["enabled", "off_reason"])
    return rail


@transaction.atomic
def rail_on(*, rail: Rail, reason: str) -> Rail:
    rail = Rail.objects.select_for_update().get(pk=rail.pk)
    rail.enabled, rail.off_reason = True, ""
    with tenancy.acting(reason=_reason(reason)):
        rail.save(update_fields=["enabled", "off_reason"])
    return rail


@transaction.atomic
def halt_all(*, reason: str) -> None:
    """Nothing is sent by any rail from now on."""
    Halt.objects.update_or_create(id=1, defaults={"reason": _reason(reason), "at": clock.now()})
    audit.record(action="rails.halted", reason=reason)


@transaction.atomic
def resume_all(*, reason: str) -> None:
    Halt.objects.all().delete()
    audit.record(action="rails.resumed", reason=_reason(reason))
