"""Rules: tried on history before they are activated, and activated by a second person."""

from __future__ import annotations

import dataclasses
from typing import Any

from django.db import connection, transaction

from payos.kernel import locks, tenancy
from payos.kernel.errors import Problem
from reconciliation.matching import engine
from reconciliation.matching.spec import SpecError
from reconciliation.models import BankAccount, Rule, RuleTrial
from reconciliation.services import running

SAMPLES = 20


class _Undo(Exception):
    """Takes a dry run back."""


def try_rule(*, rule: Rule) -> RuleTrial:
    """Run the engine with and without the rule over what is open now; nothing of it stays but the report."""
    accounts = [rule.account] if rule.account else list(BankAccount.objects.filter(partner=rule.partner, active=True)[:20])
    result: dict[str, Any] = {"accounts": [], "matched_before": 0, "matched_after": 0, "samples": []}
    for account in accounts:
        result["accounts"].append(_compare(account, rule, result))
    return RuleTrial.objects.create(partner_id=rule.partner_id, livemode=rule.livemode, rule=rule, result=result)


def _compare(account: BankAccount, rule: Rule, result: dict[str, Any]) -> dict[str, Any]:
    try:
        added = running.engine_rule(rule)
    except SpecError as error:
        raise Problem("unprocessable", f"The rule cannot run: {error}.") from error
    spec = running.spec_for(account)
    others = tuple(known for known in spec.rules if known.id != added.id)
    seen: list[tuple[engine.Result, set[tuple[str, str]]]] = []
    for rules in (others, (*others, added)):
        try:
            with transaction.atomic(), tenancy.platform_scope():
                locks.advisory_xact_lock(f"reconciliation:{account.pk}")
                running.load_sides(account)
                outcome = engine.run(connection.connection, dataclasses.replace(spec, rules=rules))
                seen.append((outcome, _pairs()))
                raise _Undo
        except _Undo:
            pass
    (before, pairs_before), (after, pairs_after) = seen
    result["matched_before"] += before.matches
    result["matched_after"] += after.matches
    for word, pairs in (("no longer matched", pairs_before - pairs_after), ("newly matched", pairs_after - pairs_before)):
        result["samples"] += [{"change": word, "item": a, "line": b} for a, b in sorted(pairs)[:SAMPLES]]
    return {"account": account.name, "before": before.matches, "after": after.matches,
            "lost": len(pairs_before - pairs_after), "gained": len(pairs_after - pairs_before)}  # fmt: skip


def _pairs() -> set[tuple[str, str]]:
    rows = connection.connection.execute(
        "SELECT a.ext_id, b.ext_id FROM recon_pair p JOIN recon_internal a ON a.rid = p.i JOIN recon_external b ON b.rid = p.e"
    )
    return set(rows.fetchall())


@transaction.atomic
def activate_rule(*, rule: Rule) -> Rule:
    """Make a tried draft active; an active rule of the same name steps back. Reached through an approval only."""
    rule = Rule.objects.select_for_update().get(pk=rule.pk)
    if rule.state == "active":
        return rule
    if not rule.trials.exists():
        raise Problem("invalid_state", f"{rule.name} was never tried: run the dry run first.")
    Rule.objects.filter(partner=rule.partner, name=rule.name, state="active").update(state="retired")
    rule.state = "active"
    rule.save(update_fields=["state"])
    return rule


def propose_from_match(*, match: Any) -> Rule:
    """A draft from what a person matched by hand: the words that its lines have in common."""
    lines = [item.line for item in match.items.filter(line__isnull=False).select_related("line")]
    words = [set(line.description.upper().split()) for line in lines if line.description]
    common = sorted(set.intersection(*words), key=len, reverse=True) if words else []
    if not common:
        raise Problem("unprocessable", "The lines of this match have no word in common that a rule could look for.")
    return Rule.objects.create(
        partner_id=match.partner_id, livemode=match.livemode, account=match.account, name=f"Lines like {common[0]}"[:120], action="label",
        side="external", conditions=[{"field": "description", "operator": "contains", "value": common[0]}], reason=match.note[:200],
        proposed_from={"match": match.public_id},
    )  # fmt: skip
