-- Rows that share a key, in one bag per key: batch ids, references, and what texts name. A bag needs both sides and
-- more than two rows. Amounts stand in it three ways:
--   gross  as it is        plain  fee rows counted as a cost whatever their sign        fees  the fee columns
DROP TABLE IF EXISTS recon_bag, recon_bag_row;
CREATE TEMP TABLE recon_bag ON COMMIT DROP AS
SELECT token, side, rid, bool_or(by_batch) AS by_batch
FROM (
    SELECT batch AS token, 'I'::"char" AS side, rid, true AS by_batch FROM recon_open_i WHERE batch <> ''
    UNION ALL SELECT ref, 'I', rid, false FROM recon_open_i WHERE ref <> ''
    UNION ALL SELECT batch, 'E', rid, true FROM recon_open_e WHERE batch <> ''
    UNION ALL SELECT ref, 'E', rid, false FROM recon_open_e WHERE ref <> ''
    UNION ALL SELECT t.token, t.side, t.rid, false FROM recon_token t JOIN recon_open_e o ON o.rid = t.rid WHERE t.side = 'E'
    UNION ALL SELECT t.token, t.side, t.rid, false FROM recon_token t JOIN recon_open_i o ON o.rid = t.rid WHERE t.side = 'I'
) named
GROUP BY token, side, rid;
DELETE FROM recon_bag WHERE token NOT IN (
    SELECT token FROM recon_bag GROUP BY token
    HAVING count(*) > 2 AND count(*) FILTER (WHERE side = 'I') > 0 AND count(*) FILTER (WHERE side = 'E') > 0);

CREATE TEMP TABLE recon_bag_row ON COMMIT DROP AS
SELECT b.token, b.side, b.rid, b.by_batch, o.currency, o.n, o.day, o.back,
       o.amount_minor * o.n AS gross,
       CASE WHEN o.charge THEN -abs(o.amount_minor) ELSE o.amount_minor END * o.n AS plain,
       coalesce(o.fee_minor, 0) * o.n AS fees
FROM recon_bag b JOIN recon_open_i o ON o.rid = b.rid WHERE b.side = 'I'
UNION ALL
SELECT b.token, b.side, b.rid, b.by_batch, o.currency, o.n, o.day, o.back,
       o.amount_minor * o.n, CASE WHEN o.charge THEN -abs(o.amount_minor) ELSE o.amount_minor END * o.n,
       coalesce(o.fee_minor, 0) * o.n
FROM recon_bag b JOIN recon_open_e o ON o.rid = b.rid WHERE b.side = 'E';
ANALYZE recon_bag_row;
