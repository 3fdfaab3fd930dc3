-- The health of the endpoints after a batch of outcomes. `failures_after` counts the failures since the last success.
UPDATE webhooks_lane l
   SET consecutive_failures = CASE WHEN r.successes > 0 THEN r.failures_after ELSE l.consecutive_failures + r.failures_after END,
       failing_since = CASE WHEN r.failures_after = 0 THEN NULL
                            WHEN r.successes > 0 THEN r.first_failure_at
                            ELSE coalesce(l.failing_since, r.first_failure_at) END,
       last_success_at = coalesce(r.last_success_at, l.last_success_at),
       last_failure_at = coalesce(r.last_failure_at, l.last_failure_at),
       last_error = CASE WHEN r.last_error <> '' THEN r.last_error ELSE l.last_error END,
       not_before = greatest(l.not_before, r.not_before)
  FROM jsonb_to_recordset(%(rows)s) AS r
       (endpoint_id uuid, successes int, failures_after int, first_failure_at timestamptz, last_success_at timestamptz,
        last_failure_at timestamptz, last_error text, not_before timestamptz)
 WHERE l.endpoint_id = r.endpoint_id
RETURNING l.endpoint_id, l.consecutive_failures, l.failing_since
