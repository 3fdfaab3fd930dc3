-- Discrepancies by ids, with the day of their youngest end: what is too young to be missing is left for a later run.
SELECT d.type,
       coalesce((SELECT jsonb_agg(a.ext_id ORDER BY a.rid) FROM recon_internal a WHERE a.rid = ANY(d.internal)), '[]') AS items,
       coalesce((SELECT jsonb_agg(b.ext_id ORDER BY b.rid) FROM recon_external b WHERE b.rid = ANY(d.external)), '[]') AS lines,
       coalesce(d.expected_minor, 0), coalesce(d.actual_minor, 0), d.reason,
       least((SELECT min(a.day) FROM recon_internal a WHERE a.rid = ANY(d.internal)),
             (SELECT min(b.day) FROM recon_external b WHERE b.rid = ANY(d.external))) AS first_on,
       coalesce((SELECT jsonb_agg(a.reference ORDER BY a.rid) FROM recon_internal a WHERE a.rid = ANY(d.internal[1:5]) AND a.reference <> ''), '[]')
         || coalesce((SELECT jsonb_agg(b.reference ORDER BY b.rid) FROM recon_external b WHERE b.rid = ANY(d.external[1:5]) AND b.reference <> ''), '[]')
  FROM recon_discrepancy d
 WHERE cardinality(d.external) > 0
    OR (SELECT min(a.day) FROM recon_internal a WHERE a.rid = ANY(d.internal)) < %(missing_before)s
 ORDER BY d.no
