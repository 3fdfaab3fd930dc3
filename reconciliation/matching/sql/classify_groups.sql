-- Rows that share a key on both sides, in parts that do not add up.
CREATE TEMP TABLE recon_part ON COMMIT DROP AS
SELECT token, currency, side, rid, gross, n
FROM (
    SELECT r.*, row_number() OVER (PARTITION BY r.side, r.rid ORDER BY r.by_batch DESC, k.size DESC, r.token) AS turn
    FROM recon_bag_row r
    JOIN (SELECT token, currency, count(*) AS size FROM recon_bag_row b
          WHERE (side = 'I' AND EXISTS (SELECT FROM recon_open_i o WHERE o.rid = b.rid))
             OR (side = 'E' AND EXISTS (SELECT FROM recon_open_e o WHERE o.rid = b.rid))
          GROUP BY token, currency
          HAVING count(*) FILTER (WHERE side = 'I') > 0 AND count(*) FILTER (WHERE side = 'E') > 0) k
      ON k.token = r.token AND k.currency = r.currency
    WHERE NOT r.back
      AND ((side = 'I' AND EXISTS (SELECT FROM recon_open_i o WHERE o.rid = r.rid))
        OR (side = 'E' AND EXISTS (SELECT FROM recon_open_e o WHERE o.rid = r.rid)))
) x
WHERE turn = 1;
DELETE FROM recon_part WHERE (token, currency) NOT IN (
    SELECT token, currency FROM recon_part GROUP BY token, currency
    HAVING count(*) FILTER (WHERE side = 'I') > 0 AND count(*) FILTER (WHERE side = 'E') > 0);

INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor, reason)
SELECT CASE WHEN sum(p.n) > 2 THEN 'split_incomplete' ELSE 'amount_mismatch' END,
       array_agg(m.rid ORDER BY m.rid) FILTER (WHERE p.side = 'I'),
       array_agg(m.rid ORDER BY m.rid) FILTER (WHERE p.side = 'E'),
       (sum(p.gross / p.n) FILTER (WHERE p.side = 'I'))::bigint, (sum(p.gross / p.n) FILTER (WHERE p.side = 'E'))::bigint,
       jsonb_build_object('shared_key', p.token)
FROM recon_part p
JOIN (SELECT 'I'::"char" AS side, * FROM recon_each_i UNION ALL SELECT 'E', * FROM recon_each_e) m
  ON m.side = p.side AND m.bundle = p.rid
GROUP BY p.token, p.currency;
INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT internal, external, 55, reason || jsonb_build_object('why', type)
FROM recon_discrepancy WHERE type = 'split_incomplete'
ORDER BY internal, external;
DELETE FROM recon_open_i WHERE rid IN (SELECT rid FROM recon_part WHERE side = 'I');
DELETE FROM recon_open_e WHERE rid IN (SELECT rid FROM recon_part WHERE side = 'E');
