-- Unresolved cases by kind from a severity on, for one alert rule. Reads the partial indexes only; counted up to a bound per
-- kind would need one query a kind, and a rule that fires at 10,000 does not care whether it is 10,001.
SELECT c.kind, count(*) AS n, min(c.created_at) AS oldest
FROM (
    SELECT kind, created_at
    FROM operations_case
    WHERE NOT (state = 'resolved')
      AND state <> 'snoozed'
      AND severity >= %(severity)s
      AND (%(kind)s = '' OR kind = %(kind)s)
      AND (NOT %(overdue)s OR due_at < %(now)s)
    LIMIT 100000
) AS c
GROUP BY c.kind
ORDER BY c.kind
