-- By the hour in which the delivery was owed: a range of the primary key.
SELECT %(source)s, date_trunc('hour', created_at), partner_id, livemode, NULL::uuid, event_type, state, '', count(*), 0
FROM webhooks_delivery
WHERE id >= %(first_id)s AND id < %(last_id)s AND created_at >= %(start)s AND created_at < %(stop)s
GROUP BY 2, 3, 4, 6, 7
