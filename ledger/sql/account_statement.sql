-- An account's posted entries of a span in effective order; ties by transaction and line, so that pages are stable.
-- `after` (an instant, a transaction and a line) continues where the page before ended.
SELECT e.transaction_id, e.line, e.effective_at, e.recorded_at, e.amount_minor, t.kind, t.description, t.subject_type, t.subject_id
  FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
 WHERE e.account_id = %(account)s AND e.layer = 0 AND e.effective_at >= %(start)s AND e.effective_at < %(end)s
   AND (%(after_at)s::timestamptz IS NULL
        OR (e.effective_at, e.transaction_id, e.line) > (%(after_at)s::timestamptz, %(after_id)s::uuid, %(after_line)s::smallint))
 ORDER BY e.effective_at, e.transaction_id, e.line
 LIMIT %(limit)s
