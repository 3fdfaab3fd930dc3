"""One line of the bank that stands for several things: split into parts that are decided one by one, and put together again.

The line itself stays as the bank sent it, in the state `split`; only its parts are open, matched or booked. Their amounts
make up the line's to the cent, so nothing that adds lines up counts money twice or loses any.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.db.models import QuerySet

from payos.kernel import tenancy
from payos.kernel.errors import Problem
from payos.kernel.money import display
from reconciliation.models import Discrepancy, Match, StatementLine
from reconciliation.services.deciding import match_by_hand, residual, take, take_open

MOST_PARTS = 100


@transaction.atomic
def split_line(*, line: StatementLine, amounts: Sequence[int], reason: str) -> list[StatementLine]:
    """Parts of these amounts, in minor units with the sign of the line; together they are the line."""
    line = take_open(line, reason, "Splitting a line")
    if line.part_of_id:
        raise Problem("unprocessable", f"{line.public_id} is a part already: put the line together again and split it anew.")
    if not 2 <= len(amounts) <= MOST_PARTS:
        raise Problem("unprocessable", f"A line is split into 2 to {MOST_PARTS} parts, not {len(amounts)}.")
    if any(amount == 0 or (amount > 0) != (line.amount_minor > 0) for amount in amounts):
        raise Problem("unprocessable", "Each part has the sign of the line and is not zero.")
    if sum(amounts) != line.amount_minor:
        together, whole = display(sum(amounts), line.currency), display(line.amount_minor, line.currency)
        raise Problem(
            "not_balanced", f"The parts make {together} together, the line is {whole}.", residual_minor=line.amount_minor - sum(amounts)
        )
    parts = [_part(line, number, amount) for number, amount in enumerate(amounts, 1)]
    StatementLine.objects.bulk_create(parts)
    with tenancy.acting(reason=reason):
        line.state = "split"
        line.save(update_fields=["state"])
    _move_discrepancies(line, parts)
    return parts


def _part(line: StatementLine, number: int, amount: int) -> StatementLine:
    return StatementLine(
        partner_id=line.partner_id, livemode=line.livemode, account_id=line.account_id, statement_id=line.statement_id, value_on=line.value_on,
        booked_on=line.booked_on, amount_minor=amount, currency=line.currency, reference=line.reference, references=line.references,
        counterparty=line.counterparty, description=line.description, type_code=line.type_code, batch_id=line.batch_id, raw=line.raw,
        position=f"{line.position[:40]} part {number}".strip(), part_of=line, occurrence=1,
        # Split, put together and split again: the parts are others than before.
        content=uuid.uuid4(),
    )  # fmt: skip


def _move_discrepancies(line: StatementLine, parts: list[StatementLine]) -> None:
    """What was said of the line is said of its parts until a run looks again."""
    for row in _about(line):
        row.lines = [key for key in row.lines if key != str(line.pk)] + [str(part.pk) for part in parts]
        row.save(update_fields=["lines"])


@transaction.atomic
def match_in_part(*, line: StatementLine, items: list[str], note: str) -> tuple[Match, StatementLine]:
    """One line pays for these items and for more: its part that they explain is matched, the rest stays open. What was said
    of the line is said of the rest from now on."""
    rest = residual(lines=[line], items=items) if items else 0
    if rest == 0 or (rest > 0) != (line.amount_minor > 0) or abs(rest) >= abs(line.amount_minor):
        raise Problem("not_balanced", "What is picked must be less than the line and of the same sign.", residual_minor=rest)
    part, left = split_line(line=line, amounts=[line.amount_minor - rest, rest], reason=note)
    for row in _about(left):
        row.lines = [key for key in row.lines if key != str(part.pk)]
        row.items = [key for key in row.items if key not in items]
        if row.lines == [str(left.pk)]:
            row.expected_minor, row.actual_minor = 0, rest
        row.save(update_fields=["lines", "items", "expected_minor", "actual_minor"])
    made = match_by_hand(account=line.account, lines=[part], items=items, note=note)
    return made, left


def _about(line: StatementLine) -> QuerySet[Discrepancy]:
    return Discrepancy.objects.select_for_update(of=("self",)).filter(account=line.account_id, state="open", lines__contains=[str(line.pk)])


@transaction.atomic
def join_line(*, line: StatementLine, reason: str) -> StatementLine:
    """Take a split back while none of its parts is decided: the parts go, the line is open again."""
    line = take(line, reason, "Putting a line together again")
    if line.state != "split":
        raise Problem("invalid_state", f"{line.public_id} is {line.state}, not split.")
    parts = list(StatementLine.objects.select_for_update(of=("self",)).filter(part_of=line).exclude(state="replaced").order_by("pk"))
    decided = [part for part in parts if part.state != "open"]
    if decided:
        said = ", ".join(f"{part.public_id} is {part.state}" for part in decided[:5])
        raise Problem("already_matched", f"Take back what was done with its parts first: {said}.")
    with tenancy.acting(reason=reason):
        for part in parts:
            part.state = "replaced"
            part.save(update_fields=["state"])
        line.state = "open"
        line.save(update_fields=["state"])
    keys = {str(part.pk) for part in parts}
    for row in Discrepancy.objects.select_for_update(of=("self",)).filter(account=line.account_id, state="open"):
        if keys & set(row.lines):
            row.lines = list(dict.fromkeys([*(key for key in row.lines if key not in keys), str(line.pk)]))
            row.save(update_fields=["lines"])
    return line
