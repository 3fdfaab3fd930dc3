"""A closed period of a book is opened again by a second person only. The ledger knows nothing of approvals; this joins the two."""

from __future__ import annotations

import uuid
from typing import Any

from ledger import reopening
from ledger import subjects as ledger_subjects
from ledger.models import Period
from ledger.services import period_reopen
from operations import subjects
from operations.services import register_approval_action, request_approval
from payos.kernel.errors import Problem


def _period(params: dict[str, Any]) -> Period:
    try:
        return Period.objects.select_related("partner").get(pk=uuid.UUID(params["period"]))
    except (Period.DoesNotExist, ValueError, KeyError):
        raise Problem("not_found", "The period is gone.") from None


def preview(params: dict[str, Any]) -> dict[str, Any]:
    period = _period(params)
    whose = period.partner.name if period.partner else "the platform"
    return {
        "summary": f"Open the period {period} of {whose} again ({'live' if period.livemode else 'test'})",
        "changes": [{"field": f"Postings effective from {period} are taken again", "before": "refused", "after": "taken"}],
    }


def fingerprint(params: dict[str, Any]) -> str:
    period = _period(params)
    return f"{period.pk}:{period.closed_at.isoformat() if period.closed_at else 'open'}"


def execute(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    period = period_reopen(period=_period(params), reason=f"{approval.public_id}: {approval.reason}")
    return {"period": period.public_id}


def ask(*, period: Period, reason: str, requested_by: Any) -> str:
    approval = request_approval(
        action=reopening.ACTION,
        subject=period,
        params={"period": str(period.pk)},
        reason=reason,
        requested_by=requested_by,
        partner_id=period.partner_id,
    )
    return f"Asked for: {approval.public_id} waits for somebody else to approve it."


def register() -> None:
    register_approval_action(reopening.ACTION, execute=execute, preview=preview, fingerprint=fingerprint)
    reopening.decided_by(ask)
    ledger_subjects.use_linker(subjects.link)
