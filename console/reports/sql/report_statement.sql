-- What moved each account of a partner in the span, by kind of transaction: posted entries by the time they are effective.
SELECT e.account_id, t.kind, count(*),
       COALESCE(sum(e.amount_minor) FILTER (WHERE e.amount_minor > 0), 0) AS debits,
       COALESCE(-sum(e.amount_minor) FILTER (WHERE e.amount_minor < 0), 0) AS credits
FROM ledger_entry e
JOIN ledger_transaction t ON t.id = e.transaction_id
WHERE e.account_id IN (SELECT id FROM ledger_account WHERE partner_id = %(partner)s AND livemode = %(livemode)s)
  AND e.layer = 0
  AND e.effective_at >= %(start)s AND e.effective_at < %(end)s
GROUP BY e.account_id, t.kind
ORDER BY e.account_id, t.kind
