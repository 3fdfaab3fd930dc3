"""The staging processor: batches in one transaction each, several workers at once, one bad row rejected alone."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.db.utils import InterfaceError

from ingestion.models import StagingProcessLog
from ledger.services import account_for
from operations.services import open_cases
from payos.kernel import clock, tenancy
from payos.kernel.money import is_currency

log = logging.getLogger("payos.ingestion")
BATCH = 1000
TRIES = 3
CASE_SAMPLES = 200


@dataclass(slots=True)
class BatchResult:
    first_row: int | None = None
    last_row: int | None = None
    total: int = 0
    created: int = 0
    duplicates: int = 0
    conflicts: int = 0
    rejected: int = 0


def process_batch(*, batch: int = BATCH, postings: bool = True, only_ids: list[int] | None = None) -> BatchResult:
    """One batch, one transaction: rows, references, payments, postings, events, log and cases together or not at all."""
    started, began = clock.now(), time.perf_counter()
    with transaction.atomic(), tenancy.platform_scope(actor="clock:staging"):
        if postings:
            _open_accounts(batch, only_ids)
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM ingestion_process_staging(%s, %s, %s, %s::bigint[])", [batch, started, postings, only_ids])
            result = BatchResult(*cursor.fetchone())
        if result.total:
            if result.rejected or result.conflicts:
                _open_cases()
            _log(result, started, began, "completed")
    return result


def process_all(
    *, batch: int = BATCH, postings: bool = True, limit: int | None = None, progress: Callable[[BatchResult], None] | None = None
) -> BatchResult:
    """Work until nothing waits (or `limit` rows are done); a batch that keeps failing is taken apart."""
    sum_ = BatchResult()
    while limit is None or sum_.total < limit:
        result = _with_retries(batch if limit is None else min(batch, limit - sum_.total), postings)
        if not result.total:
            break
        for name in ("total", "created", "duplicates", "conflicts", "rejected"):
            setattr(sum_, name, getattr(sum_, name) + getattr(result, name))
        if progress:
            progress(sum_)
    return sum_


def _with_retries(batch: int, postings: bool) -> BatchResult:
    for attempt in range(1, TRIES + 1):
        try:
            return process_batch(batch=batch, postings=postings)
        except (DatabaseError, InterfaceError) as error:
            log.warning("staging.batch_failed", extra={"attempt": attempt, "error": str(error)[:500]})
            if attempt < TRIES:
                if not connection.in_atomic_block:
                    connection.close_if_unusable_or_obsolete()
                time.sleep(0.05 * 2**attempt)
    return _take_apart(batch, postings)


def _take_apart(batch: int, postings: bool) -> BatchResult:
    """Halve the failing batch until the bad rows stand alone; those are rejected with the database's reason."""
    with transaction.atomic(), tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM payment_staging WHERE NOT processed ORDER BY id LIMIT %s", [batch])
        rows = [row[0] for row in cursor.fetchall()]
    total = BatchResult()
    _halve(rows, postings, total)
    return total


def _halve(rows: list[int], postings: bool, total: BatchResult) -> None:
    if not rows:
        return
    try:
        result = process_batch(batch=len(rows), postings=postings, only_ids=rows)
    except DatabaseError as error:
        if len(rows) == 1:
            _reject(rows[0], str(error).strip().splitlines()[0][:500])
            total.total += 1
            total.rejected += 1
            return
        middle = len(rows) // 2
        _halve(rows[:middle], postings, total)
        _halve(rows[middle:], postings, total)
        return
    for name in ("total", "created", "duplicates", "conflicts", "rejected"):
        setattr(total, name, getattr(total, name) + getattr(result, name))


def _reject(row_id: int, why: str) -> None:
    started, began = clock.now(), time.perf_counter()
    with transaction.atomic(), tenancy.platform_scope(actor="clock:staging"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE payment_staging SET processed = true, processed_at = %s, outcome = 'rejected', error = %s WHERE id = %s"
            " AND NOT processed RETURNING partner_id, livemode, reference_number, source",
            [started, why, row_id],
        )
        row = cursor.fetchone()
        if row:
            partner_id, livemode, reference, source = row
            open_cases([_case(row_id, partner_id, livemode, reference, source, None, None, "rejected", why)])
            _log(BatchResult(row_id, row_id, 1, rejected=1), started, began, "completed")


def _open_accounts(batch: int, only_ids: list[int] | None) -> None:
    """The accounts that the next rows need, opened before the batch posts to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT s.partner_id, s.livemode, s.currency, coalesce(nullif(btrim(s.payment_channel), ''), 'staging')"
            " FROM (SELECT * FROM payment_staging WHERE NOT processed AND (%(only)s::bigint[] IS NULL OR id = ANY(%(only)s))"
            # Other workers may hold the first rows: look as far ahead as several batches reach.
            " ORDER BY id LIMIT %(limit)s) AS s JOIN partners_partner p ON p.id = s.partner_id",
            {"only": only_ids, "limit": batch * 8},
        )
        for partner_id, livemode, currency, channel in cursor.fetchall():
            if is_currency(currency) and len(channel) <= 40:
                for code in (f"receivable:{channel}", "partner:available", "partner:pending"):
                    account_for(partner_id=partner_id, livemode=livemode, code=code, currency=currency)


def _open_cases() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT b.row_id, b.partner_id, b.livemode, b.reference, b.source, b.amount_minor, b.currency, b.outcome, b.why"
            " FROM staging_batch b JOIN partners_partner p ON p.id = b.partner_id"
            " WHERE b.outcome IN ('rejected', 'conflict') ORDER BY b.row_id LIMIT %s",
            [CASE_SAMPLES],
        )
        open_cases([_case(*row) for row in cursor.fetchall()])


def _in_words(why: str) -> str:
    """Machines read `amount: must be positive` beside the row; a person reads that the amount must be positive."""
    field, found, said = why.partition(": ")
    return (
        said
        if said.startswith("the")
        else f"the {field.replace('_', ' ')} {said}"
        if found and field.isidentifier() and field.islower()
        else why.rstrip(".")
    )


def _case(
    row_id: int,
    partner_id: Any,
    livemode: bool,
    reference: str | None,
    source: str,
    amount: int | None,
    currency: str | None,
    outcome: str,
    why: str,
) -> dict[str, Any]:
    kind = "payment_conflict" if outcome == "conflict" else "payment_rejected"
    shown = (reference or f"row {row_id}")[:120]
    return {
        "kind": kind,
        "cause_key": f"staging:{partner_id}:{livemode}:{source}:{kind}:{shown}"[:200],
        "title": f"Payment {shown} was {'contradicted' if outcome == 'conflict' else 'rejected'}"[:200],
        "detail": f"Staging row {row_id}: {_in_words(why)}.",
        "subject": ("payment_staging", str(row_id)),
        "partner_id": partner_id,
        "livemode": livemode,
        "amount_minor": amount,
        "currency": currency if currency and is_currency(currency) else "",
        "reason_code": why.partition(":")[0][:60],
        "references": [shown],
    }


def _log(result: BatchResult, started: Any, began: float, status: str) -> None:
    StagingProcessLog.objects.create(
        first_row=result.first_row,
        last_row=result.last_row,
        total=result.total,
        processed=result.created,
        duplicates=result.duplicates,
        conflicts=result.conflicts,
        errors=result.rejected,
        status=status,
        started_at=started,
        finished_at=clock.now(),
        milliseconds=(time.perf_counter() - began) * 1000,
    )
