-- Confirm the candidates that are the only best one for both of their ends. A tie on either side confirms nothing:
-- that is the law. Bundles of identical rows pair in order, as many as both sides have; what is left over of a
-- bundle whose reference is answered is a duplicate. Run again until nothing more is confirmed: a confirmed row is
-- no longer a rival of anything.
DROP TABLE IF EXISTS recon_chosen;
CREATE TEMP TABLE recon_chosen ON COMMIT DROP AS
SELECT i, e, kind, amount_kind, days, difference_minor, fee_minor, least(all_i + all_e - 2, 999) AS rivals
FROM (
    SELECT c.*,
           min(rank) OVER of_i AS best_i, min(rank) OVER of_e AS best_e,
           count(*) OVER of_i AS all_i, count(*) OVER of_e AS all_e,
           count(*) OVER (PARTITION BY i, rank) AS tied_i, count(*) OVER (PARTITION BY e, rank) AS tied_e
    FROM recon_candidate c
    WINDOW of_i AS (PARTITION BY i), of_e AS (PARTITION BY e)
) c
WHERE rank = best_i AND rank = best_e AND tied_i = 1 AND tied_e = 1
  AND NOT EXISTS (SELECT FROM recon_deferred d WHERE d.i = c.i AND d.e = c.e);
