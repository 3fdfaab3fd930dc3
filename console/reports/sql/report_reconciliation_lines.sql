SELECT a.name, l.currency, l.state, count(*),
       COALESCE(sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0), 0),
       COALESCE(sum(l.amount_minor) FILTER (WHERE l.amount_minor < 0), 0)
FROM reconciliation_statementline l
JOIN reconciliation_bankaccount a ON a.id = l.account_id
WHERE l.created_at >= %(start)s AND l.created_at < %(end)s
  AND l.state NOT IN ('split', 'replaced')  -- their parts, or what took their place, count
GROUP BY a.name, l.currency, l.state
ORDER BY a.name, l.currency, l.state
