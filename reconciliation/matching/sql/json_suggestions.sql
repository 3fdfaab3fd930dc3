SELECT '{"internal":' || coalesce(i.ids, '[]') || ',"external":' || coalesce(e.ids, '[]') || ',"confidence":' || s.confidence
       || ',"reason":' || s.reason::text || '}'
FROM recon_suggestion s
LEFT JOIN (SELECT no, json_agg(a.ext_id ORDER BY a.rid)::text AS ids
           FROM recon_suggestion r
           CROSS JOIN LATERAL unnest(r.internal) u(rid) JOIN recon_told_i a ON a.rid = u.rid GROUP BY no) i USING (no)
LEFT JOIN (SELECT no, json_agg(a.ext_id ORDER BY a.rid)::text AS ids
           FROM recon_suggestion r
           CROSS JOIN LATERAL unnest(r.external) u(rid) JOIN recon_told_e a ON a.rid = u.rid GROUP BY no) e USING (no)
ORDER BY s.confidence DESC, s.no
