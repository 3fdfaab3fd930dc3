-- Unresolved cases by age and severity for the chart: for each severity and age one range of the partial index
-- (severity, created_at), counted no further than 5,000: past that the bar says "many" and the page stays fast.
SELECT ages.bucket, levels.severity, counted.n
FROM (VALUES (0, interval '0', interval '1 hour'), (1, '1 hour', '4 hours'), (2, '4 hours', '1 day'), (3, '1 day', '3 days'), (4, '3 days', '100 years'))
    AS ages (bucket, youngest, oldest)
CROSS JOIN (VALUES (1), (2), (3), (4)) AS levels (severity)
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (
        SELECT 1
        FROM operations_case c
        WHERE NOT (c.state = 'resolved')
          AND c.severity = levels.severity
          AND c.created_at <= %(now)s::timestamptz - ages.youngest
          AND c.created_at > %(now)s::timestamptz - ages.oldest
        LIMIT 5000
    ) AS bounded
) AS counted
WHERE counted.n > 0
