"""Limits of what a role may do alone. A change of a limit is itself an act of two people."""

from __future__ import annotations

from typing import Any

from operations.models import Approval, ApprovalLimit
from operations.services.approvals import ACTIONS, register_approval_action, request_approval
from partners.roles import MATRIX
from payos.kernel import money
from payos.kernel.errors import Problem

CHANGE_LIMIT = "operations.change_limit"


def ask_limit(*, user: Any, action: str, role: str, currency: str, limit: str, reason: str) -> Approval:
    """Ask for a limit: above it the role needs a second person for the action. 0 means always."""
    if action not in ACTIONS or action == CHANGE_LIMIT:
        raise Problem("unprocessable", f"{action[:60]!r} is no act with a limit: choose one of the list.")
    if role not in MATRIX:
        raise Problem("unprocessable", f"{role[:60]!r} is no role: choose one of {', '.join(MATRIX)}.")
    try:
        minor = money.parse_minor(limit.strip(), currency)
    except money.MoneyError as error:
        raise Problem("unprocessable", f"The limit cannot be read: {error}") from None
    if minor < 0:
        raise Problem("unprocessable", "The limit cannot be below zero.")
    params = {"action": action, "role": role, "currency": currency, "limit_minor": minor}
    return request_approval(
        action=CHANGE_LIMIT,
        subject=("operations.approvallimit", f"{role}:{currency}:{action}"),
        params=params,
        reason=reason,
        requested_by=user,
        amount_minor=minor,
        currency=currency,
    )


def _current(params: dict[str, Any]) -> int | None:
    return (
        ApprovalLimit.objects.filter(action=params["action"], role=params["role"], currency=params["currency"])
        .values_list("limit_minor", flat=True)
        .first()
    )


def _preview(params: dict[str, Any]) -> dict[str, Any]:
    before = _current(params)
    shown = money.display(params["limit_minor"], params["currency"])
    return {
        "summary": f"{params['role']} may do {params['action']} alone up to {shown}",
        "changes": [
            {
                "field": f"{params['action']} for {params['role']}",
                "before": "always two people" if before is None else money.display(before, params["currency"]),
                "after": shown,
            }
        ],
    }


def _execute(params: dict[str, Any], approval: Approval) -> dict[str, Any]:
    limit, _ = ApprovalLimit.objects.update_or_create(
        action=params["action"],
        role=params["role"],
        currency=params["currency"],
        defaults={"limit_minor": params["limit_minor"]},
    )
    return {"limit": str(limit.pk)}


def register() -> None:
    register_approval_action(CHANGE_LIMIT, execute=_execute, preview=_preview, fingerprint=lambda params: str(_current(params)))
