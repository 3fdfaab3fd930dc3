SELECT line FROM (
    SELECT p.i AS match_no,
           '{"internal":[' || to_json(a.ext_id) || '],"external":[' || to_json(b.ext_id) || '],"level":' || p.level
           || ',"method":"' || p.method || '","confidence":' || p.confidence || ',"reason":'
           || CASE WHEN p.level = 3
                   THEN (p.evidence || jsonb_build_object('score', p.score, 'rivals', p.rivals))::text
                   ELSE '{"reference":' || to_json(a.reference) || ',"reference_is":"'
                        || (ARRAY['the same', 'the same but for form', 'our id', 'in the text', 'the same but for a prefix'])[p.reference_kind]
                        || '","currency":"' || a.currency || '","days":' || p.days || ',"rivals":' || p.rivals
                        || CASE WHEN p.fee_minor IS NULL THEN '' ELSE ',"fee_minor":' || p.fee_minor END || '}' END
           || ',"difference_minor":' || p.difference_minor || '}' AS line
    FROM recon_pair p
    JOIN recon_internal a ON a.rid = p.i
    JOIN recon_external b ON b.rid = p.e
    UNION ALL
    SELECT g.match_no,
           '{"internal":' || (json_agg(a.ext_id ORDER BY a.rid) FILTER (WHERE a.rid IS NOT NULL))
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
) x
ORDER BY match_no
