"""Sending what windows closed: intent committed, call, outcome committed. Law 4 in one file.

A claim writes the intent (state, submission row, stable reference) and commits before any call. Answers are recorded
in one transaction per chunk. A process that dies in between leaves intents whose time to be asked about comes soon.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from payos.kernel import clock, crypto, ids, redis, sqlfile, tenancy
from payos.kernel.breaker import Breaker, BreakerOpen
from settlement.models import Halt, Rail
from settlement.rails import base
from settlement.rails.registry import adapter_for
from settlement.services import outcomes

CHUNK = 100
THREADS = 12
ASK_INTENTS_AFTER = 30  # seconds; a rail's settings may say `ask_intents_after`


def execute_rail(*, rail_code: str, seconds: float = 20.0, limit: int = 100_000) -> int:
    """Send what is due on one rail until nothing is left or the time is over; returns how many calls were made."""
    started, sent = time.monotonic(), 0
    with tenancy.platform_scope(actor="clock:execution"):
        rail = Rail.objects.filter(code=rail_code).first()
    if rail is None:
        return 0
    adapter = adapter_for(rail)
    breaker = Breaker(f"rail:{rail.code}")
    try:
        if adapter.capabilities.files:
            return 0
        with ThreadPoolExecutor(THREADS) as pool:
            while sent < limit and time.monotonic() - started < seconds:
                try:
                    size = _allowed(rail, breaker)
                except BreakerOpen:
                    break
                orders = claim(rail, min(size, limit - sent)) if size else []
                if not orders:
                    break
                _pace(rail, len(orders))
                until = time.monotonic() + outcomes.send_within(rail)
                answers = list(pool.map(lambda order, until=until: _submit(adapter, order, until), orders))
                _learn(breaker, answers)
                outcomes.apply(
                    rail=rail, adapter=adapter, answers=[(o.transfer_id, o.reference, a) for o, a in zip(orders, answers, strict=True)]
                )
                sent += len(orders)
    finally:
        adapter.close()
    return sent


def _allowed(rail: Rail, breaker: Breaker) -> int:
    """How many may go now: none when switched off, one to try when the circuit is half open."""
    with tenancy.platform_scope():
        if Halt.objects.exists() or not Rail.objects.filter(pk=rail.pk, enabled=True).exists():
            return 0
    state = breaker.state()
    breaker.enter()
    return 1 if state == "half_open" else CHUNK


def claim(rail: Rail, size: int) -> list[base.Order]:
    """Write the intents of the next transfers and commit them. Several workers share the queue with SKIP LOCKED."""
    now = clock.now()
    with transaction.atomic(), tenancy.platform_scope(actor="clock:execution"), connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "claim_transfers.sql"), {"rail": rail.pk, "now": now, "size": size})
        rows = cursor.fetchall()
        if not rows:
            return []
        cursor.execute(
            "INSERT INTO settlement_submission AS s (id, created_at, partner_id, livemode, transfer_id, number, rail_id, reference,"
            " rail_reference, outcome, code, detail, asked, ask_at, sent_at, sends)"
            " SELECT id, %(now)s, partner, live, transfer, number, %(rail)s, reference, '', 'intent', '', '', 0, %(ask)s, %(now)s, 1"
            " FROM unnest(%(ids)s::uuid[], %(partners)s::uuid[], %(modes)s::boolean[], %(transfers)s::uuid[], %(numbers)s::int[],"
            " %(references)s::text[]) AS n (id, partner, live, transfer, number, reference)"
            # Tried again after it certainly was not sent: the same promise under the same reference.
            " ON CONFLICT (transfer_id, number) DO UPDATE SET outcome = 'intent', ask_at = excluded.ask_at, sent_at = excluded.sent_at,"
            " sends = s.sends + 1 RETURNING s.reference, s.sends",
            {
                "now": now, "rail": rail.pk, "ask": now + timedelta(seconds=float(rail.config.get("ask_intents_after", ASK_INTENTS_AFTER))),
                "ids": [ids.uuid7() for _ in rows], "partners": [r[1] for r in rows], "modes": [r[2] for r in rows],
                "transfers": [r[0] for r in rows], "numbers": [r[7] for r in rows],
                "references": [reference(r[0], r[7]) for r in rows],
            },
        )  # fmt: skip
        sends = dict(cursor.fetchall())
        cursor.execute(
            "UPDATE settlement_settlementbatch SET state = 'submitted' WHERE id = ANY(%s) AND state = 'closed'",
            [sorted({r[8] for r in rows if r[8]})],
        )
    return [
        base.Order(
            r[0],
            reference(r[0], r[7]),
            r[3],
            r[4],
            json.loads(crypto.decrypt(r[5])),
            r[6],
            _object(r[9]),
            send=sends[reference(r[0], r[7])],
        )
        for r in rows
    ]


def _object(value: Any) -> dict[str, Any]:
    return json.loads(value) if isinstance(value, str) else value or {}


def reference(transfer_id: uuid.UUID, number: int) -> str:
    """Stable for one promise. Only a known failure makes the next number."""
    public = ids.encode("trf", transfer_id)
    return public if number == 1 else f"{public}-{number}"


def _submit(adapter: base.RailAdapter, order: base.Order, until: float) -> base.Answer:
    if time.monotonic() > until:
        # Whoever asks about it counts on nothing leaving after this moment.
        return base.Answer(base.NOT_SENT, detail="it was not sent in time and goes again", send=order.send)
    try:
        return replace(adapter.submit(order), send=order.send)
    except Exception as error:  # noqa: BLE001  whatever an adapter meets, the outcome is unknown and not failed
        return base.Answer(base.UNKNOWN, detail=f"{type(error).__name__}: {error}"[:300])


def _learn(breaker: Breaker, answers: Sequence[base.Answer]) -> None:
    """A chunk in which nobody got through counts once; one that got through closes the circuit."""
    reached = [a for a in answers if a.outcome not in {base.UNKNOWN, base.NOT_SENT} or a.retry_after is not None]
    if reached:
        breaker.success()
    else:
        breaker.failure(answers[0].detail or "no answer")


def _pace(rail: Rail, count: int) -> None:
    """Stay below the rail's calls per second, counted over all workers in Redis; without Redis each worker counts alone."""
    if count * 2 < rail.per_second:
        return
    key = f"payos:rail:{rail.code}:{int(time.time())}"
    try:
        pipe: Any = redis.client().pipeline(transaction=False)
        pipe.incrby(key, count)
        pipe.expire(key, 5)
        used = int(pipe.execute()[0])
    except redis.Unavailable:
        used = count
    if used > rail.per_second:
        time.sleep(min(used / rail.per_second, 5.0))
