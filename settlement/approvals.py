"""Acts of settlement that need a second person: windows and transfers out of turn, rails switched on again."""

from __future__ import annotations

from typing import Any

from operations.services import register_approval_action
from payos.kernel.errors import Problem
from payos.kernel.money import display
from settlement import services
from settlement.models import Halt, Rail, Transfer, WindowRule


def _rule(params: dict[str, Any]) -> WindowRule:
    rule = WindowRule.objects.select_related("rail").filter(pk=params["rule"]).first()
    if rule is None:
        raise Problem("not_found", "The window rule is gone.")
    return rule


def _waiting(rule: WindowRule) -> Any:
    rows = Transfer.objects.filter(rail=rule.rail, state="queued", settlement_batch=None)
    return rows.filter(partner=rule.partner) if rule.partner_id else rows


def _preview_window(params: dict[str, Any]) -> dict[str, Any]:
    rule = _rule(params)
    waiting = list(_waiting(rule).values_list("currency", "amount_minor")[:5000])
    totals: dict[str, int] = {}
    for currency, amount in waiting:
        totals[currency] = totals.get(currency, 0) + amount
    return {
        "summary": f"Close the window of {rule.rail.name} now: {len(waiting)} transfers, "
        + (", ".join(display(total, currency) for currency, total in sorted(totals.items())) or "nothing waits")
    }


def _close_window(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    rule = _rule(params)
    waiting = list(_waiting(rule))
    window = services.close_now(rule=rule, reason=approval.reason, transfers=waiting)
    return {"window": window.public_id if window else None, "transfers": len(waiting)}


def _transfer(params: dict[str, Any]) -> Transfer:
    transfer = Transfer.objects.select_related("rail").filter(pk=params["transfer"]).first()
    if transfer is None:
        raise Problem("not_found", "The transfer is gone.")
    return transfer


def _preview_transfer(params: dict[str, Any]) -> dict[str, Any]:
    transfer = _transfer(params)
    return {
        "summary": f"Send {transfer.public_id} ({display(transfer.amount_minor, transfer.currency)} by {transfer.rail.name}) now, outside its window"
    }


def _send_transfer(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    transfer = _transfer(params)
    if transfer.state != "queued" or transfer.settlement_batch_id:
        raise Problem("invalid_state", f"{transfer.public_id} is {transfer.state} and waits for no window any more.")
    rule, _ = WindowRule.objects.get_or_create(rail=transfer.rail, partner=None, defaults={"frequency": "continuous"})
    window = services.close_now(rule=rule, reason=approval.reason, transfers=[transfer])
    return {"window": window.public_id if window else None}


def _rail(params: dict[str, Any]) -> Rail:
    return Rail.objects.get(pk=params["rail"])


def _rail_on(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    services.rail_on(rail=_rail(params), reason=approval.reason)
    return {"enabled": True}


def _resume(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    services.resume_all(reason=approval.reason)
    return {"halted": False}


def register() -> None:
    register_approval_action(
        "settlement.window_override",
        execute=_close_window,
        preview=_preview_window,
        fingerprint=lambda params: f"{_rule(params).pk}:{_rule(params).active}",
    )
    register_approval_action(
        "settlement.transfer_override",
        execute=_send_transfer,
        preview=_preview_transfer,
        fingerprint=lambda params: f"{_transfer(params).state}:{_transfer(params).amount_minor}:{_transfer(params).settlement_batch_id}",
    )
    register_approval_action(
        "settlement.rail_on",
        execute=_rail_on,
        preview=lambda params: {"summary": f"Switch {_rail(params).name} on again"},
        fingerprint=lambda params: f"{_rail(params).enabled}:{_rail(params).off_reason}",
    )
    register_approval_action(
        "settlement.resume_all",
        execute=_resume,
        preview=lambda params: {"summary": "Let all rails send again"},
        fingerprint=lambda params: "|".join(Halt.objects.values_list("reason", flat=True)),
    )
