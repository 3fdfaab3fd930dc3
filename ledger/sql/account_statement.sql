-- An account's posted entries of a span in effective order; ties by transaction and line, so that pages are stable.
SELECT e.transaction_id, e.line, e.effective_at, e.recorded_at, e.amount_minor, t.kind, t.description, t.subject_type, t.subject_id
  FROM ledger_entry e JOIN ledger_transaction t ON t.id = e.transaction_id
 WHERE e.account_id = %(account)s AND e.layer = 0 AND e.effective_at >= %(start)s AND e.effective_at < %(end)s
 ORDER BY e.effective_at, e.transaction_id, e.line
