-- Deliveries that ended are owed again: the same rows, the same ids, a fresh count of attempts. Those that a worker or
-- another replay holds are skipped by their state, which is read again after the lock.
UPDATE webhooks_delivery d
   SET state = 'pending', attempts = 0, replays = least(d.replays + 1, 30000), next_attempt_at = %(now)s, finished_at = NULL,
       lease = NULL, lost_leases = 0
  FROM (SELECT w.id
          FROM webhooks_delivery w
         WHERE w.endpoint_id = %(endpoint)s AND w.state = ANY (%(states)s)
           AND w.event_id >= %(since)s AND w.event_id < %(until)s AND w.sample_body = ''
           AND (%(ended_since)s::timestamptz IS NULL OR w.finished_at >= %(ended_since)s::timestamptz)
         ORDER BY w.id
         LIMIT %(limit)s
           FOR UPDATE) x
 WHERE d.id = x.id
