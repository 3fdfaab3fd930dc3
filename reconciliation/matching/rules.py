"""Rules of a run: what they say becomes conditions in SQL, with every value passed as a parameter."""

from __future__ import annotations

from typing import Any

import psycopg

from reconciliation.matching.spec import NUMBER_OPERATORS, Condition, Rule, Spec

OPERATORS = {
    "equals": "upper({0}) = upper(%s)",
    "contains": "strpos(upper({0}), upper(%s)) > 0",
    "starts_with": "starts_with(upper({0}), upper(%s))",
    "matches": "{0} ~* %s",
    "at_least": "{0} >= %s",
    "at_most": "{0} <= %s",
}


def where(rule: Rule, alias: str = "x") -> tuple[str, list[Any]]:
    """The rule's conditions as SQL over one side, and the values for it."""
    parts, values = [], []
    for condition in rule.conditions:
        text, value = _condition(condition, alias)
        parts.append(text)
        values.append(value)
    return " AND ".join(parts), values


def _condition(condition: Condition, alias: str) -> tuple[str, Any]:
    column = f"{alias}.{condition.field}"
    if condition.field == "amount_minor":
        operator = OPERATORS[condition.operator] if condition.operator in NUMBER_OPERATORS[1:] else "{0} = %s"
        return operator.format(column), int(condition.value)
    if condition.field == "day":
        operator = OPERATORS[condition.operator] if condition.operator in NUMBER_OPERATORS[1:] else "{0} = %s"
        return operator.format(column) + "::date", condition.value
    return OPERATORS[condition.operator].format(column), condition.value


def ignore(connection: psycopg.Connection, spec: Spec) -> None:
    """Rows that a rule takes out of the run, each with the rule and its reason."""
    for rule in sorted(spec.rules, key=lambda rule: (rule.priority, rule.id)):
        if rule.action != "ignore":
            continue
        for side, letter in (("internal", "I"), ("external", "E")):
            if rule.side in {side, "both"}:
                text, values = where(rule)
                connection.execute(
                    f"INSERT INTO recon_ignored SELECT '{letter}', x.rid, %s, %s FROM recon_{side} x WHERE {text}"  # type: ignore[arg-type]
                    f" AND NOT EXISTS (SELECT FROM recon_ignored g WHERE g.side = '{letter}' AND g.rid = x.rid)",
                    [f"{rule.id} v{rule.version}", rule.reason, *values],
                )
