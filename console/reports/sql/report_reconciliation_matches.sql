-- Matches made in the span, taken back or not (a match that was taken back is reversed by a transaction of its own), and
-- beside them what their transactions posted to cash accounts.
SELECT a.name, m.currency, m.level, count(*), sum(m.amount_minor), COALESCE(sum(posted.amount), 0)
FROM reconciliation_match m
JOIN reconciliation_bankaccount a ON a.id = m.account_id
LEFT JOIN LATERAL (
    SELECT sum(e.amount_minor) AS amount
    FROM ledger_transaction t
    JOIN ledger_entry e ON e.transaction_id = t.id AND e.layer = 0
    JOIN ledger_account c ON c.id = e.account_id AND c.code = 'cash:' || a.rail_code
    WHERE t.subject_id = m.id::text AND t.subject_type = 'match' AND t.kind = 'reconciliation.matched'
) AS posted ON true
WHERE m.created_at >= %(start)s AND m.created_at < %(end)s
GROUP BY a.name, m.currency, m.level
ORDER BY a.name, m.currency, m.level
