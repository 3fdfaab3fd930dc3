-- Ordered endpoints: the next delivery of each subject whose earlier one has just ended is due now. One that has been
-- tried itself keeps its own wait.
UPDATE webhooks_delivery d
   SET next_attempt_at = %(now)s
  FROM (SELECT DISTINCT endpoint_id, subject
          FROM unnest(%(endpoints)s::uuid[], %(subjects)s::text[]) AS s (endpoint_id, subject)) s
 WHERE d.id = (SELECT n.id FROM webhooks_delivery n
                WHERE n.endpoint_id = s.endpoint_id AND n.subject = s.subject AND n.state IN ('pending', 'retrying')
                ORDER BY n.seq LIMIT 1)
   AND d.attempts = 0 AND d.lease IS NULL AND d.next_attempt_at > %(now)s
