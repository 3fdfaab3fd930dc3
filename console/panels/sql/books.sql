-- Sums over the running balances (a few rows an account), never over entries. The difference is zero or something is wrong.
SELECT a.currency, a.livemode,
       sum(b.debits_posted - b.credits_posted) AS difference,
       COALESCE(sum(b.debits_posted - b.credits_posted) FILTER (WHERE a.kind = 'asset'), 0) AS assets,
       COALESCE(sum(b.credits_posted - b.debits_posted) FILTER (WHERE a.kind = 'liability'), 0) AS owed,
       COALESCE(sum(b.debits_pending) FILTER (WHERE a.kind = 'liability'), 0) AS held
FROM ledger_account a
JOIN ledger_balance b ON b.account_id = a.id
GROUP BY a.currency, a.livemode
HAVING sum(b.debits_posted) <> 0 OR sum(b.debits_pending) <> 0
ORDER BY a.livemode DESC, a.currency
LIMIT 40
