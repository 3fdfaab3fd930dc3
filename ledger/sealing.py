"""The sealer: every transaction takes its place in its partner's hash chain, in order, and is rolled into checkpoints.

seal = sha256(previous seal + canonical form). It runs behind the postings, asynchronously, and never in their way.
The work is done by `ledger_seal_next` in `sql/sealing.sql`, because the application may read seals and write none.
"""

from __future__ import annotations

import hashlib
import uuid

from django.db import connection, transaction

from payos.kernel import clock, tenancy

NIL = uuid.UUID(int=0)
GENESIS = hashlib.sha256(b"payos ledger chain 1").digest()
BATCH = 5_000
CHECKPOINT_EVERY = 1_000
FAR_BEHIND = 2_000


def seal_hash(previous: bytes, canonical: str) -> bytes:
    return hashlib.sha256(previous + canonical.encode()).digest()


def seal(limit: int = BATCH) -> int:
    """Seal the next transactions; returns how many."""
    with transaction.atomic(), tenancy.platform_scope(actor="clock:sealer"), connection.cursor() as cursor:
        cursor.execute("SELECT ledger_seal_next(%s, %s, %s)", [limit, CHECKPOINT_EVERY, clock.now()])
        return int(cursor.fetchone()[0])


def seal_all(rounds: int = 100_000) -> int:
    total = 0
    for _ in range(rounds):
        done = seal()
        total += done
        if done < BATCH:
            break
    return total


def tail(limit: int = FAR_BEHIND + 1) -> int:
    """How many transactions wait for their seal, counted up to a limit."""
    with tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute(
            # The mark stands in a subselect: joined, its cast would keep row-level security from using the index.
            "SELECT count(*) FROM (SELECT 1 FROM ledger_transaction t WHERE (t.xid, t.id) > (SELECT m.xid::xid8,"
            " coalesce(m.transaction_id, '00000000-0000-0000-0000-000000000000'::uuid) FROM ledger_sealmark m) LIMIT %s) AS tail",
            [limit],
        )
        return int(cursor.fetchone()[0])


def catch_up_if_far_behind() -> None:
    """A question about the past reads the unsealed tail row by row: keep it short, also right after a bulk load."""
    if tail() > FAR_BEHIND:
        seal_all()
