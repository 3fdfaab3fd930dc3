-- The lanes that have something due, longest unserved first, locked for this claim.
-- The recursion hops from endpoint to endpoint on the partial index of what is outstanding, so its cost follows the
-- number of endpoints that are owed something and not the length of their backlogs.
-- A lane that another worker is claiming from, or whose outcomes are just being written, is skipped and comes back in
-- a moment. The counts of what is under way are read by the next statement, whose snapshot is taken after these locks:
-- that is what keeps an endpoint's limit true over several workers.
WITH RECURSIVE owed AS (
    (SELECT endpoint_id FROM webhooks_delivery WHERE state IN ('pending', 'retrying') ORDER BY endpoint_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.endpoint_id FROM webhooks_delivery d
             WHERE d.state IN ('pending', 'retrying') AND d.endpoint_id > owed.endpoint_id
             ORDER BY d.endpoint_id LIMIT 1)
      FROM owed WHERE owed.endpoint_id IS NOT NULL
)
SELECT l.endpoint_id, e.ordered
  FROM owed
  JOIN webhooks_lane l ON l.endpoint_id = owed.endpoint_id
  JOIN webhooks_endpoint e ON e.id = l.endpoint_id
 WHERE e.enabled
   AND (l.not_before IS NULL OR l.not_before <= %(now)s)
   AND EXISTS (SELECT 1 FROM webhooks_delivery d
                WHERE d.endpoint_id = l.endpoint_id AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= %(now)s)
   -- Endpoints that hang with all they may have under way would only take places from others. Counted again below.
   AND (SELECT count(*) FROM webhooks_delivery d
         WHERE d.endpoint_id = l.endpoint_id AND d.lease IS NOT NULL AND d.next_attempt_at > %(now)s)
       < CASE WHEN l.consecutive_failures >= %(failing_from)s OR l.endpoint_id = ANY (%(slow)s)
              THEN least(e.max_in_flight, %(failing_in_flight)s) ELSE e.max_in_flight END
 ORDER BY l.served_at
 LIMIT %(lanes)s
   FOR UPDATE OF l SKIP LOCKED
