-- Counts stop at 10,000: a backlog of millions must not make the question itself slow.
SELECT (SELECT count(*) FROM (SELECT 1 FROM kernel_outbox_event WHERE handled_at IS NULL AND parked_at IS NULL LIMIT 10000) AS u),
       (SELECT EXTRACT(epoch FROM %(now)s - created_at)
          FROM kernel_outbox_event WHERE handled_at IS NULL AND parked_at IS NULL ORDER BY seq LIMIT 1),
       (SELECT count(*) FROM (SELECT 1 FROM kernel_outbox_event WHERE published_at IS NULL AND parked_at IS NULL LIMIT 10000) AS p),
       (SELECT count(*) FROM (SELECT 1 FROM kernel_outbox_event WHERE parked_at IS NOT NULL LIMIT 10000) AS k)
