"""What is not known is asked about, on a schedule, until it is known. Never sent again, never presumed failed."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem
from settlement.models import Rail, Submission, Transfer
from settlement.rails import base
from settlement.rails.registry import adapter_for
from settlement.services import outcomes

CHUNK = 100
THREADS = 8
LEASE = timedelta(seconds=30)


def ask_due(limit: int = 2000) -> int:
    """Ask about every promise whose time has come; returns how many were asked about."""
    asked = 0
    while asked < limit:
        rows = _claim(min(CHUNK, limit - asked))
        if not rows:
            break
        for rail, questions in _by_rail(rows).items():
            _ask(rail, questions)
        asked += len(rows)
    return asked


def ask_now(*, transfer: Transfer) -> None:
    """Bring the question about one transfer forward; the clock asks it in its next round, under the same lease as every other."""
    waiting = Submission.objects.filter(transfer=transfer, outcome__in=["intent", "sent", "unknown"])
    if not waiting.update(ask_at=clock.now()):
        raise Problem("unprocessable", f"The bank has already said how {transfer.public_id} ended: it is {transfer.state}.")


def _claim(size: int) -> list[tuple[Any, ...]]:
    """Take the questions that are due and put them off by a lease, so that a crash only delays them."""
    now = clock.now()
    with transaction.atomic(), tenancy.platform_scope(actor="clock:asking"), connection.cursor() as cursor:
        cursor.execute(
            "WITH picked AS (SELECT id FROM settlement_submission WHERE outcome IN ('intent', 'sent', 'unknown') AND ask_at <= %s"
            " ORDER BY ask_at LIMIT %s FOR UPDATE SKIP LOCKED)"
            " UPDATE settlement_submission s SET ask_at = %s FROM picked WHERE s.id = picked.id RETURNING s.transfer_id, s.reference, s.rail_id",
            [now, size, now + LEASE],
        )
        return list(cursor.fetchall())


def _by_rail(rows: list[tuple[Any, ...]]) -> dict[Rail, list[tuple[Any, str]]]:
    with tenancy.platform_scope():
        rails = Rail.objects.in_bulk({row[2] for row in rows})
    grouped: dict[Rail, list[tuple[Any, str]]] = defaultdict(list)
    for transfer_id, reference, rail_id in rows:
        grouped[rails[rail_id]].append((transfer_id, reference))
    return grouped


def _ask(rail: Rail, questions: list[tuple[Any, str]]) -> None:
    adapter = adapter_for(rail)
    try:
        if not adapter.capabilities.can_ask:
            return
        with ThreadPoolExecutor(THREADS) as pool:
            answers = list(pool.map(lambda question: _status(adapter, question[1]), questions))
        outcomes.apply(rail=rail, adapter=adapter, answers=[(q[0], q[1], answer) for q, answer in zip(questions, answers, strict=True)])
    finally:
        adapter.close()


def _status(adapter: base.RailAdapter, reference: str) -> base.Answer:
    try:
        return adapter.status(reference)
    except Exception as error:  # noqa: BLE001  an adapter that fails to ask knows nothing new
        return base.Answer(base.UNKNOWN, detail=f"{type(error).__name__}: {error}"[:300])
