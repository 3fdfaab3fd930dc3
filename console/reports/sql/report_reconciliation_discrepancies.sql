SELECT type, currency,
       count(*) FILTER (WHERE created_at >= %(start)s) AS opened,
       count(*) FILTER (WHERE resolved_at >= %(start)s AND resolved_at < %(end)s) AS resolved,
       count(*) FILTER (WHERE resolved_at IS NULL OR resolved_at >= %(end)s) AS open_at_end,
       COALESCE(sum(abs(actual_minor - expected_minor)) FILTER (WHERE resolved_at IS NULL OR resolved_at >= %(end)s), 0) AS amount
FROM reconciliation_discrepancy
WHERE created_at < %(end)s AND (resolved_at IS NULL OR resolved_at >= %(start)s)
GROUP BY type, currency
ORDER BY type, currency
