-- What settled in the span, and beside it what the transactions that settled it posted out of transfers in transit.
SELECT r.code, t.livemode, t.currency, count(*),
       sum(t.amount_minor) AS settled,
       sum(posted.amount) AS posted,
       sum(COALESCE(t.executed_minor, t.amount_minor)) AS moved
FROM settlement_transfer t
JOIN settlement_rail r ON r.id = t.rail_id
LEFT JOIN LATERAL (
    SELECT COALESCE(sum(e.amount_minor), 0) AS amount
    FROM ledger_entry e
    WHERE e.transaction_id = t.settled_transaction_id AND e.layer = 0 AND e.amount_minor > 0
) AS posted ON true
WHERE t.settled_at >= %(start)s AND t.settled_at < %(end)s AND t.settled_transaction_id IS NOT NULL
GROUP BY r.code, t.livemode, t.currency
ORDER BY r.code, t.livemode, t.currency
