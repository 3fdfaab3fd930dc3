-- By the hour of payment: a payment's id begins with that time, so this reads a range of one partition's primary key.
SELECT %(source)s, date_trunc('hour', payment_date), partner_id, livemode, branch_id, payment_channel, state, currency,
       count(*), sum(amount_minor)
FROM ingestion_payment
WHERE id >= %(first_id)s AND id < %(last_id)s AND payment_date >= %(start)s AND payment_date < %(stop)s
GROUP BY 2, 3, 4, 5, 6, 7, 8
