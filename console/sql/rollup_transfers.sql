-- By the hour of acceptance: a range of the primary key.
SELECT %(source)s, date_trunc('hour', t.created_at), t.partner_id, t.livemode, t.branch_id, r.code, t.state, t.currency,
       count(*), sum(t.amount_minor)
FROM settlement_transfer t
JOIN settlement_rail r ON r.id = t.rail_id
WHERE t.id >= %(first_id)s AND t.id < %(last_id)s AND t.created_at >= %(start)s AND t.created_at < %(stop)s
GROUP BY 2, 3, 4, 5, 6, 7, 8
