-- The newest events only, by the unique index on seq: the question must cost the same on a busy day.
SELECT count(*) FILTER (WHERE parked_at IS NOT NULL OR (published_at IS NULL AND handled_at < %(late)s)), count(*)
  FROM (SELECT parked_at, published_at, handled_at, created_at FROM kernel_outbox_event ORDER BY seq DESC LIMIT 10000) AS newest
 WHERE created_at >= %(since)s AND (published_at IS NOT NULL OR parked_at IS NOT NULL OR handled_at < %(late)s)
