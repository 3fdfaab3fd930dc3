-- By the hour of opening: a range of the primary key, whose ids are sorted by time.
SELECT %(source)s, date_trunc('hour', created_at), partner_id, livemode, branch_id, kind, state, currency,
       count(*), COALESCE(sum(abs(amount_minor)), 0)
FROM operations_case
WHERE id >= %(first_id)s AND id < %(last_id)s AND created_at >= %(start)s AND created_at < %(stop)s
GROUP BY 2, 3, 4, 5, 6, 7, 8
