-- Per endpoint, at a cost that does not grow with its history: the latest attempts by index, counts up to a bound.
SELECT e.id, a.attempts, a.success_rate, a.p50, a.p95, b.backlog, x.dead
  FROM unnest(%(endpoints)s::uuid[]) AS e (id)
 CROSS JOIN LATERAL (
       SELECT count(*) AS attempts, avg(succeeded::int)::float AS success_rate,
              percentile_cont(0.5) WITHIN GROUP (ORDER BY latency_ms) AS p50,
              percentile_cont(0.95) WITHIN GROUP (ORDER BY latency_ms) AS p95
         FROM (SELECT succeeded, latency_ms FROM webhooks_attempt
                WHERE endpoint_id = e.id AND NOT (request_headers ? 'payos-sample')
                  AND id >= %(day)s
                ORDER BY id DESC LIMIT %(latest)s) latest) a
 CROSS JOIN LATERAL (
       SELECT count(*) AS backlog
         FROM (SELECT 1 FROM webhooks_delivery d WHERE d.endpoint_id = e.id AND d.state IN ('pending', 'retrying') LIMIT %(count_to)s) n) b
 CROSS JOIN LATERAL (
       SELECT count(*) AS dead
         FROM (SELECT 1 FROM webhooks_delivery d WHERE d.endpoint_id = e.id AND d.state = 'dead' LIMIT %(count_to)s) n) x
