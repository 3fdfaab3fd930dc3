"""Statements in: lines counted once however often they come, totals checked, gaps and lies made visible."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import connection, transaction

from ingestion.parsers import registry
from ingestion.parsers.records import Flag, Line, Reject, StatementEnd, StatementStart
from ingestion.services import path_of
from operations.services import open_case, resolve_by_cause
from payos.kernel import clock, ids, locks, sqlfile
from payos.kernel.errors import Problem
from payos.kernel.money import display, is_currency
from reconciliation.models import BankAccount, Statement

CHUNK = 5_000
TEXT_LIMIT = 2_000
REJECTS_KEPT = 100


@dataclass
class Imported:
    """What one file amounted to."""

    statements: list[Statement] = field(default_factory=list)
    lines: int = 0
    new_lines: int = 0
    rejects: list[dict[str, Any]] = field(default_factory=list)
    flags: list[dict[str, Any]] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        return {
            "statements": [statement.public_id for statement in self.statements],
            "lines": self.lines,
            "new_lines": self.new_lines,
            "rejects": self.rejects[:REJECTS_KEPT],
            "flags": self.flags[:REJECTS_KEPT],
        }


def file_received(*, file: Any) -> dict[str, Any]:
    """What happens to every file that ingestion keeps: it is read as a statement."""
    return import_statement(
        path=path_of(file), name=file.name, sha256=file.sha256, partner_id=file.partner_id, livemode=file.livemode,
        format=file.format or None, profile=file.profile,
    ).facts()  # fmt: skip


@transaction.atomic
def import_statement(
    *,
    path: Any,
    name: str,
    sha256: str,
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    format: str | None = None,
    profile: dict[str, Any] | None = None,
    account: BankAccount | None = None,
) -> Imported:
    """Import every statement of a file. Accounts are found by what the file says, or given by the operator."""
    with open(path, "rb") as source:
        parsed = registry.open_file(source, format, profile, name=name)
        reader = _Reader(name, sha256, f"{parsed.format} {parsed.version}", partner_id, livemode, account)
        for event in parsed.events:
            reader.take(event)
    done = reader.done
    if done.rejects:
        open_case(
            kind="file_rejects", cause_key=f"file_rejects:{sha256}:{partner_id}", title=f"{len(done.rejects)} pieces of {name} could not be read"[:200],
            detail="; ".join(f"{r['position']}: {r['reason']}" for r in done.rejects[:20]), partner_id=partner_id, livemode=livemode,
            reason_code="rejects",
        )  # fmt: skip
    return done


class _Reader:
    """Turns events into rows, a chunk of lines at a time, so that memory stays flat."""

    def __init__(
        self, name: str, sha256: str, parser: str, partner_id: uuid.UUID | None, livemode: bool, account: BankAccount | None
    ) -> None:
        self.name, self.sha256, self.parser = name, sha256, parser
        self.partner_id, self.livemode, self.given = partner_id, livemode, account
        self.done = Imported()
        self.statement: Statement | None = None
        self.account: BankAccount | None = None
        self.waiting: list[Line] = []
        self.used: set[uuid.UUID] = set()
        self.seen: dict[uuid.UUID, int] = {}
        self.start: StatementStart | None = None
        self.first: date | None = None
        self.last: date | None = None

    def take(self, event: Any) -> None:
        kind = type(event)
        if kind is Line:
            self.waiting.append(event)
            if len(self.waiting) >= CHUNK:
                self._flush()
        elif kind is StatementStart:
            self.start, self.statement, self.account, self.seen = event, None, None, {}
            self.first = self.last = None
        elif kind is StatementEnd:
            self._end(event)
        elif kind is Reject:
            self.done.rejects.append({"position": str(event.position), "reason": event.reason})
        elif kind is Flag:
            self.done.flags.append({"position": str(event.position), "code": event.code, "detail": event.detail})

    def _open(self, currency: str, on: date | None) -> Statement:
        if self.statement is None:
            start = self.start or StatementStart()
            currency = start.currency or currency
            self.account = self.given or find_account(start.account, currency, self.partner_id, self.livemode)
            locks.advisory_xact_lock(f"reconciliation:{self.account.pk}")
            statement = Statement(
                partner_id=self.account.partner_id, livemode=self.livemode, account=self.account, number=start.number[:60],
                on=start.date or on or clock.now().date(), currency=self.account.currency, opening_minor=start.opening_minor,
                file_name=self.name[:200], file_sha256=self.sha256, parser=self.parser[:60],
            )  # fmt: skip
            known = self._known(statement)
            if known is None:
                statement.save(force_insert=True)
            self.statement = known or statement
            self.used.add(self.statement.pk)
        return self.statement

    def _known(self, statement: Statement) -> Statement | None:
        """The same statement from an earlier reading of the file: of its day, else the next one in the file's order.

        The day alone does not find it: it becomes the last day of the lines once they are read.
        """
        same = Statement.objects.filter(
            account=statement.account, file_sha256=self.sha256, number=statement.number, currency=statement.currency
        ).exclude(pk__in=self.used).order_by("id")  # fmt: skip
        return same.filter(on=statement.on).first() or same.first()

    def _flush(self) -> None:
        if not self.waiting:
            return
        first = self.waiting[0]
        statement = self._open(first.currency, first.value_date or first.booking_date)
        assert self.account is not None
        rows = list(self._rows(statement))
        with connection.cursor() as cursor:
            values = {
                "now": clock.now(), "account": self.account.pk, "statement": statement.pk,
                "partner": self.account.partner_id, "livemode": self.livemode,
                **{f"c{n}": [row[n] for row in rows] for n in range(15)},
            }  # fmt: skip
            cursor.execute(sqlfile.load(__file__, "insert_lines.sql"), values)
            new = cursor.rowcount
            if new < len(rows):
                cursor.execute(sqlfile.load(__file__, "insert_repeats.sql"), values)
            self.done.new_lines += new
            statement.new_lines += new
        self.done.lines += len(rows)
        self.waiting.clear()

    def _rows(self, statement: Statement) -> Iterator[tuple[Any, ...]]:
        for line in self.waiting:
            day = line.value_date or line.booking_date or statement.on
            self.first = min(self.first or day, day)
            self.last = max(self.last or day, day)
            batch, fee = processor(line)
            content, occurrence = identify(line, day, self.seen)
            yield (
                ids.uuid7(), day, line.booking_date, line.amount_minor, currency_of(line, statement.currency),
                clean(line.reference), json.dumps(line.references), clean(line.counterparty), clean(line.description),
                line.type_code[:40], batch, fee, clean(line.raw), content, occurrence,
            )  # fmt: skip

    def _end(self, end: StatementEnd) -> None:
        self._flush()
        statement = self._open(end.currency, end.date)
        assert self.account is not None
        statement.opening_minor = end.opening_minor
        statement.closing_minor = end.closing_minor
        statement.line_count, statement.sum_minor = end.line_count, end.sum_minor
        statement.balances_ok, statement.controls = end.balances_ok, json.loads(json.dumps(end.controls, default=str))
        statement.rejects = self.done.rejects[:REJECTS_KEPT]
        on = end.date or self.last
        if (
            on is not None
            and not Statement.objects.filter(
                account=statement.account, file_sha256=self.sha256, number=statement.number, on=on, currency=statement.currency
            )
            .exclude(pk=statement.pk)
            .exists()
        ):
            statement.on = on
        statement.parser = self.parser[:60]
        was_reconciled = statement.state == "reconciled"
        if was_reconciled:
            statement.reopen()
        _judge(statement)
        if was_reconciled and statement.state == "balanced" and not statement.lines.filter(state="open").exists():
            statement.reconcile()
        statement.save()
        self.done.statements.append(statement)
        self.statement = None


def processor(line: Line) -> tuple[str, int | None]:
    """The payout that a processor's line belongs to, and its fee."""
    extra = line.extra or {}
    batch = str(extra.get("payout") or line.references.get("payout") or line.references.get("batch") or "")[:200]
    fee = extra.get("fee_minor")
    return batch, abs(int(fee)) if isinstance(fee, int) and fee else None


def clean(text: str) -> str:
    return text.replace("\x00", "")[:TEXT_LIMIT]


def currency_of(line: Line, otherwise: str) -> str:
    return line.currency if is_currency(line.currency) else otherwise


def identify(line: Line, day: date, seen: dict[uuid.UUID, int]) -> tuple[uuid.UUID, int]:
    """By what a line is known again, in this file and in the next: its content, and the how-manieth of its statement it is."""
    content = content_of(line, day)
    seen[content] = seen.get(content, 0) + 1
    return content, seen[content]


def content_of(line: Line, day: date) -> uuid.UUID:
    """What makes two lines the same movement: what the bank said, not where it stood in the file."""
    import hashlib

    said = json.dumps(
        [
            day.isoformat(),
            line.amount_minor,
            line.currency,
            sorted(line.references.items()),
            line.counterparty,
            line.description,
            line.type_code,
        ],
        default=str,
    )
    return uuid.UUID(hashlib.md5(said.encode(), usedforsecurity=False).hexdigest())


def find_account(identifier: str, currency: str, partner_id: uuid.UUID | None, livemode: bool) -> BankAccount:
    """The account that a statement names; a file without one fits where there is exactly one candidate."""

    def plain(text: str) -> str:
        return re.sub(r"[\s\-./]", "", text).upper().lstrip("0")

    rows = list(BankAccount.objects.filter(partner=partner_id, livemode=livemode, active=True))
    wanted = plain(identifier)
    same = [row for row in rows if wanted and (plain(row.identifier) == wanted or wanted.endswith("/" + plain(row.identifier)))]
    same = [row for row in same if not currency or row.currency == currency] or same
    if len(same) == 1:
        return same[0]
    if not wanted:
        same = [row for row in rows if not currency or row.currency == currency]
        if len(same) == 1:
            return same[0]
    shown = f"{identifier or 'no account'} in {currency or 'no currency'}"
    raise Problem(
        "unprocessable",
        f"The statement is of {shown}, and {'several' if len(same) > 1 else 'no'} bank accounts of ours fit: "
        "make the account under Bank accounts with that identifier, then read the file again.",
    )


def _judge(statement: Statement) -> None:
    """Its own totals first, then how it joins the statements beside it."""
    faults = []
    if statement.balances_ok is False:
        faults.append(("statement_out_of_balance", "its opening balance and its lines do not make its closing balance"))
    gap = _gap(statement)
    if gap:
        faults.append(("statement_gap", gap))
    key = f"statement:{statement.pk}"
    if faults:
        if statement.state != "out_of_balance":
            statement.unbalance()
        open_case(
            kind=faults[0][0], cause_key=key, title=f"The statement of {statement.account} of {statement.on} does not add up"[:200],
            detail=" ".join(f"{text.capitalize()}." for _, text in faults), subject=("reconciliation.statement", str(statement.pk)),
            partner_id=statement.partner_id, livemode=statement.livemode, reason_code=faults[0][0], currency=statement.currency,
            amount_minor=_off(statement),
        )  # fmt: skip
    else:
        if statement.state == "imported":
            statement.balance()
        elif statement.state == "out_of_balance":
            statement.rebalance()
        resolve_by_cause([key], resolution="balanced")


def _off(statement: Statement) -> int | None:
    if statement.opening_minor is None or statement.closing_minor is None:
        return None
    return abs(statement.opening_minor + statement.sum_minor - statement.closing_minor)


def _gap(statement: Statement) -> str:
    """Where the statement before closes and this one opens must be the same amount."""
    if statement.opening_minor is None:
        return ""
    before = (
        Statement.objects.filter(account=statement.account, on__lt=statement.on, closing_minor__isnull=False)
        .exclude(pk=statement.pk)
        .order_by("-on", "-id")
        .first()
    )
    if before is None or before.closing_minor == statement.opening_minor:
        return ""
    return (
        f"the statement of {before.on} closes at {display(before.closing_minor, statement.currency)} and this one opens at "
        f"{display(statement.opening_minor, statement.currency)}: a statement between them is missing or they overlap"
    )
