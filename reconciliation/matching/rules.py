"""Rules of a run: what they say becomes conditions in SQL, with every value passed as a parameter."""

from __future__ import annotations

from typing import Any

import psycopg

from payos.kernel import sqlfile
from reconciliation.matching.macros import Texts
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
                    f"INSERT INTO recon_ignored SELECT '{letter}', x.rid, %s, %s FROM recon_{side} x WHERE {text}"  # type: ignore[arg-type]  # nosec B608 # the condition is built from known fields and its values are parameters
                    f" AND NOT EXISTS (SELECT FROM recon_ignored g WHERE g.side = '{letter}' AND g.rid = x.rid)",
                    [f"{rule.id} v{rule.version}", rule.reason, *values],
                )


def apply(connection: psycopg.Connection, spec: Spec, texts: Texts) -> None:
    """After the levels: what a rule only lets suggest is taken back from the matches; what it labels is labelled."""
    for rule in sorted(spec.rules, key=lambda rule: (rule.priority, rule.id)):
        if rule.action not in {"suggest", "label"}:
            continue
        connection.execute("DROP TABLE IF EXISTS recon_ruled")
        connection.execute(texts.fill("CREATE TEMP TABLE recon_ruled (match_no int)"))  # type: ignore[arg-type]
        for side, letter in (("internal", "I"), ("external", "E")):
            if rule.side in {side, "both"}:
                text, values = where(rule)
                connection.execute(
                    f"INSERT INTO recon_ruled SELECT m.match_no FROM recon_{side} x JOIN recon_match_item m"  # type: ignore[arg-type]  # nosec B608 # the condition is built from known fields and its values are parameters
                    f" ON m.side = '{letter}' AND m.rid = x.rid WHERE {text}",
                    values,
                )
        name = f"{rule.id} v{rule.version}"
        if rule.action == "label":
            connection.execute(
                "INSERT INTO recon_label SELECT match_no, %s FROM (SELECT DISTINCT match_no FROM recon_ruled) r"
                " WHERE match_no NOT IN (SELECT match_no FROM recon_label)",
                [rule.reason or name],
            )
        else:
            connection.execute(sqlfile.load(__file__, "only_suggest.sql"), {"rule": name})  # type: ignore[arg-type]
