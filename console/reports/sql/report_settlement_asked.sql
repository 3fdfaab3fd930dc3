SELECT r.code, t.livemode, t.currency, t.state, count(*), sum(t.amount_minor)
FROM settlement_transfer t
JOIN settlement_rail r ON r.id = t.rail_id
WHERE t.created_at >= %(start)s AND t.created_at < %(end)s
GROUP BY r.code, t.livemode, t.currency, t.state
ORDER BY r.code, t.livemode, t.currency, t.state
