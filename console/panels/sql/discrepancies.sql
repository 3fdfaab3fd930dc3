-- Open discrepancies by type and age, over the partial index of open ones, bounded. The amount is what is missing or too much.
SELECT type,
       CASE WHEN days < 1 THEN 0 WHEN days <= 3 THEN 1 WHEN days <= 7 THEN 2 ELSE 3 END AS bucket,
       currency, count(*), sum(abs(actual_minor - expected_minor))
FROM (
    SELECT type, currency, actual_minor, expected_minor, %(today)s::date - first_on AS days
    FROM reconciliation_discrepancy
    WHERE state = 'open'
    LIMIT 100000
) AS found
GROUP BY type, bucket, currency
ORDER BY type, bucket, currency
