-- Pairs of open rows of which one could do, and for one end another would do as well.
SELECT i, e FROM (
    SELECT i, e, max(score) AS score,
           count(*) OVER (PARTITION BY i) AS of_i, count(*) OVER (PARTITION BY e) AS of_e
    FROM (
        SELECT c.i, c.e, c.score FROM recon_candidate c WHERE c.score >= {confirm_score}
        UNION ALL
        SELECT t.i, t.e, 80 FROM recon_tie t WHERE t.amount_kind IS NOT NULL AND t.same_currency AND abs(t.days) <= {window}
    ) x
    WHERE EXISTS (SELECT FROM recon_open_i o WHERE o.rid = x.i) AND EXISTS (SELECT FROM recon_open_e o WHERE o.rid = x.e)
    GROUP BY i, e
) y
JOIN recon_open_i oi ON oi.rid = y.i
JOIN recon_open_e oe ON oe.rid = y.e
WHERE of_i > 1 OR of_e > 1 OR oi.n <> oe.n
ORDER BY i, e
