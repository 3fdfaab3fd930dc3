SELECT '{"internal":' || (json_agg(a.ext_id ORDER BY a.rid) FILTER (WHERE a.rid IS NOT NULL))
       || ',"external":' || (json_agg(b.ext_id ORDER BY b.rid) FILTER (WHERE b.rid IS NOT NULL))
       || ',"level":' || g.level || ',"method":"' || g.method || '","confidence":' || g.confidence || ',"reason":'
       || (g.evidence || CASE WHEN g.fee_minor IS NULL THEN '{}'::jsonb
                              ELSE jsonb_build_object('fee_minor', g.fee_minor) END)::text
       || ',"difference_minor":' || g.difference_minor || '}'
FROM recon_group g
JOIN recon_group_item t ON t.match_no = g.match_no
LEFT JOIN recon_internal a ON t.side = 'I' AND a.rid = t.rid
LEFT JOIN recon_external b ON t.side = 'E' AND b.rid = t.rid
GROUP BY g.match_no, g.level, g.method, g.confidence, g.evidence, g.fee_minor, g.difference_minor
ORDER BY g.match_no
