-- Claims what is due from the locked lanes: from each no more than its share of this worker, its own limit of requests
-- under way (over all workers) and its token bucket allow. A lane that fails or hangs gets only a few probes.
-- A claim is a lease: `next_attempt_at` becomes its end, so a delivery whose worker died falls due again by itself and
-- needs nobody to notice. The lease's id fences: an outcome is only written by the claim that still holds it.
WITH lane AS MATERIALIZED (
    SELECT l.endpoint_id, e.ordered, e.rate_limit,
           CASE WHEN e.rate_limit IS NULL THEN 1000000
                ELSE least(e.rate_limit, l.tokens + e.rate_limit * extract(epoch FROM %(now)s::timestamptz - l.refilled_at))
           END AS tokens,
           CASE WHEN l.consecutive_failures >= %(failing_from)s OR l.endpoint_id = ANY (%(slow)s)
                THEN least(e.max_in_flight, %(failing_in_flight)s) ELSE e.max_in_flight END
           - (SELECT count(*) FROM webhooks_delivery d
               WHERE d.endpoint_id = l.endpoint_id AND d.lease IS NOT NULL AND d.next_attempt_at > %(now)s) AS room
      FROM webhooks_lane l
      JOIN webhooks_endpoint e ON e.id = l.endpoint_id
     WHERE l.endpoint_id = ANY (%(lanes)s)
), allowed AS MATERIALIZED (
    -- The worker's room is shared by those that can use it: one with nothing to spend takes no part of it.
    SELECT endpoint_id, ordered,
           greatest(0, least(room, floor(tokens),
                             ceil(%(limit)s::numeric / greatest(1, count(*) FILTER (WHERE room >= 1 AND tokens >= 1) OVER ()))))::int AS n
      FROM lane
), picked AS MATERIALIZED (
    SELECT due.id
      FROM allowed a
     CROSS JOIN LATERAL (
           SELECT d.id
             FROM webhooks_delivery d
            WHERE d.endpoint_id = a.endpoint_id AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= %(now)s
              AND (NOT a.ordered OR NOT EXISTS (
                      SELECT 1 FROM webhooks_delivery earlier
                       WHERE earlier.endpoint_id = d.endpoint_id AND earlier.subject = d.subject AND earlier.seq < d.seq
                         AND earlier.state IN ('pending', 'retrying')))
            ORDER BY d.next_attempt_at
            LIMIT a.n
              FOR UPDATE OF d SKIP LOCKED) due
     WHERE a.n > 0
), taken AS (
    UPDATE webhooks_delivery d
       SET lost_leases = d.lost_leases + (d.lease IS NOT NULL)::int,
           lease = %(lease)s,
           next_attempt_at = %(until)s
      FROM picked
     WHERE d.id = picked.id
    RETURNING d.id, d.endpoint_id, d.partner_id, d.livemode, d.event_id, d.event_type, d.attempts, d.lost_leases
), paid AS (
    UPDATE webhooks_lane l
       SET tokens = least(lane.tokens, 10000) - (SELECT count(*) FROM taken WHERE taken.endpoint_id = l.endpoint_id),
           refilled_at = %(now)s,
           served_at = %(now)s
      FROM lane
     WHERE l.endpoint_id = lane.endpoint_id
)
SELECT taken.*, v.created_at, v.payload
  FROM taken
  LEFT JOIN kernel_outbox_event v ON v.id = taken.event_id
