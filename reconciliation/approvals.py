"""Acts of reconciliation that need a second person: rules becoming active, and write-offs over a role's limit."""

from __future__ import annotations

from typing import Any

from operations.services import register_approval_action
from payos.kernel.money import display
from reconciliation import services
from reconciliation.models import BankAccount, Rule, StatementLine
from reconciliation.services import booking, deciding, effects


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _rule(params: dict[str, Any]) -> Rule:
    return Rule.objects.get(pk=params["rule"])


def _activate(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    services.activate_rule(rule=_rule(params))
    return {"state": "active"}


def _preview_rule(params: dict[str, Any]) -> dict[str, Any]:
    rule = _rule(params)
    trial = rule.trials.order_by("-id").first()
    found = trial.result if trial else {}
    return {
        "summary": f"Activate {rule}: {rule.get_action_display().lower()} where "
        + " and ".join(f"{c['field']} {c['operator']} {c['value']}" for c in rule.conditions),
        "changes": [
            {"field": f"Matches of {row['account']}, by the dry run", "before": row["before"], "after": row["after"]}
            for row in found.get("accounts", [])
        ],
    }


def _ends(params: dict[str, Any]) -> tuple[BankAccount, list[StatementLine]]:
    return BankAccount.objects.get(pk=params["account"]), list(StatementLine.objects.filter(pk__in=params["lines"]).order_by("pk"))


def _write_off(params: dict[str, Any], approval: Any) -> dict[str, Any]:
    account, lines = _ends(params)
    match = services.match_by_hand(account=account, lines=lines, items=params["items"], write_off=True, note=approval.reason)
    return {"match": match.public_id}


def _preview_write_off(params: dict[str, Any]) -> dict[str, Any]:
    account, lines = _ends(params)
    left = deciding.residual(lines=lines, items=params["items"])
    return {
        "summary": f"Match {_counted(len(lines), 'line')} with {_counted(len(params['items']), 'item')} of {account} and write off {display(left, account.currency)}",
        "entries": effects.preview(account, lines, [deciding.parse_item(text) for text in params["items"]]),
    }


def register() -> None:
    register_approval_action(
        "reconciliation.rule_activate",
        execute=_activate,
        preview=_preview_rule,
        fingerprint=lambda params: f"{_rule(params).version}:{_rule(params).conditions}:{_rule(params).action}:{_rule(params).state}",
    )
    register_approval_action(booking.ADJUST, execute=booking.execute, preview=booking.entries_of, fingerprint=booking.fingerprint)
    register_approval_action(
        "reconciliation.write_off",
        execute=_write_off,
        preview=_preview_write_off,
        fingerprint=lambda params: "|".join(f"{line.pk}:{line.state}:{line.amount_minor}" for line in _ends(params)[1]),
    )
