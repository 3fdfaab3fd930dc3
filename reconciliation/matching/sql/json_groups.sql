SELECT '{"internal":' || (json_agg(t.ext_id ORDER BY t.rid) FILTER (WHERE t.side = 'I'))
       || ',"external":' || (json_agg(t.ext_id ORDER BY t.rid) FILTER (WHERE t.side = 'E'))
       || ',"level":' || g.level || ',"method":"' || g.method || '","confidence":' || g.confidence || ',"reason":'
       || (g.evidence || CASE WHEN g.fee_minor IS NULL THEN '{}'::jsonb
                              ELSE jsonb_build_object('fee_minor', g.fee_minor) END)::text
       || ',"difference_minor":' || g.difference_minor || '}'
FROM recon_group g
JOIN recon_group_item t ON t.match_no = g.match_no
GROUP BY g.match_no, g.level, g.method, g.confidence, g.evidence, g.fee_minor, g.difference_minor
ORDER BY g.match_no
