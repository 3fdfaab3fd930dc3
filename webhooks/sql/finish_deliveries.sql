-- What became of claimed deliveries. Only the claim that still holds the lease may say so: a worker that was thought
-- dead and comes back finds another lease, and its word is kept in the log of attempts alone.
WITH said AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS r
        (id uuid, lease uuid, state text, next_attempt_at timestamptz, finished_at timestamptz, status int, error text,
         counts boolean)
)
UPDATE webhooks_delivery d
   SET state = said.state,
       attempts = d.attempts + said.counts::int,
       lease = NULL,
       lost_leases = CASE WHEN said.counts THEN 0 ELSE d.lost_leases END,
       next_attempt_at = coalesce(said.next_attempt_at, d.next_attempt_at),
       finished_at = said.finished_at,
       last_status = said.status,
       last_error = said.error
  FROM said
 WHERE d.id = said.id AND d.lease = said.lease AND d.state IN ('pending', 'retrying')
RETURNING d.id, d.endpoint_id, d.subject, d.seq, d.state
