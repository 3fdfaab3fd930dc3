"""Counting what became of batches: the partner's and the settlement's. Increments under row locks, in key order."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection

from operations.services import resolve_by_cause
from payos.kernel import clock, ids
from settlement import events


def count(*, transfers: Iterable[Any], settled: bool, executed: dict[uuid.UUID, int] | None = None) -> None:
    """Add final transfers to their batches; what becomes complete says so."""
    by_batch: dict[uuid.UUID, list[int]] = defaultdict(lambda: [0, 0])
    by_settlement: dict[uuid.UUID, list[int]] = defaultdict(lambda: [0, 0, 0])
    for transfer in transfers:
        if transfer.batch_id:
            by_batch[transfer.batch_id][0 if settled else 1] += 1
        if transfer.settlement_batch_id:
            entry = by_settlement[transfer.settlement_batch_id]
            entry[0 if settled else 1] += 1
            if settled:
                entry[2] += (executed or {}).get(transfer.pk, transfer.amount_minor)
    _partner_batches(by_batch)
    _settlement_batches(by_settlement)


def uncount(*, transfers: Iterable[Any]) -> None:
    """Failed items go again: their batch is in work once more."""
    numbers: dict[uuid.UUID, int] = defaultdict(int)
    for transfer in transfers:
        if transfer.batch_id:
            numbers[transfer.batch_id] += 1
    with connection.cursor() as cursor:
        for key in sorted(numbers):
            cursor.execute(
                "UPDATE settlement_transferbatch SET failed_count = failed_count - %s, state = 'processing', completed_at = NULL WHERE id = %s",
                [numbers[key], key],
            )


def move_to_failed(*, transfers: Iterable[Any]) -> None:
    """What counted as settled came back: the partner's batch has an error after all."""
    numbers: dict[uuid.UUID, int] = defaultdict(int)
    for transfer in transfers:
        if transfer.batch_id:
            numbers[transfer.batch_id] += 1
    with connection.cursor() as cursor:
        for key in sorted(numbers):
            cursor.execute(
                "UPDATE settlement_transferbatch SET done_count = done_count - %(n)s, failed_count = failed_count + %(n)s,"
                " state = CASE WHEN state = 'completed' THEN 'completed_with_errors' ELSE state END WHERE id = %(id)s",
                {"n": numbers[key], "id": key},
            )


def _partner_batches(numbers: dict[uuid.UUID, list[int]]) -> None:
    finished = []
    with connection.cursor() as cursor:
        for key in sorted(numbers):
            done, failed = numbers[key]
            cursor.execute(
                "UPDATE settlement_transferbatch SET done_count = done_count + %(done)s, failed_count = failed_count + %(failed)s,"
                " state = CASE WHEN done_count + failed_count + %(done)s + %(failed)s < count THEN 'processing'"
                "   WHEN failed_count + %(failed)s > 0 THEN 'completed_with_errors' ELSE 'completed' END,"
                " completed_at = CASE WHEN done_count + failed_count + %(done)s + %(failed)s >= count THEN %(now)s END"
                " WHERE id = %(id)s RETURNING partner_id, livemode, state, count, done_count, failed_count",
                {"done": done, "failed": failed, "now": clock.now(), "id": key},
            )
            row = cursor.fetchone()
            if row and row[2].startswith("completed"):
                payload = {
                    "id": ids.encode("bat", key), "object": "transfer_batch", "status": row[2],
                    "count": row[3], "settled": row[4], "failed": row[5],
                }  # fmt: skip
                finished.append(("batch.completed", f"batch:{key}", row[0], row[1], {"batch": payload}))
    events.publish_many(finished)


def _settlement_batches(numbers: dict[uuid.UUID, list[int]]) -> None:
    finished, ended = [], []
    with connection.cursor() as cursor:
        for key in sorted(numbers):
            settled, failed, actual = numbers[key]
            cursor.execute(
                "UPDATE settlement_settlementbatch SET settled_count = settled_count + %(settled)s, failed_count = failed_count + %(failed)s,"
                " actual_minor = actual_minor + %(actual)s,"
                " state = CASE WHEN settled_count + failed_count + %(settled)s + %(failed)s < count THEN 'submitted'"
                "   WHEN failed_count + %(failed)s = 0 THEN 'settled' WHEN settled_count + %(settled)s = 0 THEN 'failed'"
                "   ELSE 'partly_settled' END,"
                " late_since = CASE WHEN settled_count + failed_count + %(settled)s + %(failed)s < count THEN late_since END"
                " WHERE id = %(id)s RETURNING partner_id, livemode, state, count, settled_count, failed_count, amount_minor, actual_minor, currency",
                {"settled": settled, "failed": failed, "actual": actual, "id": key},
            )
            row = cursor.fetchone()
            if row and row[2] in {"settled", "partly_settled", "failed"}:
                ended.append(late_cause(key))
                payload = {
                    "id": ids.encode("stl", key), "object": "settlement_batch", "status": row[2], "count": row[3],
                    "settled": row[4], "failed": row[5], "amount_minor": row[6], "actual_minor": row[7], "currency": row[8],
                }  # fmt: skip
                finished.append(("settlement.batch_settled", f"settlement:{key}", row[0], row[1], {"settlement_batch": payload}))
    events.publish_many(finished)
    if ended:
        resolve_by_cause(ended, resolution="settled", note="Every transfer of the batch has ended.")


def late_cause(batch_id: uuid.UUID) -> str:
    """The case of a settlement batch that is late: opened by the monitor, closed where the batch ends."""
    return f"settlement_late:{batch_id}"
