-- Shared keys written the same on both sides, before anything is normalised: a batch id that one line carries as its
-- batch id or reference, and whose rows add up to exactly that line. This takes whole batches out early; batches
-- named otherwise, in parts, or net of fees wait for groups.sql.
CREATE TEMP TABLE recon_batch ON COMMIT DROP AS
SELECT batch_id AS key, currency, min(rid) AS match_no, count(*)::int AS n, sum(amount_minor)::bigint AS total, max(day) AS day
FROM recon_rest_i
WHERE batch_id <> ''
GROUP BY batch_id, currency
HAVING count(*) > 1;

CREATE TEMP TABLE recon_whole ON COMMIT DROP AS
WITH line AS (
    SELECT key, min(rid) AS rid, min(currency) AS currency, min(amount_minor) AS amount_minor, min(day) AS day
    FROM (SELECT DISTINCT e.rid, e.currency, e.amount_minor, e.day, k.key
          FROM recon_rest_e e CROSS JOIN LATERAL unnest(ARRAY[e.batch_id, e.reference]) k(key)
          WHERE k.key IN (SELECT key FROM recon_batch)) x
    GROUP BY key
    HAVING count(*) = 1
)
SELECT i.key, e.rid AS e, i.match_no, i.n, i.total
FROM recon_batch i
JOIN line e ON e.key = i.key AND e.currency = i.currency AND e.amount_minor = i.total
WHERE abs({days}) <= {window}
  AND i.key NOT IN (SELECT reference FROM recon_rest_i)
  AND i.key NOT IN (SELECT key FROM recon_batch GROUP BY key HAVING count(*) > 1);
DELETE FROM recon_whole WHERE e IN (SELECT e FROM recon_whole GROUP BY e HAVING count(*) > 1);

INSERT INTO recon_group (match_no, method, confidence, evidence)
SELECT match_no, 'key_sum', 98,
       jsonb_build_object('shared_key', key, 'internal_count', n, 'external_count', 1, 'internal_sum', total,
                          'external_sum', total, 'fees', 0)
FROM recon_whole;
INSERT INTO recon_group_item
SELECT w.match_no, 'I', i.rid, i.ext_id FROM recon_whole w JOIN recon_rest_i i ON i.batch_id = w.key
UNION ALL
SELECT w.match_no, 'E', e.rid, e.ext_id FROM recon_whole w JOIN recon_rest_e e ON e.rid = w.e;
DELETE FROM recon_rest_i WHERE batch_id IN (SELECT key FROM recon_whole);
DELETE FROM recon_rest_e WHERE rid IN (SELECT e FROM recon_whole);
