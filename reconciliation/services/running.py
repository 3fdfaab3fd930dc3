"""Running the engine over one account: open lines against open items, results stored, effects booked, all in one transaction.

Late items meet what earlier runs left open, because a run always takes everything that is open.
"""

from __future__ import annotations

import dataclasses
import json
import uuid
from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction

from operations.services import open_cases, resolve_by_cause
from payos.kernel import clock, locks, sqlfile, tenancy
from payos.kernel.money import display
from reconciliation.matching import engine, load
from reconciliation.matching.spec import Condition, Spec
from reconciliation.matching.spec import Rule as EngineRule
from reconciliation.models import BankAccount, Discrepancy, Rule, Run, Statement, StatementLine, Suggestion
from reconciliation.services import effects

LOOK_BACK_DAYS = 400
CASE_LIMIT = 5_000
TITLES = {
    "missing_settlement": "Nothing on the statement for what we sent or expect",
    "missing_internal": "On the statement, and nothing of ours fits",
    "amount_mismatch": "The bank moved another amount",
    "duplicate": "The same movement seems to be there twice",
    "fee_variance": "The fee is not what was expected",
    "fx_variance": "The converted amount is off by more than rounding",
    "date_out_of_window": "It arrived outside the window of days",
    "currency_mismatch": "The currencies differ",
    "split_incomplete": "A batch or split is not complete",
    "ambiguous": "Several counterparts fit equally well",
}


def spec_for(account: BankAccount) -> Spec:
    """The default, what the account changes of it, and the active rules."""
    known = {f.name for f in dataclasses.fields(Spec)} - {"rules", "holidays"}
    changes: dict[str, Any] = {name: tuple(value) if name == "levels" else value for name, value in account.spec.items() if name in known}
    return Spec(**changes, rules=tuple(engine_rule(rule) for rule in active_rules(account)))


def active_rules(account: BankAccount) -> list[Rule]:
    rules = Rule.objects.filter(state="active", partner=account.partner).order_by("priority", "id")
    return [rule for rule in rules if rule.account_id in {None, account.pk}]


def engine_rule(rule: Rule) -> EngineRule:
    return EngineRule(
        id=rule.public_id, action=rule.action, side=rule.side, priority=rule.priority, version=rule.version, reason=rule.reason,
        conditions=tuple(Condition(c["field"], c["operator"], str(c["value"])) for c in rule.conditions),
    )  # fmt: skip


def run_all(trigger: str = "daily") -> list[Run]:
    with tenancy.platform_scope(actor="clock:reconciliation"):
        accounts = list(BankAccount.objects.filter(active=True).order_by("id"))
    return [run_account(account=account, trigger=trigger) for account in accounts]


def run_account(*, account: BankAccount, trigger: str = "manual", spec: Spec | None = None) -> Run:
    """One pass; two at once on one account wait for each other."""
    with transaction.atomic(), tenancy.platform_scope(actor=tenancy.current().actor or "clock:reconciliation"):
        locks.advisory_xact_lock(f"reconciliation:{account.pk}")
        account = BankAccount.objects.get(pk=account.pk)
        spec = spec or spec_for(account)
        run = Run(
            partner_id=account.partner_id, livemode=account.livemode, account=account, trigger=trigger,
            spec=json.loads(json.dumps(dataclasses.asdict(spec), default=str)), spec_hash=spec.fingerprint(), started_at=clock.now(),
        )  # fmt: skip
        run.save(force_insert=True)
        result = _match(account, spec)
        made = _store(account, run)
        effects.book(account, made)
        fresh = _discrepancies(account, run, spec)
        run.internal, run.external = result.internal, result.external
        run.matched_internal, run.matched_external = result.matched_internal, result.matched_external
        run.matches_made, run.suggestions_made = result.matches, result.suggestions
        run.discrepancies_found, run.seconds = result.discrepancies, result.seconds
        run.finished_at = clock.now()
        run.save()
        _statements(account)
        effects.tell_discrepancies(account, fresh)
        effects.tell_run(account, run)
        return run


def load_sides(account: BankAccount) -> None:
    connection.apply_scope()  # type: ignore[attr-defined]  # our own database backend has it
    since = clock.now().date() - timedelta(days=LOOK_BACK_DAYS)
    load.load_query(
        connection.connection, "internal", sqlfile.load(__file__, "load_internal.sql"),
        {"currency": account.currency, "livemode": account.livemode, "partner": account.partner_id, "rail": account.rail_code,
         "channels": account.channels or [], "since": since},
    )  # fmt: skip
    load.load_query(connection.connection, "external", sqlfile.load(__file__, "load_external.sql"), {"account": account.pk, "since": since})


def _match(account: BankAccount, spec: Spec) -> engine.Result:
    load_sides(account)
    result = engine.run(connection.connection, spec)
    # The engine tunes its session for itself; what follows is ordinary work again.
    connection.connection.execute("SET LOCAL enable_nestloop = on")
    return result


def _store(account: BankAccount, run: Run) -> list[uuid.UUID]:
    values = {
        "now": clock.now(), "partner": account.partner_id, "livemode": account.livemode, "account": account.pk, "run": run.pk,
        "currency": account.currency,
    }  # fmt: skip
    with connection.cursor() as cursor:
        # Temporary tables are nobody's to analyze but ours; unanalyzed, thousands of ends are joined one by one.
        cursor.execute("ANALYZE recon_match, recon_match_item")
        cursor.execute(sqlfile.load(__file__, "store_matches.sql"), values)
        Suggestion.objects.filter(account=account).delete()
        cursor.execute(sqlfile.load(__file__, "store_suggestions.sql"), values)
        cursor.execute("SELECT id FROM reconciliation_match WHERE run_id = %s ORDER BY id", [run.pk])
        return [row[0] for row in cursor.fetchall()]


def _discrepancies(account: BankAccount, run: Run, spec: Spec) -> list[Discrepancy]:
    """New causes become rows and cases; causes that are gone are resolved with their cases."""
    today = clock.now().date()
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "found_discrepancies.sql"), {"missing_before": today - timedelta(days=account.grace_days)})
        found = [_discrepancy(account, run, row, today) for row in cursor.fetchall()]
    known = dict(Discrepancy.objects.filter(account=account, state="open").values_list("cause_key", "lines"))
    _stay_on_their_cases(account, known, [row for row, _ in found])
    now_keys = {row.cause_key for row, _ in found}
    gone = [key for key in known if key not in now_keys]
    Discrepancy.objects.filter(account=account, state="open", cause_key__in=gone).update(state="resolved", resolved_at=clock.now())
    resolve_by_cause(gone, resolution="reconciled", note="A later run no longer finds it.")
    fresh = [row for row, _ in found if row.cause_key not in known]
    Discrepancy.objects.bulk_create(fresh, batch_size=2000)
    open_cases([_case(account, row, refs) for row, refs in found if row.cause_key not in known][:CASE_LIMIT])
    return fresh


def _stay_on_their_cases(account: BankAccount, known: dict[str, list[str]], found: list[Discrepancy]) -> None:
    """What a person left over of a line is of the cause that the whole line had, whatever the engine calls the rest: it keeps
    its discrepancy and its case. Only parts have moved like this, so only they are looked at."""
    now_keys = {row.cause_key for row in found}
    before = {cause: lines for cause, lines in known.items() if cause not in now_keys}
    keys = {key for lines in before.values() for key in lines}
    parts = {
        str(key) for key in StatementLine.objects.filter(account=account, part_of__isnull=False, pk__in=keys).values_list("pk", flat=True)
    }
    causes = [cause for cause, lines in before.items() if parts.intersection(lines)]
    fresh = {key: row for row in reversed(found) if row.cause_key not in known for key in row.lines if key in parts}
    taken: set[str] = set()
    for row in Discrepancy.objects.filter(account=account, state="open", cause_key__in=causes).order_by("cause_key"):
        now = next((fresh[key] for key in row.lines if key in fresh and fresh[key].cause_key not in taken), None)
        if now is None:
            continue
        now.cause_key = row.cause_key
        taken.add(row.cause_key)
        for name in ("type", "items", "lines", "expected_minor", "actual_minor", "reason", "run"):
            setattr(row, name, getattr(now, name))
        row.save(update_fields=["type", "items", "lines", "expected_minor", "actual_minor", "reason", "run"])


def _discrepancy(account: BankAccount, run: Run, row: tuple[Any, ...], today: date) -> tuple[Discrepancy, list[str]]:
    import hashlib

    type_, items, lines, expected, actual, reason, first_on, refs = (
        json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value for value in row
    )
    ends = hashlib.sha256(json.dumps([type_, sorted(items), sorted(lines)]).encode()).hexdigest()[:40]
    made = Discrepancy(
        partner_id=account.partner_id, livemode=account.livemode, account=account, run=run, type=type_, items=items, lines=lines,
        cause_key=f"discrepancy:{account.pk}:{ends}", expected_minor=expected, actual_minor=actual, currency=account.currency,
        reason=reason, first_on=first_on or today,
    )  # fmt: skip
    return made, [str(ref)[:120] for ref in refs if ref]


def _case(account: BankAccount, row: Discrepancy, refs: list[str]) -> dict[str, Any]:
    amount = row.actual_minor or row.expected_minor
    if row.expected_minor and row.actual_minor:
        amount = abs(row.actual_minor - row.expected_minor) or row.actual_minor
    return {
        "kind": f"reconciliation_{row.type}",
        "cause_key": row.cause_key,
        "title": f"{TITLES.get(row.type, row.type)}: {display(abs(amount), row.currency)}{' · ' + refs[0] if refs else ''}"[:200],
        "detail": f"{account}: expected {display(row.expected_minor, row.currency)}, found {display(row.actual_minor, row.currency)}.",
        "subject": ("reconciliation.discrepancy", str(row.pk)),
        "partner_id": row.partner_id,
        "livemode": row.livemode,
        "amount_minor": abs(amount),
        "currency": row.currency,
        "reason_code": row.type,
        "references": refs[:10],
        "suggested_actions": ["match", "write_off"] if row.lines else ["wait", "bring_statement"],
        "rail": account.rail_code,
        "data": {"account": str(account.pk)},
    }


def _statements(account: BankAccount) -> None:
    """A balanced statement whose every line is explained is reconciled."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.id FROM reconciliation_statement s WHERE s.account_id = %s"
            " AND NOT EXISTS (SELECT 1 FROM reconciliation_statementline l WHERE l.statement_id = s.id AND l.state = 'open')"
            " AND s.state = 'balanced' FOR UPDATE",
            [account.pk],
        )
        done = [row[0] for row in cursor.fetchall()]
    for statement in Statement.objects.filter(pk__in=done):
        statement.reconcile()
        statement.save(update_fields=["state"])
