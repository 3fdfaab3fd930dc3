-- Who stays open because several counterparts fit (recon_cluster, from ambiguity.py), and who is simply alone.
INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor, reason)
SELECT 'ambiguous',
       coalesce(array_agg(m.rid ORDER BY m.rid) FILTER (WHERE c.side = 'I'), '{}'),
       coalesce(array_agg(m.rid ORDER BY m.rid) FILTER (WHERE c.side = 'E'), '{}'),
       sum(i.amount_minor)::bigint, sum(e.amount_minor)::bigint, '{"several_fit": true}'
FROM recon_cluster c
JOIN (SELECT 'I'::"char" AS side, * FROM recon_each_i UNION ALL SELECT 'E', * FROM recon_each_e) m
  ON m.side = c.side AND m.bundle = c.rid
LEFT JOIN recon_open_i i ON c.side = 'I' AND i.rid = c.rid
LEFT JOIN recon_open_e e ON c.side = 'E' AND e.rid = c.rid
GROUP BY c.cluster;
DELETE FROM recon_open_i WHERE rid IN (SELECT rid FROM recon_cluster WHERE side = 'I');
DELETE FROM recon_open_e WHERE rid IN (SELECT rid FROM recon_cluster WHERE side = 'E');

INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor)
SELECT 'missing_settlement', ARRAY[m.rid], '{}', o.amount_minor, 0
FROM recon_open_i o JOIN recon_each_i m ON m.bundle = o.rid;
INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor)
SELECT 'missing_internal', '{}', ARRAY[m.rid], 0, o.amount_minor
FROM recon_open_e o JOIN recon_each_e m ON m.bundle = o.rid;
