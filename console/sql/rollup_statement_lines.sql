-- By the hour in which the line came: a range of the primary key.
SELECT %(source)s, date_trunc('hour', l.created_at), l.partner_id, l.livemode, NULL::uuid, a.rail_code, l.state, l.currency,
       count(*), sum(abs(l.amount_minor))
FROM reconciliation_statementline l
JOIN reconciliation_bankaccount a ON a.id = l.account_id
WHERE l.id >= %(first_id)s AND l.id < %(last_id)s AND l.created_at >= %(start)s AND l.created_at < %(stop)s
  AND l.state NOT IN ('split', 'replaced')  -- their parts, or what took their place, count
GROUP BY 2, 3, 4, 6, 7, 8
