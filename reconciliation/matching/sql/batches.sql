-- Shared keys written the same on both sides, before anything is normalised: a batch id that one line carries as its
-- batch id or reference, and whose rows add up to exactly that line. This takes whole batches out early; batches
-- named otherwise, in parts, or net of fees wait for groups.sql.
CREATE TEMP TABLE recon_whole ON COMMIT DROP AS
WITH line AS (
    SELECT key, min(rid) AS rid, min(currency) AS currency, min(amount_minor) AS amount_minor, min(day) AS day
    FROM (SELECT rid, currency, amount_minor, day, coalesce(nullif(batch_id, ''), reference) AS key FROM recon_external
          WHERE coalesce(nullif(batch_id, ''), reference) IN (SELECT batch_id FROM recon_internal WHERE batch_id <> '')
          UNION ALL
          SELECT rid, currency, amount_minor, day, reference FROM recon_external
          WHERE batch_id <> '' AND batch_id <> reference
            AND reference IN (SELECT batch_id FROM recon_internal WHERE batch_id <> '')) x
    GROUP BY key
    HAVING count(*) = 1
)
SELECT i.batch_id AS key, l.rid AS e, min(i.rid) AS match_no, count(*)::int AS n, l.amount_minor AS total
FROM recon_internal i
JOIN line l ON l.key = i.batch_id AND l.currency = i.currency
WHERE NOT EXISTS (SELECT FROM recon_pair p WHERE p.i = i.rid)
  AND NOT EXISTS (SELECT FROM recon_ignored g WHERE g.side = 'I' AND g.rid = i.rid)
  AND NOT EXISTS (SELECT FROM recon_internal r WHERE r.reference = l.key)
GROUP BY i.batch_id, l.rid, l.amount_minor, l.day, i.currency
HAVING count(*) > 1 AND sum(i.amount_minor) = l.amount_minor AND abs({whole_days}) <= {window};
DELETE FROM recon_whole WHERE e IN (SELECT e FROM recon_pair)
    OR e IN (SELECT rid FROM recon_ignored WHERE side = 'E')
    OR e IN (SELECT e FROM recon_whole GROUP BY e HAVING count(*) > 1);

INSERT INTO recon_group (match_no, method, confidence, evidence)
SELECT match_no, 'key_sum', 98,
       jsonb_build_object('shared_key', key, 'internal_count', n, 'external_count', 1, 'internal_sum', total,
                          'external_sum', total, 'fees', 0)
FROM recon_whole;
INSERT INTO recon_group_item
SELECT w.match_no, 'I', i.rid
FROM recon_whole w JOIN recon_internal i ON i.batch_id = w.key
WHERE NOT EXISTS (SELECT FROM recon_pair p WHERE p.i = i.rid)
  AND NOT EXISTS (SELECT FROM recon_ignored g WHERE g.side = 'I' AND g.rid = i.rid)
UNION ALL
SELECT match_no, 'E', e FROM recon_whole;
ANALYZE recon_group_item;
