-- The pairs that lead on both sides by a clear margin. Everything else of level 3 stays a suggestion.
CREATE TEMP TABLE recon_lead ON COMMIT DROP AS
SELECT *
FROM (
    SELECT c.*, n_i.n AS n_i, n_e.n AS n_e,
           count(*) OVER (PARTITION BY c.i) AS all_i, count(*) OVER (PARTITION BY c.e) AS all_e,
           row_number() OVER of_i AS turn_i, lead(score) OVER of_i AS next_i,
           row_number() OVER of_e AS turn_e, lead(score) OVER of_e AS next_e
    FROM recon_candidate c
    JOIN recon_open_i n_i ON n_i.rid = c.i
    JOIN recon_open_e n_e ON n_e.rid = c.e
    WINDOW of_i AS (PARTITION BY c.i ORDER BY score DESC, c.e), of_e AS (PARTITION BY c.e ORDER BY score DESC, c.i)
) x
WHERE turn_i = 1 AND turn_e = 1 AND n_i = n_e AND score >= {confirm_score} AND kind = 6
  AND score >= coalesce(next_i, 0) + {margin} AND score >= coalesce(next_e, 0) + {margin};
ANALYZE recon_lead;
