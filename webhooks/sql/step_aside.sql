-- Ordered endpoints: what is due but has an earlier delivery of its subject outstanding waits for that one. Moving it out
-- of the way keeps the queue of what is due short, however long a subject is stuck. Runs under the lanes' locks, and
-- `finish.sql` wakes the next one under the same lock, so no wake-up falls between the two.
UPDATE webhooks_delivery d
   SET next_attempt_at = greatest(b.until, %(now)s::timestamptz + interval '250 milliseconds')
  FROM (SELECT due.id,
               (SELECT first.next_attempt_at
                  FROM webhooks_delivery first
                 WHERE first.endpoint_id = due.endpoint_id AND first.subject = due.subject AND first.seq < due.seq
                   AND first.state IN ('pending', 'retrying')
                 ORDER BY first.seq LIMIT 1) AS until
          FROM unnest(%(lanes)s::uuid[]) AS lane (endpoint_id)
         CROSS JOIN LATERAL (
               SELECT w.id, w.endpoint_id, w.subject, w.seq
                 FROM webhooks_delivery w
                WHERE w.endpoint_id = lane.endpoint_id AND w.state IN ('pending', 'retrying')
                  AND w.next_attempt_at <= %(now)s AND w.lease IS NULL
                ORDER BY w.next_attempt_at
                LIMIT 2000
                  FOR UPDATE SKIP LOCKED) due) b
 WHERE d.id = b.id AND b.until IS NOT NULL
