"""Deciding at the bench: match, write off, book, set aside, make a rule; and undo, which reverses."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.urls import reverse

from console.workbench import bench
from ledger import services as ledger
from operations import services as operations
from operations.case_actions import CaseAction, Outcome, register_case_action
from operations.models import Case
from payos.kernel import ids, money
from payos.kernel.errors import Problem
from reconciliation import services
from reconciliation.models import BankAccount, Match, Rule, StatementLine
from reconciliation.services import booking, deciding
from reconciliation.services import rules as rule_services

WRITE_OFF, ACTIVATE = "reconciliation.write_off", "reconciliation.rule_activate"
MAY = "reconciliation.work_reconciliation"


def pick_lines(account: BankAccount, keys: Sequence[str]) -> list[StatementLine]:
    try:
        wanted = [uuid.UUID(key) for key in keys]
    except ValueError:
        raise Problem("unprocessable", "One of the picked lines has no valid id: reload the page.") from None
    lines = list(StatementLine.objects.filter(account=account, pk__in=wanted).order_by("pk"))
    if len(lines) != len(set(wanted)):
        raise Problem("not_found", "One of the picked lines is not on this account.")
    return lines


@transaction.atomic
def match(*, case: Case, user: Any, lines: Sequence[str], items: Sequence[str], note: str = "", write_off: bool = False) -> str:
    """Match what was picked. With a residual only when it is to be written off, and alone only up to the person's limit."""
    operations.claim(case=case, user=user)
    account = bench.discrepancy_of(case).account
    picked, items = pick_lines(account, lines), list(dict.fromkeys(items))
    left = deciding.residual(lines=picked, items=items) if items else 0
    if left and write_off:
        if not note.strip():
            raise Problem("unprocessable", "A write-off needs a reason.")
        if operations.needs_approval(action=WRITE_OFF, user=user, amount_minor=left, currency=account.currency):
            params = {"account": str(account.pk), "lines": [str(line.pk) for line in picked], "items": items}
            asked = operations.request_approval(
                action=WRITE_OFF, params=params, reason=note, requested_by=user, partner_id=account.partner_id, amount_minor=left, currency=account.currency, case=case,
            )  # fmt: skip
            return f"{money.display(left, account.currency)} is more than you may write off alone: {asked.public_id} waits for a second person."
    made = services.match_by_hand(account=account, lines=picked, items=items, write_off=write_off, note=note)
    _done(case, user, "matched", note or "Matched by hand.", {"match": made.public_id})
    return f"Matched as {made.public_id}" + (f", {money.display(left, account.currency)} written off." if left else ".")


@transaction.atomic
def match_in_part(*, case: Case, user: Any, lines: Sequence[str], items: Sequence[str], note: str) -> str:
    """One line pays for these and for more: the part that they explain is matched, the rest stays open on this case."""
    operations.claim(case=case, user=user)
    account = bench.discrepancy_of(case).account
    picked, items = pick_lines(account, lines), list(dict.fromkeys(items))
    if len(picked) != 1 or not items:
        raise Problem("unprocessable", "Pick exactly one line and what it pays for in part.")
    (line,) = picked
    made, left = services.match_in_part(line=line, items=items, note=note)
    shown = money.display(left.amount_minor, account.currency)
    operations.restate(case=case, user=user, amount_minor=abs(left.amount_minor), currency=account.currency)
    operations.comment(case=case, user=user, text=f"Matched in part as {made.public_id}; {shown} stay open as {left.public_id}. {note}")
    return f"Matched in part as {made.public_id}; {shown} stay open."


@transaction.atomic
def book(*, case: Case, user: Any, line: str, code: str, partner: str, reason: str) -> str:
    """Book a line that is nobody's; over the limit a second person is asked."""
    operations.claim(case=case, user=user)
    account = bench.discrepancy_of(case).account
    (row,) = pick_lines(account, [line])
    posted, asked = booking.book_line(line=row, code=code, partner=partner, reason=reason, user=user, case=case)
    if asked is not None:
        return (
            f"{money.display(row.amount_minor, row.currency)} is more than you may book alone: {asked.public_id} waits for a second person."
        )
    _done(case, user, "booked", reason, {"transaction": posted, "line": row.public_id})
    return f"Booked to {booking.BOOK_TO[code].split(':')[0].lower()}."


@transaction.atomic
def preview_booking(*, case: Case, line: str, code: str) -> dict[str, Any]:
    account = bench.discrepancy_of(case).account
    (row,) = pick_lines(account, [line])
    return booking.entries_of({"line": str(row.pk), "code": booking.check_code(code)})


@transaction.atomic
def set_aside(*, case: Case, user: Any, line: str, reason: str) -> str:
    operations.claim(case=case, user=user)
    (row,) = pick_lines(bench.discrepancy_of(case).account, [line])
    services.ignore_line(line=row, reason=reason)
    _done(case, user, "set_aside", reason, {"line": row.public_id})
    return f"{row.public_id} is set aside."


def _done(case: Case, user: Any, resolution: str, note: str, data: dict[str, Any]) -> None:
    """Reconciliation closes the cases whose discrepancy is gone; this one keeps who did it and how to take it back."""
    case.refresh_from_db()
    if case.state == "resolved":
        operations.amend_resolution(case=case, user=user, resolution=resolution, note=note, data=data)
    else:
        operations.resolve(case=case, user=user, resolution=resolution, note=note, data=data)


def propose_rule(*, case: Case, user: Any, ask: bool = False, reason: str = "") -> tuple[Rule, dict[str, Any], str]:
    """A draft from what was just matched, tried on what is open now; activating it takes a second person."""
    made = (case.data.get("resolved") or {}).get("match")
    if not made:
        raise Problem("unprocessable", f"{case.public_id} was not resolved by a match: there is nothing to make a rule from.")
    match = Match.objects.get(pk=ids.decode("mat", made))
    with transaction.atomic():
        rule = Rule.objects.filter(proposed_from__match=made, state="draft").first() or rule_services.propose_from_match(match=match)
        trial = rule.trials.order_by("-id").first() or services.try_rule(rule=rule)
        text = "The draft is tried on what is open now; nothing has changed."
        if ask:
            asked = operations.request_approval(
                action=ACTIVATE, subject=rule, params={"rule": str(rule.pk)}, reason=reason, requested_by=user, partner_id=rule.partner_id
            )
            text = f"{asked.public_id} asks a second person to activate the rule."
    return rule, trial.result, text


def accept_top(case: Case, user: Any, data: dict[str, Any]) -> Outcome | None:
    """Take the best suggestion as it is; only where it balances to the cent."""
    top = bench.top_suggestion(bench.discrepancy_of(case))
    if top is None:
        raise Problem("unprocessable", "There is no suggestion any more: open the workbench.")
    match(case=case, user=user, lines=top.lines, items=top.items, note=f"Suggestion accepted at {top.confidence} %.")
    return None


def _balances(case: Case) -> bool:
    if not case.kind.startswith(bench.KINDS):
        return False
    try:
        top = bench.top_suggestion(bench.discrepancy_of(case))
    except Problem:
        return False
    if top is None:
        return False
    lines, items = bench.read_lines(top.account, top.lines), bench.read_items(top.items)
    whole = len(lines) == len(top.lines) and len(items) == len(top.items) and lines and items
    return bool(whole) and sum(end.amount_minor for end in lines.values()) == sum(end.amount_minor for end in items.values())


def _describe_top(case: Case) -> str:
    top = bench.top_suggestion(bench.discrepancy_of(case))
    return "" if top is None else f"{top.confidence} %: {bench.in_words(top.reason, case.currency)}."


def _take_back_match(case: Case) -> None:
    done = (case.data.get("resolved") or {}).get("match")
    if not done:
        raise Problem("case_not_undoable", "What resolved this case is not known here: undo the match on its own page.")
    services.unmatch(match=Match.objects.get(pk=ids.decode("mat", done)), reason=f"Taken back from {case.public_id}.")


def _take_back_booking(case: Case) -> None:
    """A reversing transaction; the line is open again."""
    done = case.data.get("resolved") or {}
    if "transaction" in done:
        ledger.reverse(
            transaction_id=ids.decode("txn", done["transaction"]),
            reason=f"Taken back from {case.public_id}.",
            kind="reconciliation.adjustment_reversed",
        )
    line = StatementLine.objects.select_related("account").get(pk=ids.decode("lin", done["line"]))
    services.reopen_line(line=line, expected="booked" if "transaction" in done else "ignored", reason=f"taken back from {case.public_id}")


KINDS = tuple(
    f"{bench.KINDS}{kind}"
    for kind in (
        "missing_settlement",
        "missing_internal",
        "amount_mismatch",
        "duplicate",
        "fee_variance",
        "fx_variance",
        "date_out_of_window",
        "currency_mismatch",
        "split_incomplete",
        "ambiguous",
    )
)


def _page(case: Case) -> str:
    return reverse("admin:console_workbench", args=[case.pk])


operations.register_undo("matched", _take_back_match)
# Closed because an approved act or a match elsewhere explained it: what that did is not known to the case.
operations.register_undo("decided", _take_back_match)
operations.register_undo("booked", _take_back_booking)
operations.register_undo("set_aside", _take_back_booking)
register_case_action(
    CaseAction("accept", "Accept the suggestion", MAY, kinds=KINDS, key="Enter", run=accept_top, describe=_describe_top, when=_balances)
)
register_case_action(CaseAction("match", "Match", MAY, kinds=KINDS, key="m", link=_page))
register_case_action(CaseAction("write_off", "Write off", MAY, kinds=KINDS, key="w", link=lambda case: _page(case) + "?do=write_off"))
