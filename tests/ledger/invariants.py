"""The laws of the ledger as questions to the database: each has a name, and an answer of no rows means that it holds."""

from __future__ import annotations

from typing import Any

INVARIANTS = {
    "every transaction sums to zero per currency": """
        SELECT transaction_id, currency, sum(amount_minor) FROM ledger_entry
         GROUP BY transaction_id, currency, layer > 0 HAVING sum(amount_minor) <> 0""",
    "no transaction without entries, no entry without its transaction": """
        SELECT t.id, e.transaction_id FROM ledger_transaction t FULL JOIN ledger_entry e ON e.transaction_id = t.id
         WHERE t.id IS NULL OR e.transaction_id IS NULL""",
    "a balance is the sum of its entries": """
        SELECT b.account_id, b.posted, e.posted, b.pending, e.pending
          FROM (SELECT account_id, sum(debits_posted) - sum(credits_posted) AS posted,
                       sum(debits_pending) - sum(credits_pending) AS pending FROM ledger_balance GROUP BY 1) AS b
          FULL JOIN (SELECT account_id, coalesce(sum(amount_minor) FILTER (WHERE layer = 0), 0) AS posted,
                            coalesce(sum(amount_minor) FILTER (WHERE layer > 0), 0) AS pending
                       FROM ledger_entry GROUP BY 1) AS e ON e.account_id = b.account_id
         WHERE coalesce(b.posted, 0) <> coalesce(e.posted, 0) OR coalesce(b.pending, 0) <> coalesce(e.pending, 0)""",
    "entry, transaction and account agree in partner, mode, currency and time": """
        SELECT e.transaction_id, e.line FROM ledger_entry e
          JOIN ledger_transaction t ON t.id = e.transaction_id JOIN ledger_account a ON a.id = e.account_id
         WHERE a.currency <> e.currency OR a.partner_id IS DISTINCT FROM e.partner_id OR t.partner_id IS DISTINCT FROM e.partner_id
            OR a.livemode <> e.livemode OR t.livemode <> e.livemode OR t.effective_at <> e.effective_at
            OR t.recorded_at <> e.recorded_at""",
    "a limited account is never below zero, holds counted": """
        SELECT account_id FROM ledger_balance
         WHERE (limit_side = 1 AND debits_posted < credits_posted + credits_pending)
            OR (limit_side = -1 AND credits_posted < debits_posted + debits_pending)""",
    "an account with a limit keeps it on its one row": """
        SELECT a.id FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
         WHERE a.no_overdraft AND (b.slot <> 0 OR b.limit_side = 0)""",
    "a hold gives back what it took and never more": """
        SELECT h.transaction_id, h.amount_minor, h.remaining_minor, coalesce(r.given, 0) FROM ledger_hold h
          LEFT JOIN (SELECT t.hold_id, -sum(e.amount_minor) AS given FROM ledger_transaction t
                       JOIN ledger_entry e ON e.transaction_id = t.id AND e.layer = 2 AND e.amount_minor < 0
                      GROUP BY t.hold_id) AS r ON r.hold_id = h.transaction_id
         WHERE h.remaining_minor <> h.amount_minor - coalesce(r.given, 0) OR h.remaining_minor < 0""",
    "a transaction is reversed once at most": """
        SELECT reverses_id FROM ledger_transaction WHERE reverses_id IS NOT NULL GROUP BY 1 HAVING count(*) > 1""",
    "an external id stands for one transaction": """
        SELECT partner_id, livemode, external_id FROM ledger_transaction WHERE external_id IS NOT NULL
         GROUP BY 1, 2, 3 HAVING count(*) > 1""",
    "nothing was recorded into a period after it was closed": """
        SELECT t.id FROM ledger_transaction t JOIN ledger_period p
            ON p.partner_id IS NOT DISTINCT FROM t.partner_id AND p.livemode = t.livemode AND p.closed_at IS NOT NULL
           AND t.effective_at >= p.starts_at AND t.effective_at < p.ends_at AND t.recorded_at > p.closed_at""",
    "a chain has no gap and its head is its last seal": """
        SELECT c.partner_id FROM ledger_chain c
          LEFT JOIN (SELECT partner_id, count(*) AS n, max(position) AS last FROM ledger_seal GROUP BY 1) AS s
            ON s.partner_id = c.partner_id
         WHERE c.position <> coalesce(s.n, 0) OR c.position <> coalesce(s.last, 0)
            OR c.hash <> (SELECT x.hash FROM ledger_seal x WHERE x.partner_id = c.partner_id AND x.position = c.position)""",
}
TABLES = (
    "ledger_account",
    "ledger_transaction",
    "ledger_entry",
    "ledger_balance",
    "ledger_hold",
    "ledger_period",
    "ledger_chain",
    "ledger_seal",
    "ledger_checkpoint",
    "ledger_sealmark",
    "kernel_outbox_event",
    "kernel_audit_event",
)


def broken(connection: Any) -> dict[str, list[Any]]:
    """The invariants that do not hold, with what breaks them, read by a connection that sees everything."""
    found = {name: connection.execute(sql).fetchmany(5) for name, sql in INVARIANTS.items()}
    return {name: rows for name, rows in found.items() if rows}


def check(connection: Any) -> None:
    found = broken(connection)
    assert not found, found


def digest(connection: Any) -> str:
    """Every row of every table that a posting could touch, as one hash: equal means byte-identical."""
    parts = [
        connection.execute(f"SELECT coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), '') FROM {table} t").fetchone()[0]
        for table in TABLES
    ]
    return "|".join(parts)
