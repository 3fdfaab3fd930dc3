-- The distinct kinds among unresolved cases by jumping from one to the next in the partial index (a plain DISTINCT reads
-- every row), each counted no further than the badge shows.
WITH RECURSIVE names AS (
    (SELECT kind FROM operations_case WHERE NOT (state = 'resolved') ORDER BY kind LIMIT 1)
    UNION ALL
    SELECT (SELECT c.kind FROM operations_case c WHERE NOT (c.state = 'resolved') AND c.kind > names.kind ORDER BY c.kind LIMIT 1)
    FROM names
    WHERE names.kind IS NOT NULL
)
SELECT names.kind, counted.n
FROM names
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT 1 FROM operations_case c WHERE NOT (c.state = 'resolved') AND c.kind = names.kind LIMIT %(limit)s) AS bounded
) AS counted
WHERE names.kind IS NOT NULL
ORDER BY names.kind
LIMIT 100
