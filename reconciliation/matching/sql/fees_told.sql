-- At most as many suggestions a row as anywhere else, after those whose amounts are equal.
INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT ARRAY[i], ARRAY[e], confidence, reason
FROM (
    SELECT f.*, coalesce(a.n, 0) AS had_i, coalesce(b.n, 0) AS had_e,
           row_number() OVER (PARTITION BY f.i ORDER BY f.likeness DESC, abs(f.gap), f.e) AS turn_i,
           row_number() OVER (PARTITION BY f.e ORDER BY f.likeness DESC, abs(f.gap), f.i) AS turn_e
    FROM recon_fee_hint f
    LEFT JOIN (SELECT internal[1] AS i, count(*) AS n FROM recon_suggestion WHERE cardinality(internal) = 1 GROUP BY 1) a ON a.i = f.i
    LEFT JOIN (SELECT external[1] AS e, count(*) AS n FROM recon_suggestion WHERE cardinality(external) = 1 GROUP BY 1) b ON b.e = f.e
) x
WHERE turn_i + had_i <= {per_item} AND turn_e + had_e <= {per_item}
ORDER BY confidence DESC, likeness DESC, abs(gap), i, e;
