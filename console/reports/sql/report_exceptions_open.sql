SELECT CASE severity WHEN 4 THEN 'Critical' WHEN 3 THEN 'High' WHEN 2 THEN 'Medium' ELSE 'Low' END,
       currency, count(*), sum(abs(amount_minor))
FROM operations_case
WHERE created_at < %(end)s AND (resolved_at IS NULL OR resolved_at >= %(end)s)
GROUP BY severity, currency
ORDER BY severity DESC, currency
