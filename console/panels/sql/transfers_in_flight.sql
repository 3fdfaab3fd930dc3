-- What is on its way, by state: each from the partial index that the settlement machinery itself works from, counted to a bound.
SELECT 'queued', count(*), min(at)
FROM (SELECT window_at AS at FROM settlement_transfer WHERE state = 'queued' LIMIT %(limit)s) AS queued
UNION ALL
SELECT 'submitted', count(*), min(at)
FROM (SELECT submitted_at AS at FROM settlement_transfer WHERE state IN ('submitted', 'unknown') AND state = 'submitted' LIMIT %(limit)s) AS submitted
UNION ALL
SELECT 'unknown', count(*), min(at)
FROM (SELECT submitted_at AS at FROM settlement_transfer WHERE state IN ('submitted', 'unknown') AND state = 'unknown' LIMIT %(limit)s) AS unknown
