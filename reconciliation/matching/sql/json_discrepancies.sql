SELECT '{"type":"' || s.type || '","internal":' || coalesce(i.ids, '[]') || ',"external":' || coalesce(e.ids, '[]')
       || ',"expected_minor":' || coalesce(s.expected_minor, 0) || ',"actual_minor":' || coalesce(s.actual_minor, 0)
       || ',"reason":' || s.reason::text || '}'
FROM recon_discrepancy s
LEFT JOIN (SELECT no, json_agg(a.ext_id ORDER BY a.rid)::text AS ids
           FROM recon_discrepancy r
           CROSS JOIN LATERAL unnest(r.internal) u(rid) JOIN recon_told_i a ON a.rid = u.rid GROUP BY no) i USING (no)
LEFT JOIN (SELECT no, json_agg(a.ext_id ORDER BY a.rid)::text AS ids
           FROM recon_discrepancy r
           CROSS JOIN LATERAL unnest(r.external) u(rid) JOIN recon_told_e a ON a.rid = u.rid GROUP BY no) e USING (no)
ORDER BY s.internal, s.external, s.type, s.reason::text
