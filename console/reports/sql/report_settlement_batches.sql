SELECT r.code, b.livemode, b.currency, count(*), sum(b.count), sum(b.amount_minor), sum(b.actual_minor)
FROM settlement_settlementbatch b
JOIN settlement_rail r ON r.id = b.rail_id
WHERE b.created_at >= %(start)s AND b.created_at < %(end)s
GROUP BY r.code, b.livemode, b.currency
ORDER BY r.code, b.livemode, b.currency
