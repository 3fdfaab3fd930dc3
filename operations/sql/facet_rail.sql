-- The distinct rails among unresolved cases by jumping from one to the next in the partial index (a plain DISTINCT reads
-- every row), each counted no further than the badge shows.
WITH RECURSIVE names AS (
    (SELECT rail FROM operations_case WHERE NOT (state = 'resolved') ORDER BY rail LIMIT 1)
    UNION ALL
    SELECT (SELECT c.rail FROM operations_case c WHERE NOT (c.state = 'resolved') AND c.rail > names.rail ORDER BY c.rail LIMIT 1)
    FROM names
    WHERE names.rail IS NOT NULL
)
SELECT names.rail, counted.n
FROM names
CROSS JOIN LATERAL (
    SELECT count(*) AS n
    FROM (SELECT 1 FROM operations_case c WHERE NOT (c.state = 'resolved') AND c.rail = names.rail LIMIT %(limit)s) AS bounded
) AS counted
WHERE names.rail IS NOT NULL
ORDER BY names.rail
LIMIT 100
