-- Names what is left, each row once, surest first: duplicates (left.sql, twin.sql), then rows that share a reference
-- but not what it says, then rows that several counterparts fit, then rows that nothing on the other side answers.
INSERT INTO recon_duplicate
SELECT l.side, each.rid, t.twin
FROM recon_twin t
JOIN recon_left l ON l.side = t.side AND l.rid = t.rid
JOIN (SELECT 'I'::"char" AS side, * FROM recon_each_i UNION ALL SELECT 'E', * FROM recon_each_e) each
  ON each.side = l.side AND each.bundle = l.rid;
DELETE FROM recon_open_i WHERE rid IN (SELECT rid FROM recon_duplicate WHERE side = 'I');
DELETE FROM recon_open_e WHERE rid IN (SELECT rid FROM recon_duplicate WHERE side = 'E');
CREATE TEMP TABLE recon_double ON COMMIT DROP AS
SELECT DISTINCT ON (side, rid) * FROM recon_duplicate ORDER BY side, rid, twin;
ANALYZE recon_double;
INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor, reason)
SELECT 'duplicate', ARRAY[d.rid], '{}', 0, x.amount_minor, jsonb_build_object('side', 'internal', 'duplicate_of', t.ext_id)
FROM recon_double d JOIN recon_rest_i x ON x.rid = d.rid JOIN recon_internal t ON t.rid = d.twin
WHERE d.side = 'I';
INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor, reason)
SELECT 'duplicate', '{}', ARRAY[d.rid], 0, x.amount_minor, jsonb_build_object('side', 'external', 'duplicate_of', t.ext_id)
FROM recon_double d JOIN recon_rest_e x ON x.rid = d.rid JOIN recon_external t ON t.rid = d.twin
WHERE d.side = 'E';

-- Pairs that share a reference (or a key) and are both open: what is wrong with them.
CREATE TEMP TABLE recon_tie ON COMMIT DROP AS
SELECT s.i, s.e, s.kind, i.n + e.n AS n, i.currency = e.currency AS same_currency, i.amount_minor AS amount_i,
       e.amount_minor AS amount_e, {days} AS days, {amount_kind} AS amount_kind, {fee} AS fee,
       i.fee_minor AS fee_i, e.fee_minor AS fee_e, i.currency,
       (i.type || ' ' || i.description || ' ' || e.type || ' ' || e.description) ~* {fx_words} AS fx, i.back OR e.back AS back,
       count(*) OVER (PARTITION BY s.i) AS of_i, count(*) OVER (PARTITION BY s.e) AS of_e
FROM recon_same s
JOIN recon_open_i i ON i.rid = s.i
JOIN recon_open_e e ON e.rid = s.e
WHERE s.kind <= 4 OR (i.amount_minor = e.amount_minor AND i.currency = e.currency);
ANALYZE recon_tie;

CREATE TEMP TABLE recon_found ON COMMIT DROP AS
SELECT i, e, type, amount_i, amount_e, days, fee,
       CASE type WHEN 'fee_variance' THEN coalesce(amount_i - sign(amount_i)::int * coalesce(fee_i, fee_e), amount_i)
                 ELSE amount_i END AS expected
FROM (
    SELECT t.*,
           CASE WHEN NOT same_currency THEN 'currency_mismatch'
                WHEN sign(amount_i) <> sign(amount_e) AND back THEN NULL
                WHEN amount_kind IS NOT NULL AND abs(days) > {window} THEN 'date_out_of_window'
                WHEN amount_kind IS NOT NULL THEN 'ambiguous'
                WHEN sign(amount_i) <> sign(amount_e) THEN 'amount_mismatch'
                WHEN fee_i IS NOT NULL AND fee_e IS NOT NULL AND fee_i <> fee_e
                     AND abs(abs(amount_i) - abs(amount_e)) <= fee_i + fee_e + {tolerance_minor} THEN 'fee_variance'
                WHEN coalesce(fee_i, fee_e) IS NOT NULL AND abs(amount_e) <> abs(amount_i)
                     AND abs(abs(amount_i) - abs(amount_e)) <= 3 * coalesce(fee_i, fee_e) + {tolerance_minor} THEN 'fee_variance'
                WHEN fx AND abs(amount_i - amount_e)::numeric * 20 <= abs(amount_i) THEN 'fx_variance'
                WHEN abs(amount_i - amount_e)::numeric * 100 <= abs(amount_i) AND NOT {transposed} THEN 'fx_variance'
                ELSE 'amount_mismatch' END AS type
    FROM recon_tie t
    WHERE of_i = 1 AND of_e = 1
) x
WHERE type IS NOT NULL AND n = 2;

