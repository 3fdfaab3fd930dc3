-- Unresolved cases by age and severity for the chart. Each age bucket is a range of the partial index on (severity, due_at)'s
-- table by created_at; counted over at most 200,000 rows, because past that the shape of the chart says all there is to say.
SELECT bucket, severity, count(*)
FROM (
    SELECT
        CASE
            WHEN created_at > %(now)s::timestamptz - interval '1 hour' THEN 0
            WHEN created_at > %(now)s::timestamptz - interval '4 hours' THEN 1
            WHEN created_at > %(now)s::timestamptz - interval '1 day' THEN 2
            WHEN created_at > %(now)s::timestamptz - interval '3 days' THEN 3
            ELSE 4
        END AS bucket,
        severity
    FROM operations_case
    WHERE NOT (state = 'resolved')
    LIMIT 200000
) AS aged
GROUP BY bucket, severity
