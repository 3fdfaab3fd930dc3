"""Was this reference recorded? Memory, then Redis, then Postgres; only Postgres decides.

The first two only ever save time. What memory knows, this process saw committed. What Redis says is signed, so a
poisoned entry counts as absent, and is still confirmed by a read of the payment. A miss anywhere simply goes on to the
unique constraint in Postgres. So a lost, stale or hostile cache can neither let a duplicate through nor invent one.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from payos.kernel import redis

CAPACITY = 100_000
REDIS_SECONDS = 24 * 3600
TELL_EVERY = 64
TELL_SECONDS = 0.5


class Key(NamedTuple):
    partner_id: uuid.UUID
    livemode: bool
    source: str
    reference: str

    @property
    def name(self) -> str:
        digest = hashlib.sha256(f"{self.partner_id}|{self.livemode}|{self.source}|{self.reference}".encode()).hexdigest()
        return f"payos:dedup:{digest[:40]}"


class Known(NamedTuple):
    payment_id: uuid.UUID
    content: uuid.UUID


class Statistics:
    """Hit rates of this process, for the health page and metrics."""

    def __init__(self) -> None:
        self.memory = self.redis = self.missed = 0

    def as_dict(self) -> dict[str, float]:
        total = self.memory + self.redis + self.missed
        return {
            "lookups": total,
            "memory_hit_rate": self.memory / total if total else 0.0,
            "redis_hit_rate": self.redis / total if total else 0.0,
        }


statistics = Statistics()
_memory: OrderedDict[Key, Known] = OrderedDict()
_lock = threading.Lock()
_untold: list[tuple[Key, Known]] = []
_told_at = 0.0


def content(amount_minor: int, currency: str, loan: str, cif: str) -> uuid.UUID:
    """As the SQL function ingestion_content computes it."""
    return uuid.UUID(hashlib.md5(f"{amount_minor}|{currency}|{loan}|{cif}".encode(), usedforsecurity=False).hexdigest())


def in_memory(key: Key) -> Known | None:
    with _lock:
        known = _memory.get(key)
        if known is not None:
            _memory.move_to_end(key)
            statistics.memory += 1
    return known


def find_many(keys: Sequence[Key]) -> dict[Key, Known]:
    """What Redis knows of these and Postgres confirms: one round trip for a whole batch, a second only after a hit."""
    said = _from_redis(keys)
    true = known_references(said) if said else {}
    found = {key: known for key, known in said.items() if true.get(key) == known}
    with _lock:
        statistics.redis += len(found)
        statistics.missed += len(keys) - len(found)
    for key, known in found.items():
        _keep(key, known)
    return found


def remember(key: Key, known: Known) -> None:
    """After the commit that recorded it, never before. Redis hears of it a few at a time: it is only a hint."""
    global _told_at
    _keep(key, known)
    with _lock:
        _untold.append((key, known))
        if len(_untold) < TELL_EVERY and time.monotonic() - _told_at < TELL_SECONDS:
            return
        rows, _told_at = list(_untold), time.monotonic()
        _untold.clear()
    _to_redis(rows)


def forget() -> None:
    with _lock:
        _memory.clear()
        _untold.clear()


def warm_up(limit: int = CAPACITY) -> int:
    """Fill the caches with the newest references. Called under the platform's scope."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT partner_id, livemode, source, reference_number, payment_id, content FROM ingestion_paymentreference"
            " ORDER BY id DESC LIMIT %s",
            [limit],
        )
        rows = [(Key(*row[:4]), Known(row[4], row[5])) for row in cursor.fetchall()]
    for key, known in reversed(rows):
        _keep(key, known)
    for start in range(0, len(rows), 5000):
        _to_redis(rows[start : start + 5000])
    return len(rows)


def known_references(keys: Iterable[Key]) -> dict[Key, Known]:
    """In bulk, from Postgres alone: one read for a whole batch."""
    wanted = list(keys)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.partner_id, r.livemode, r.source, r.reference_number, r.payment_id, r.content"
            " FROM unnest(%s::uuid[], %s::boolean[], %s::text[], %s::text[]) AS w (partner_id, livemode, source, reference)"
            " JOIN ingestion_paymentreference r ON r.partner_id = w.partner_id AND r.livemode = w.livemode"
            " AND r.source = w.source AND r.reference_number = w.reference",
            [list(column) for column in zip(*wanted, strict=True)] if wanted else [[], [], [], []],
        )
        return {Key(*row[:4]): Known(row[4], row[5]) for row in cursor.fetchall()}


def _keep(key: Key, known: Known) -> None:
    with _lock:
        _memory[key] = known
        _memory.move_to_end(key)
        while len(_memory) > CAPACITY:
            _memory.popitem(last=False)


def _seal(key: Key, known: Known) -> bytes:
    said = f"{key.name}|{known.payment_id}|{known.content}".encode()
    return hmac.new(settings.PAYOS_HASH_KEY.encode(), said, hashlib.sha256).hexdigest()[:32].encode()


def _from_redis(keys: Sequence[Key]) -> dict[Key, Known]:
    try:
        values = redis.client().mget([key.name for key in keys]) if keys else []
    except redis.Unavailable:
        return {}
    read = ((key, _unsealed(key, raw)) for key, raw in zip(keys, values, strict=True) if isinstance(raw, bytes))
    return {key: known for key, known in read if known is not None}


def _unsealed(key: Key, raw: bytes) -> Known | None:
    try:
        payment_id, said, seal = raw.split(b"|")
        known = Known(uuid.UUID(payment_id.decode()), uuid.UUID(said.decode()))
    except ValueError:
        return None
    return known if hmac.compare_digest(seal, _seal(key, known)) else None


def _to_redis(rows: list[tuple[Key, Known]]) -> None:
    try:
        pipe = redis.client().pipeline(transaction=False)
        for key, known in rows:
            value = b"|".join([str(known.payment_id).encode(), str(known.content).encode(), _seal(key, known)])
            pipe.set(key.name, value, ex=REDIS_SECONDS)
        pipe.execute()
    except redis.Unavailable:
        pass  # the next request asks Postgres
