-- By the hour of resolution: a range of the partial index on resolved_at.
SELECT %(source)s, date_trunc('hour', resolved_at), partner_id, livemode, branch_id, kind, resolution, currency,
       count(*), COALESCE(sum(abs(amount_minor)), 0)
FROM operations_case
WHERE state = 'resolved' AND resolved_at >= %(start)s AND resolved_at < %(stop)s
GROUP BY 2, 3, 4, 5, 6, 7, 8
