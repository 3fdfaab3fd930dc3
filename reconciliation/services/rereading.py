"""Reading a kept file again: with a newer reader, another format or another mapping. What would change is shown first.

Nothing is deleted. A line that the new reading does not bring is set aside as `replaced`, unless another file brought it
too; one that is decided already (matched, booked, split, set aside) stays as it is and becomes a case.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction

from ingestion.parsers import registry
from ingestion.parsers.records import Flag, Line, Reject, StatementEnd, StatementStart
from ingestion.services import path_of
from operations.services import open_case
from payos.kernel import ids, locks, sqlfile
from payos.kernel.errors import Problem
from payos.kernel.money import display
from reconciliation.models import BankAccount, Statement, StatementLine
from reconciliation.services.deciding import explained
from reconciliation.services.importing import CHUNK, clean, currency_of, find_account, identify, processor

SAMPLES = 50
#: More lines than this are compared all the same, and shown by number only.
MOST_KEPT = 500
DECIDED = "line_id IS NOT NULL AND kind <> 'elsewhere' AND state <> 'open'"


@transaction.atomic
def compare_file(*, file: Any, format: str = "", profile: dict[str, Any] | None = None) -> dict[str, Any]:
    """What reading the file this way would add, take away and change. Nothing is written."""
    reading = _Reading(file, format, profile)
    reading.load()
    return reading.difference()


@transaction.atomic
def retire_lines(*, file: Any, format: str = "", profile: dict[str, Any] | None = None, expected: str) -> dict[str, Any]:
    """Set aside what the new reading does not bring, just before it is imported; `expected` is the difference that was seen."""
    reading = _Reading(file, format, profile)
    reading.load()
    found = reading.difference()
    if found["digest"] != expected:
        raise Problem("invalid_state", "What would change is no longer what you saw: look at the difference again.")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reconciliation_statementline l SET state = 'replaced' FROM reconciliation_difference d"
            " WHERE l.id = d.line_id AND NOT d.in_place AND l.state = 'open' RETURNING l.account_id, l.id"
        )
        retired = cursor.fetchall()
        cursor.execute(
            "UPDATE reconciliation_statementline l SET reference = d.reference, booked_on = d.booked_on, batch_id = d.batch, fee_minor = d.fee"
            " FROM reconciliation_difference d WHERE l.id = d.line_id AND d.kind = 'changed' AND d.in_place AND l.state = 'open'"
        )
        # What another file brought too belongs to that one's statement from now on.
        cursor.execute(
            "UPDATE reconciliation_statementline l SET statement_id = d.elsewhere FROM reconciliation_difference d"
            " WHERE d.kind = 'elsewhere' AND (l.id = d.line_id OR l.part_of_id = d.line_id)"
        )
        cursor.execute(
            "DELETE FROM reconciliation_linerepeat r USING reconciliation_difference d"
            " WHERE d.kind = 'elsewhere' AND r.line_id = d.line_id AND r.statement_id = d.elsewhere"
        )
        cursor.execute(sqlfile.load(__file__, "reread_repeats.sql"), reading.of_file)
        cursor.execute(f"SELECT line_id FROM reconciliation_difference WHERE {DECIDED} ORDER BY line_id LIMIT 200")  # nosec B608 # a constant of this module
        stay = [row[0] for row in cursor.fetchall()]
        cursor.execute("DROP TABLE reconciliation_difference, reconciliation_reread")
    by_account: dict[uuid.UUID, list[str]] = {}
    for account_id, line_id in retired:
        by_account.setdefault(account_id, []).append(str(line_id))
    for account in BankAccount.objects.filter(pk__in=by_account):
        explained(account, by_account[account.pk], [])
    if stay:
        _tell(file, stay)
    return found


def _tell(file: Any, stay: list[uuid.UUID]) -> None:
    lines = StatementLine.objects.filter(pk__in=stay).order_by("pk")
    shown = "; ".join(
        f"{line.public_id} of {line.value_on}, {display(line.amount_minor, line.currency)}, {line.state}" for line in lines[:20]
    )
    said = ("line", "is") if len(stay) == 1 else ("lines", "are")
    open_case(
        kind="line_not_read_again", cause_key=f"reread:{file.pk}", title=f"{len(stay)} decided {said[0]} of {file.name} {said[1]} read differently now"[:200],
        detail=f"They are decided (matched, booked, split or set aside) and stay as they are; beside them stand the lines as they are read now. Take back what was wrong: {shown}.",
        subject=("ingestion.sourcefile", str(file.pk)), partner_id=file.partner_id, livemode=file.livemode, reason_code="reread",
    )  # fmt: skip


class _Reading:
    """One reading of a file into a table of this transaction."""

    def __init__(self, file: Any, format: str, profile: dict[str, Any] | None) -> None:
        self.file, self.format, self.profile = file, format, profile
        self.parser = ""
        self.rejects = self.flags = self.lines = 0
        self.statements: list[tuple[BankAccount, StatementEnd]] = []
        self.account: BankAccount | None = None
        self.start = StatementStart()
        self.seen: dict[uuid.UUID, int] = {}
        self.waiting: list[tuple[Any, ...]] = []
        self.of_file = {"sha256": file.sha256, "livemode": file.livemode, "partner": file.partner_id}

    def load(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS pg_temp.reconciliation_difference, pg_temp.reconciliation_reread")
            cursor.execute(sqlfile.load(__file__, "reread_table.sql"))
        with path_of(self.file).open("rb") as source:
            parsed = registry.open_file(source, self.format or None, self.profile, name=self.file.name)
            self.parser = f"{parsed.format} {parsed.version}" + (f", profile {parsed.profile}" if parsed.profile else "")
            for event in parsed.events:
                self._take(event)
        self._store()
        with connection.cursor() as cursor:
            cursor.execute(sqlfile.load(__file__, "reread_compare.sql"), self.of_file)

    def _take(self, event: Any) -> None:
        if isinstance(event, Line):
            self._line(event)
        elif isinstance(event, StatementStart):
            self.start, self.account, self.seen = event, None, {}
        elif isinstance(event, StatementEnd):
            account = self._account(event.currency)
            self.statements.append((account, event))
        elif isinstance(event, Reject):
            self.rejects += 1
        elif isinstance(event, Flag):
            self.flags += 1

    def _account(self, currency: str) -> BankAccount:
        if self.account is None:
            self.account = find_account(self.start.account, self.start.currency or currency, self.file.partner_id, self.file.livemode)
            locks.advisory_xact_lock(f"reconciliation:{self.account.pk}")
        return self.account

    def _line(self, line: Line) -> None:
        account = self._account(line.currency)
        day = line.value_date or line.booking_date or self.start.date
        if day is None:
            known = Statement.objects.filter(file_sha256=self.file.sha256, account=account).order_by("id").first()
            day = known.on if known else self.file.created_at.date()
        content, occurrence = identify(line, day, self.seen)
        currency = currency_of(line, account.currency)
        self.lines += 1
        words = map(clean, (line.reference, line.counterparty, line.description, line.raw))
        self.waiting.append(
            (account.pk, content, occurrence, day, line.amount_minor, currency, *words, line.booking_date, *processor(line))
        )
        if len(self.waiting) >= CHUNK:
            self._store()

    def _store(self) -> None:
        if not self.waiting:
            return
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO reconciliation_reread SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::date[], %s::bigint[], %s::text[],"
                " %s::text[], %s::text[], %s::text[], %s::text[], %s::date[], %s::text[], %s::bigint[]) ON CONFLICT DO NOTHING",
                [list(column) for column in zip(*self.waiting, strict=True)],
            )
        self.waiting.clear()

    def difference(self) -> dict[str, Any]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT kind, count(*) FROM reconciliation_difference GROUP BY kind")
            counts = dict(cursor.fetchall())
            cursor.execute("SELECT md5(coalesce(string_agg(digest, '' ORDER BY digest), '')) FROM reconciliation_difference")
            digest = cursor.fetchone()[0]
            cursor.execute(f"SELECT count(*) FROM reconciliation_difference WHERE {DECIDED}")  # nosec B608 # a constant of this module
            decided = cursor.fetchone()[0]
            samples = {kind: list(self._samples(cursor, kind)) for kind in ("added", "gone", "changed")}
        statements = list(self._statements())
        # Balances are part of what was seen: a reading that only closes differently is another difference.
        seen = f"{digest}|{self.parser}|{[(row['account'], row['number'], row['after']) for row in statements]}|{self.rejects}"
        before = self.file.facts or {}
        return {
            "parser": self.parser, "lines": self.lines, "added": counts.get("added", 0), "gone": counts.get("gone", 0), "changed": counts.get("changed", 0),
            "same": self.lines - counts.get("added", 0) - counts.get("changed", 0), "decided": decided, "elsewhere": counts.get("elsewhere", 0), "samples": samples, "statements": statements,
            "rejects": {"before": len(before.get("rejects", [])), "after": self.rejects}, "flags": {"before": len(before.get("flags", [])), "after": self.flags},
            "digest": hashlib.sha256(seen.encode()).hexdigest(),
        }  # fmt: skip

    @staticmethod
    def _samples(cursor: Any, kind: str) -> Iterator[dict[str, Any]]:
        cursor.execute(
            "SELECT line_id, state, old_value_on, old_amount, old_currency, old_reference, old_counterparty, old_description, old_booked_on, old_batch, old_fee,"
            " value_on, amount, currency, reference, counterparty, description, booked_on, batch, fee FROM reconciliation_difference WHERE kind = %s"
            " ORDER BY coalesce(old_value_on, value_on), line_id LIMIT %s",
            [kind, SAMPLES],
        )
        for line_id, state, *values in cursor.fetchall():
            old, new = values[:9], values[9:]
            sides = []
            for side in (old, new):
                sides.append(None if side[0] is None else {
                    "date": side[0].isoformat(), "amount": display(side[1], side[2]), "reference": side[3], "counterparty": side[4], "description": side[5],
                    "booked": side[6].isoformat() if side[6] else "", "batch": side[7], "fee": "" if side[8] is None else display(side[8], side[2]),
                })  # fmt: skip
            before, after = sides
            fields = [name for name in before if before[name] != after[name]] if before and after else []
            if "date" in fields and "booked" in fields:
                fields.remove("booked")  # one day of the file read differently, not two
            yield {
                "line": ids.encode("lin", line_id) if line_id else "",
                "state": state or "",
                "before": before,
                "after": after,
                "fields": fields,
            }

    def _statements(self) -> Iterator[dict[str, Any]]:
        known = list(Statement.objects.filter(
            file_sha256=self.file.sha256, livemode=self.file.livemode, partner_id=self.file.partner_id).select_related("account").order_by("id")[:MOST_KEPT])  # fmt: skip
        for account, end in self.statements[:MOST_KEPT]:
            before = next((row for row in known if row.account_id == account.pk and row.number == end.number[:60]), None)
            if before is not None:
                known.remove(before)
            after = {
                "opening": end.opening_minor,
                "closing": end.closing_minor,
                "balances_ok": end.balances_ok,
                "lines": end.line_count,
                "sum": end.sum_minor,
            }
            yield _pair(account, end.number, before, after)
        for row in known:
            yield _pair(row.account, row.number, row, None)


def _pair(account: BankAccount, number: str, before: Statement | None, after: dict[str, Any] | None) -> dict[str, Any]:
    was = None
    if before is not None:
        was = {
            "opening": before.opening_minor,
            "closing": before.closing_minor,
            "balances_ok": before.balances_ok,
            "lines": before.line_count,
            "sum": before.sum_minor,
        }

    def shown(side: dict[str, Any] | None) -> dict[str, Any] | None:
        if side is None:
            return None
        money = {name: None if side[name] is None else display(side[name], account.currency) for name in ("opening", "closing", "sum")}
        return {**side, **money}

    return {"account": str(account), "number": number, "before": shown(was), "after": shown(after), "differs": was != after}
