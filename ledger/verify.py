"""Proof that the ledger is whole: zero-sum, balances equal to entries, the chain intact, no gaps. Streams; memory stays flat."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction

from ledger.sealing import GENESIS, NIL, seal_hash
from payos.kernel import ids, sqlfile, tenancy

FETCH = 5_000


@dataclass
class Verdict:
    transactions: int = 0
    sealed: int = 0
    partners: int = 0
    accounts: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "transactions": self.transactions,
            "sealed": self.sealed,
            "unsealed": self.transactions - self.sealed,
            "partners": self.partners,
            "accounts": self.accounts,
            "first_broken": self.problems[0] if self.problems else None,
            "problems": self.problems,
        }


MOST_PROBLEMS = 100


def verify(partner_id: uuid.UUID | None = None, progress: Any = None) -> Verdict:
    """Check one partner, or everything, in one consistent snapshot."""
    verdict = Verdict()
    with transaction.atomic(), tenancy.platform_scope(actor="command:ledger_verify"):
        with tenancy.no_scope(), connection.cursor() as cursor:
            # Before the scope is written: the level must be set by the transaction's first statement.
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '128MB'")
            _count(cursor, verdict, partner_id)
        for check in (_chains, _unsealed, _zero_sums, _balances, _holds):
            check(verdict, partner_id, progress)
            if len(verdict.problems) >= MOST_PROBLEMS:
                break
    return verdict


def _add(verdict: Verdict, kind: str, detail: str, transaction_id: Any = None, **more: Any) -> None:
    if len(verdict.problems) < MOST_PROBLEMS:
        shown = ids.encode("txn", transaction_id) if transaction_id else None
        verdict.problems.append({"kind": kind, "transaction": shown, "detail": detail, **more})


def _count(cursor: Any, verdict: Verdict, partner_id: uuid.UUID | None) -> None:
    where, args = ("WHERE partner_id = %s", [partner_id]) if partner_id else ("", [])
    for name in ("transaction", "seal", "account"):
        cursor.execute(f"SELECT count(*) FROM ledger_{name} {where}", args)  # nosec B608 # three names written here
        setattr(verdict, {"transaction": "transactions", "seal": "sealed", "account": "accounts"}[name], cursor.fetchone()[0])


def _stream(name: str, sql: str, args: Any) -> Iterator[tuple[Any, ...]]:
    """Rows through a server-side cursor: the client never holds more than one fetch."""
    connection.apply_scope()  # type: ignore[attr-defined]
    with connection.connection.cursor(name=name) as cursor:
        cursor.itersize = FETCH
        cursor.execute(sql, args)
        yield from cursor


def _chains(verdict: Verdict, partner_id: uuid.UUID | None, progress: Any) -> None:
    heads = {
        row[0]: (row[1], bytes(row[2]))
        for row in _stream("payos_heads", "SELECT partner_id, position, hash FROM ledger_chain", [])
        if partner_id is None or row[0] == partner_id
    }
    verdict.partners = len(heads)
    sql = sqlfile.load(__file__, "verify_chain.sql")
    partner: uuid.UUID | None = None
    place, head, done, skip = 0, GENESIS, 0, False
    seen: dict[uuid.UUID, int] = {}
    for owner, position, transaction_id, sealed, canonical, real_owner in _stream("payos_chain", sql, {"partner": partner_id}):
        if owner != partner:
            partner, place, head, skip = owner, 0, GENESIS, False
        done += 1
        if progress and done % 50_000 == 0:
            progress(f"{done:,} seals checked")
        seen[owner] = position
        if skip:
            continue
        place += 1
        if position != place:
            _add(verdict, "gap", f"seal {place} of the chain is missing", transaction_id, position=place)
            skip = True
        elif canonical is None:
            _add(verdict, "missing", f"the transaction of seal {position} is gone", transaction_id, position=position)
            skip = True
        elif (real_owner or NIL) != owner:
            _add(verdict, "chain", "the transaction belongs to another partner than its seal", transaction_id, position=position)
            skip = True
        else:
            head = seal_hash(head, canonical)
            if head != bytes(sealed):
                _add(verdict, "changed", f"the transaction is not what was sealed at {position}", transaction_id, position=position)
                skip = True  # everything after it in this chain depends on it
    for owner, (position, head_hash) in heads.items():
        if seen.get(owner, 0) != position:
            _add(verdict, "gap", f"the chain ends at {seen.get(owner, 0)} and its head says {position}", None, position=position)
        elif partner == owner and not skip and head != head_hash:
            _add(verdict, "chain", "the head of the chain is not the hash of its last seal", None, position=position)


def _unsealed(verdict: Verdict, partner_id: uuid.UUID | None, progress: Any) -> None:
    sql = sqlfile.load(__file__, "verify_unsealed.sql")
    for (transaction_id,) in _stream("payos_unsealed", sql, {"partner": partner_id}):
        _add(verdict, "unsealed", "the transaction has no seal although the sealer passed it", transaction_id)


def _zero_sums(verdict: Verdict, partner_id: uuid.UUID | None, progress: Any) -> None:
    sql = sqlfile.load(__file__, "verify_zero_sum.sql")
    for transaction_id, currency, off in _stream("payos_zero", sql, {"partner": partner_id}):
        _add(verdict, "unbalanced", f"{currency} is off by {off} minor units", transaction_id)


def _balances(verdict: Verdict, partner_id: uuid.UUID | None, progress: Any) -> None:
    sql = sqlfile.load(__file__, "verify_balances.sql")
    for account_id, code, currency, kept, summed in _stream("payos_balances", sql, {"partner": partner_id}):
        _add(
            verdict,
            "balance",
            f"account {code} {currency} keeps {kept} and its entries sum to {summed}",
            account=ids.encode("acc", account_id) if account_id else None,
        )


def _holds(verdict: Verdict, partner_id: uuid.UUID | None, progress: Any) -> None:
    sql = sqlfile.load(__file__, "verify_holds.sql")
    for transaction_id, kept, summed in _stream("payos_holds", sql, {"partner": partner_id}):
        _add(verdict, "hold", f"the hold keeps {kept} and its entries leave {summed}", transaction_id)
