-- By kind: opened and resolved in the span, still open at its end, and how long the resolved ones took. A case that was resolved
-- after the span counts as open at its end, so that the report says the same whenever it is made.
SELECT kind,
       count(*) FILTER (WHERE created_at >= %(start)s) AS opened,
       count(*) FILTER (WHERE resolved_at >= %(start)s AND resolved_at < %(end)s) AS resolved,
       count(*) FILTER (WHERE resolved_at IS NULL OR resolved_at >= %(end)s) AS open_at_end,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM resolved_at - created_at))
           FILTER (WHERE resolved_at >= %(start)s AND resolved_at < %(end)s) AS median_seconds,
       count(*) FILTER (WHERE resolved_at >= %(start)s AND resolved_at < %(end)s AND resolved_at > due_at) AS late
FROM operations_case
WHERE created_at < %(end)s AND (resolved_at IS NULL OR resolved_at >= %(start)s)
GROUP BY kind
ORDER BY kind
