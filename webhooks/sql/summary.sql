-- One line for the home page and the gauges; every count stops at a bound.
WITH lane AS (
    SELECT e.id, e.enabled, l.consecutive_failures,
           (SELECT d.next_attempt_at FROM webhooks_delivery d
             WHERE e.enabled AND d.endpoint_id = e.id AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= %(now)s
             ORDER BY d.next_attempt_at LIMIT 1) AS oldest
      FROM webhooks_endpoint e JOIN webhooks_lane l ON l.endpoint_id = e.id
     WHERE e.deleted_at IS NULL
), recent AS (
    SELECT succeeded, latency_ms FROM webhooks_attempt
     WHERE id >= %(hour)s ORDER BY id DESC LIMIT %(count_to)s
)
SELECT (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery WHERE state IN ('pending', 'retrying') LIMIT %(count_to)s) n),
       (SELECT extract(epoch FROM %(now)s::timestamptz - min(oldest))::float FROM lane),
       (SELECT count(*) FROM (SELECT 1 FROM webhooks_delivery WHERE state = 'dead' LIMIT %(count_to)s) n),
       (SELECT count(*) FROM lane),
       (SELECT count(*) FROM lane WHERE enabled AND consecutive_failures > 0),
       (SELECT count(*) FROM lane WHERE NOT enabled),
       (SELECT count(*) FROM recent),
       (SELECT avg(succeeded::int)::float FROM recent),
       (SELECT percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) FROM recent)
