SELECT '{"internal":[' || to_json(i_id) || '],"external":[' || to_json(e_id) || '],"level":3,"method":"' || method
       || '","confidence":' || confidence || ',"reason":'
       || (evidence || jsonb_build_object('score', score, 'rivals', rivals))::text
       || ',"difference_minor":' || difference_minor || '}'
FROM ONLY recon_pair
WHERE level = 3
ORDER BY i
