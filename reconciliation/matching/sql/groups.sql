-- Level 4 by shared key: the rows of a bag belong together when the sums of both sides agree: gross, with fees as
-- rows of their own, or net of fee columns. Tried for all rows of the key (variant 0), then for those that carry it
-- as their batch id (1), then for those that carry it otherwise (2).
DROP TABLE IF EXISTS recon_bag_sum, recon_bag_hit, recon_bag_item, recon_bag_kept;
CREATE TEMP TABLE recon_bag_sum ON COMMIT DROP AS
SELECT token, currency, side, variant, sum(n)::int AS n, sum(gross)::bigint AS gross, sum(plain)::bigint AS plain,
       sum(fees)::bigint AS fees, min(day) AS first_day, max(day) AS last_day, min(rid) AS first_rid
FROM (
    SELECT r.*, v.variant,
           count(*) OVER kin AS size, count(*) FILTER (WHERE by_batch) OVER kin AS batched
    FROM recon_bag_row r
    CROSS JOIN (VALUES (0), (1), (2)) v(variant)
    WINDOW kin AS (PARTITION BY r.token, r.currency, r.side, v.variant)
) x
WHERE variant = 0 OR (batched BETWEEN 1 AND size - 1 AND by_batch = (variant = 1))
GROUP BY token, currency, side, variant;

CREATE TEMP TABLE recon_bag_hit ON COMMIT DROP AS
SELECT DISTINCT ON (token, currency) *
FROM (
    SELECT i.token, i.currency, i.variant AS variant_i, e.variant AS variant_e, i.n AS n_i, e.n AS n_e,
           i.gross AS gross_i, e.gross AS gross_e, i.fees + e.fees AS fees, i.first_rid,
           CASE WHEN i.gross = e.gross THEN 1
                WHEN i.plain = e.plain THEN 2
                WHEN i.fees > 0 AND i.plain - i.fees = e.plain THEN 3
                WHEN i.fees > 0 AND i.gross < 0 AND i.plain + i.fees = e.plain THEN 3
                WHEN e.fees > 0 AND e.plain + sign(i.gross) * e.fees = i.plain THEN 4
                WHEN abs(i.gross - e.gross) <= {tolerance_minor} THEN 5
                WHEN i.fees > 0 AND abs(i.plain - i.fees - e.plain) <= {tolerance_minor} THEN 6
           END AS mode,
           e.plain - (i.plain - i.fees) AS net_gap
    FROM recon_bag_sum i JOIN recon_bag_sum e ON e.token = i.token AND e.currency = i.currency
    WHERE i.side = 'I' AND e.side = 'E' AND i.n + e.n > 2
      AND {bag_days} AND e.last_day - i.first_day BETWEEN -62 AND 62
) x
WHERE mode IS NOT NULL
ORDER BY token, currency, variant_i + variant_e, mode, variant_i;

-- A row may carry two keys. It goes with the better group; a group that loses a row is no group.
CREATE TEMP TABLE recon_bag_item ON COMMIT DROP AS
SELECT h.token, h.currency, r.side, r.rid, h.mode, h.n_i + h.n_e AS size
FROM recon_bag_hit h JOIN recon_bag_row r ON r.token = h.token AND r.currency = h.currency
WHERE CASE r.side WHEN 'I' THEN h.variant_i ELSE h.variant_e END IN (0, CASE WHEN r.by_batch THEN 1 ELSE 2 END);
CREATE TEMP TABLE recon_bag_kept ON COMMIT DROP AS
SELECT token, currency
FROM (
    SELECT token, currency,
           row_number() OVER (PARTITION BY side, rid ORDER BY mode, size DESC, token, currency) AS turn
    FROM recon_bag_item
) x
GROUP BY token, currency
HAVING max(turn) = 1;

INSERT INTO recon_group (match_no, method, confidence, difference_minor, fee_minor, evidence)
SELECT h.first_rid,
       (ARRAY['key_sum', 'key_sum_with_fee_rows', 'key_sum_net_of_fees', 'key_sum_net_of_fees', 'key_sum_tolerance',
              'key_sum_net_of_fees'])[h.mode],
       (ARRAY[98, 97, 96, 96, 93, 92])[h.mode],
       CASE h.mode WHEN 5 THEN h.gross_e - h.gross_i WHEN 6 THEN h.net_gap ELSE 0 END,
       nullif(CASE WHEN h.mode IN (3, 4, 6) THEN h.fees ELSE 0 END, 0),
       jsonb_build_object('shared_key', h.token, 'internal_count', h.n_i, 'external_count', h.n_e,
                          'internal_sum', h.gross_i, 'external_sum', h.gross_e, 'fees', h.fees)
FROM recon_bag_hit h JOIN recon_bag_kept k ON k.token = h.token AND k.currency = h.currency;

INSERT INTO recon_group_item
SELECT h.first_rid, b.side, m.rid, m.ext_id
FROM recon_bag_item b
JOIN recon_bag_kept k ON k.token = b.token AND k.currency = b.currency
JOIN recon_bag_hit h ON h.token = b.token AND h.currency = b.currency
JOIN (SELECT 'I'::"char" AS side, * FROM recon_each_i UNION ALL SELECT 'E', * FROM recon_each_e) m
  ON m.side = b.side AND m.bundle = b.rid;

DROP TABLE IF EXISTS recon_chosen;
CREATE TEMP TABLE recon_chosen ON COMMIT DROP AS
SELECT CASE b.side WHEN 'I' THEN b.rid END AS i, CASE b.side WHEN 'E' THEN b.rid END AS e
FROM recon_bag_item b JOIN recon_bag_kept k ON k.token = b.token AND k.currency = b.currency;
