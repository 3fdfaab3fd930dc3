"""Live keys for a partner: go-live is asked for, and approved by a second person."""

from __future__ import annotations

from typing import Any

from operations.models import Approval
from operations.services.approvals import register_approval_action, request_approval
from partners.models import Partner
from partners.services import partner_set_live
from payos.kernel.errors import Problem

GO_LIVE = "partners.go_live"


def ask_go_live(*, user: Any, partner: Partner, reason: str) -> Approval:
    if partner.live_enabled:
        raise Problem("invalid_state", f"{partner.name} is live already.")
    return request_approval(
        action=GO_LIVE, subject=partner, params={"partner": str(partner.pk)}, reason=reason, requested_by=user, partner_id=partner.pk
    )


def _partner(params: dict[str, Any]) -> Partner:
    return Partner.objects.get(pk=params["partner"])


def _preview(params: dict[str, Any]) -> dict[str, Any]:
    partner = _partner(params)
    return {
        "summary": f"{partner.name} goes live: live API keys may be made, and real money moves with them",
        "changes": [{"field": "Mode", "before": "live" if partner.live_enabled else "test only", "after": "live"}],
    }


def _execute(params: dict[str, Any], approval: Approval) -> dict[str, Any]:
    partner = partner_set_live(partner=_partner(params), approval=approval.public_id, reason=approval.reason)
    return {"partner": partner.public_id, "live": partner.live_enabled}


def register() -> None:
    register_approval_action(
        GO_LIVE, execute=_execute, preview=_preview, fingerprint=lambda params: f"{_partner(params).live_enabled}:{_partner(params).active}"
    )
