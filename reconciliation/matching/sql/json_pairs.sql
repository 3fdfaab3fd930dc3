SELECT '{"internal":[' || to_json(i_id) || '],"external":[' || to_json(e_id) || '],"level":' || level
       || ',"method":"' || method || '","confidence":' || confidence || ',"reason":'
       || CASE WHEN level = 3
               THEN (evidence || jsonb_build_object('score', score, 'rivals', rivals))::text
               ELSE '{"reference":' || to_json(reference) || ',"reference_is":"'
                    || (ARRAY['the same', 'the same but for form', 'our id', 'in the text', 'the same but for a prefix'])[reference_kind]
                    || '","days":' || days || ',"rivals":' || rivals
                    || CASE WHEN fee_minor IS NULL THEN '' ELSE ',"fee_minor":' || fee_minor END || '}' END
       || ',"difference_minor":' || difference_minor || '}'
FROM recon_pair
ORDER BY i
