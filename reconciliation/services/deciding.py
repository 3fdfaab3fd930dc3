"""What a person decides: match by hand, take a match back, book a line that is nobody's, or set one aside."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from datetime import UTC, datetime, time
from typing import Any

from django.db import IntegrityError, connection, transaction

from ledger.services import Leg, Posted, account_for, post
from operations.services import resolve_by_cause
from payos.kernel import clock, locks, tenancy
from payos.kernel.errors import Problem, register
from payos.kernel.money import display
from reconciliation.models import BankAccount, Discrepancy, Match, MatchItem, Statement, StatementLine
from reconciliation.services import effects

register("not_balanced", 422, "The two sides do not agree", "Pick until the residual is zero, or write the residual off.")
register("already_matched", 409, "It belongs to another match", "Undo that match first.")

ITEM_SQL = "SELECT item_type, item_id, amount_minor, currency FROM reconciliation_item WHERE item_type = %s AND item_id = %s"


def parse_item(text: str) -> tuple[str, uuid.UUID]:
    kind, _, key = text.partition(":")
    try:
        return kind, uuid.UUID(key)
    except ValueError:
        raise Problem("invalid_request", f"{text[:80]!r} names no item of ours: write transfer:<id> or payment:<id>.") from None


def residual(*, lines: list[StatementLine], items: list[str]) -> int:
    """What would be left over: the lines' sum less the items' sum."""
    return sum(line.amount_minor for line in lines) - sum(row[2] for row in _items(items))


def _items(items: list[str]) -> list[tuple[Any, ...]]:
    found = []
    with connection.cursor() as cursor:
        for text in items:
            cursor.execute(ITEM_SQL, parse_item(text))
            row = cursor.fetchone()
            if row is None:
                raise Problem("not_found", f"There is no open item {text[:80]}.")
            found.append(row)
    return found


@transaction.atomic
def match_by_hand(*, account: BankAccount, lines: list[StatementLine], items: list[str], write_off: bool = False, note: str = "") -> Match:
    """Match what a person picked. Validates only when it balances, or when the residual is explicitly written off."""
    if not lines or not items:
        raise Problem("unprocessable", "Pick at least one line and one item.")
    locks.advisory_xact_lock(f"reconciliation:{account.pk}")
    lines = list(
        StatementLine.objects.select_for_update(of=("self",)).filter(pk__in=[line.pk for line in lines], account=account).order_by("pk")
    )
    taken = [line for line in lines if line.state != "open"]
    if taken:
        raise Problem("already_matched", f"The line {taken[0].public_id} is {taken[0].state}.")
    rows = _items(items)
    if any(row[3] != account.currency for row in rows):
        raise Problem("not_balanced", f"All items must be in {account.currency}.")
    left = sum(line.amount_minor for line in lines) - sum(row[2] for row in rows)
    if left and not write_off:
        raise Problem("not_balanced", f"The sides differ by {display(left, account.currency)}.", residual_minor=left)
    match = Match(
        partner_id=account.partner_id, livemode=account.livemode, account=account, level=0, method="by hand", confidence=100,
        reason={"by": tenancy.current().actor, "note": note, "written_off_minor": left}, difference_minor=left, currency=account.currency,
        amount_minor=sum(line.amount_minor for line in lines), made_by=tenancy.current().actor, note=note,
    )  # fmt: skip
    match.save(force_insert=True)
    ends = [MatchItem(partner_id=account.partner_id, match=match, line=line, amount_minor=line.amount_minor) for line in lines]
    ends += [MatchItem(partner_id=account.partner_id, match=match, item_type=row[0], item_id=row[1], amount_minor=row[2]) for row in rows]
    try:
        with transaction.atomic():
            MatchItem.objects.bulk_create(ends)
    except IntegrityError:
        raise Problem("already_matched", "One of the items belongs to another match.") from None
    StatementLine.objects.filter(pk__in=[line.pk for line in lines]).update(state="matched")
    effects.book(account, [match.pk])
    explained(account, [str(line.pk) for line in lines], items)
    return match


@transaction.atomic
def unmatch(*, match: Match, reason: str) -> Match:
    """Take a match back: its postings are reversed, its ends are open again, its history stays."""
    if not reason.strip():
        raise Problem("unprocessable", "Taking a match back needs a reason.")
    locks.advisory_xact_lock(f"reconciliation:{match.account_id}")
    match = Match.objects.select_for_update(of=("self",)).get(pk=match.pk)
    if match.state != "active":
        raise Problem("invalid_state", f"{match.public_id} was taken back before.")
    effects.unbook(match, reason)
    match.state, match.undone_at, match.note = "undone", clock.now(), f"{match.note} {reason}".strip()
    match.save(update_fields=["state", "undone_at", "note"])
    line_ids = list(match.items.filter(line__isnull=False).values_list("line_id", flat=True))
    match.items.update(active=False)
    StatementLine.objects.filter(pk__in=line_ids, state="matched").update(state="open")
    reopen_statements(line_ids)
    return match


def reopen_statements(line_ids: Collection[uuid.UUID]) -> None:
    """A statement is reconciled while all its lines are decided, and no longer."""
    held = Statement.objects.select_for_update(of=("self",)).filter(state="reconciled", lines__in=line_ids, lines__state="open")
    for statement in Statement.objects.filter(pk__in=[one.pk for one in held]).order_by("pk"):
        statement.reopen()
        statement.save(update_fields=["state"])


@transaction.atomic
def reopen_line(*, line: StatementLine, expected: str, reason: str) -> StatementLine:
    """A line that was booked or set aside is open again; whoever booked it has reversed that in this transaction."""
    line = take(line, reason, "Opening a line again")
    if line.state != expected:
        raise Problem("invalid_state", f"{line.public_id} is {line.state} by now: nothing was taken back.")
    line.state = "open"
    with tenancy.acting(reason=reason):
        line.save(update_fields=["state"])
    reopen_statements([line.pk])
    return line


def take(line: StatementLine, reason: str, what: str) -> StatementLine:
    """The line as it is now, for this transaction alone. Its account is held too: a run that has the line in hand as open
    would match what is decided here, and post its cash a second time."""
    if not reason.strip():
        raise Problem("unprocessable", f"{what} needs a reason.")
    locks.advisory_xact_lock(f"reconciliation:{line.account_id}")
    return StatementLine.objects.select_for_update(of=("self",)).select_related("account").get(pk=line.pk)


def take_open(line: StatementLine, reason: str, what: str) -> StatementLine:
    line = take(line, reason, what)
    if line.state != "open":
        raise Problem("already_matched", f"The line {line.public_id} is {line.state}.")
    return line


@transaction.atomic
def adjust_line(*, line: StatementLine, code: str, partner_id: uuid.UUID | None, reason: str) -> Posted:
    """Book a line that is nobody's: cash against suspense, fees, costs or write-offs, with the reason."""
    line = take_open(line, reason, "Booking a line")
    who: dict[str, Any] = {"partner_id": partner_id or line.account.partner_id, "livemode": line.livemode}
    legs = [
        Leg(account_for(**who, code=line.account.cash_code, currency=line.currency), line.amount_minor),
        Leg(account_for(**who, code=code, currency=line.currency), -line.amount_minor),
    ]
    day = datetime.combine(line.value_on, time(12), UTC)
    posted = post(
        **who, kind="reconciliation.adjusted", legs=legs, description=reason, effective_at=day, subject=("statement_line", str(line.pk))
    )
    line.state = "booked"
    line.save(update_fields=["state"])
    explained(line.account, [str(line.pk)], [])
    return posted


@transaction.atomic
def ignore_line(*, line: StatementLine, reason: str) -> StatementLine:
    """Set a line aside with a reason; it moves no money of ours."""
    line = take_open(line, reason, "Setting a line aside")
    line.state = "ignored"
    with tenancy.acting(reason=reason):
        line.save(update_fields=["state"])
    explained(line.account, [str(line.pk)], [])
    return line


def explained(account: BankAccount, lines: list[str], items: list[str]) -> None:
    """Discrepancies that were about these ends are settled now, and their cases with them."""
    rows = Discrepancy.objects.filter(account=account, state="open")
    gone = [row for row in rows if set(row.lines) & set(lines) or set(row.items) & set(items)]
    Discrepancy.objects.filter(pk__in=[row.pk for row in gone]).update(state="resolved", resolved_at=clock.now())
    resolve_by_cause([row.cause_key for row in gone], resolution="decided", note="A person matched or booked it.")
