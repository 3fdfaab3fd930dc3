"""The sealer: every transaction takes its place in its partner's hash chain, in order, and is rolled into checkpoints.

seal = sha256(previous seal + canonical form). It runs behind the postings, asynchronously, and never in their way.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from django.db import connection, transaction

from payos.kernel import clock, locks, sqlfile, tenancy

NIL = uuid.UUID(int=0)
GENESIS = hashlib.sha256(b"payos ledger chain 1").digest()
BATCH = 5_000
CHECKPOINT_EVERY = 1_000
FAR_BEHIND = 2_000
AXES = (("e", "effective_at"), ("r", "recorded_at"))


def seal_hash(previous: bytes, canonical: str) -> bytes:
    return hashlib.sha256(previous + canonical.encode()).digest()


def seal(limit: int = BATCH) -> int:
    """Seal the next transactions; returns how many."""
    with transaction.atomic(), tenancy.platform_scope(actor="clock:sealer"):
        if not locks.try_advisory_xact_lock("ledger:sealer"):
            return 0
        with connection.cursor() as cursor:
            cursor.execute("SELECT xid, transaction_id FROM ledger_sealmark WHERE id = 1")
            xid, last = cursor.fetchone()
            cursor.execute(sqlfile.load(__file__, "seal_next.sql"), {"xid": xid, "id": last, "limit": limit})
            rows = cursor.fetchall()
            if not rows:
                return 0
            _seal_rows(cursor, rows)
            last_id, last_xid, _ = rows[-1]
            cursor.execute("UPDATE ledger_sealmark SET xid = %s, transaction_id = %s WHERE id = 1", [last_xid, last_id])
            _roll(cursor, [row[0] for row in rows], last_xid, last_id)
            return len(rows)


def seal_all(rounds: int = 100_000) -> int:
    total = 0
    for _ in range(rounds):
        done = seal()
        total += done
        if done < BATCH:
            break
    return total


def _seal_rows(cursor: Any, rows: list[tuple[uuid.UUID, str, uuid.UUID]]) -> None:
    ids = [row[0] for row in rows]
    cursor.execute("SELECT id, canonical FROM ledger_canonical(%s)", [ids])
    canonical = dict(cursor.fetchall())
    partners = sorted({row[2] for row in rows})
    cursor.execute("SELECT partner_id, position, hash FROM ledger_chain WHERE partner_id = ANY(%s)", [partners])
    heads = {partner: (position, bytes(head)) for partner, position, head in cursor.fetchall()}
    places, hashes, owners = [], [], []
    for transaction_id, _, partner in rows:
        position, head = heads.get(partner, (0, GENESIS))
        head = seal_hash(head, canonical[transaction_id])
        heads[partner] = (position + 1, head)
        places.append(position + 1)
        hashes.append(head)
        owners.append(partner)
    cursor.execute(
        "INSERT INTO ledger_seal (transaction_id, partner_id, position, hash, sealed_at)"
        " SELECT *, %s FROM unnest(%s::uuid[], %s::uuid[], %s::bigint[], %s::bytea[])",
        [clock.now(), ids, owners, places, hashes],
    )
    cursor.execute(
        "INSERT INTO ledger_chain (partner_id, position, hash) SELECT * FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[])"
        " ON CONFLICT (partner_id) DO UPDATE SET position = excluded.position, hash = excluded.hash",
        [partners, [heads[p][0] for p in partners], [heads[p][1] for p in partners]],
    )


def _roll(cursor: Any, ids: list[uuid.UUID], xid: str, last_id: uuid.UUID) -> None:
    for axis, column in AXES:
        cursor.execute(sqlfile.load(__file__, "roll.sql").format(axis=axis, time=column), {"ids": ids})
    cursor.execute(
        "INSERT INTO ledger_rollstate AS r (account_id, partner_id, since)"
        " SELECT account_id, partner_id, count(*) FROM ledger_entry WHERE transaction_id = ANY(%s) GROUP BY 1, 2"
        " ON CONFLICT (account_id) DO UPDATE SET since = r.since + excluded.since RETURNING account_id, since",
        [ids],
    )
    full = [account for account, since in cursor.fetchall() if since >= CHECKPOINT_EVERY]
    if not full:
        return
    for axis, column in AXES:
        cursor.execute(
            sqlfile.load(__file__, "checkpoint_new.sql").format(axis=axis, time=column),
            {"accounts": full, "every": CHECKPOINT_EVERY, "xid": xid, "id": last_id},
        )
    cursor.execute("UPDATE ledger_rollstate SET since = 0 WHERE account_id = ANY(%s)", [full])


def tail(limit: int = FAR_BEHIND + 1) -> int:
    """How many transactions wait for their seal, counted up to a limit."""
    with tenancy.platform_scope(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM ledger_transaction t, ledger_sealmark m WHERE (t.xid, t.id) >"
            " (m.xid::xid8, coalesce(m.transaction_id, '00000000-0000-0000-0000-000000000000'::uuid)) LIMIT %s) AS tail",
            [limit],
        )
        return int(cursor.fetchone()[0])


def catch_up_if_far_behind() -> None:
    """A question about the past reads the unsealed tail row by row: keep it short, also right after a bulk load."""
    if tail() > FAR_BEHIND:
        seal_all()
