-- Pairs of levels 1 and 2, two hundred to a row: each row that leaves Postgres costs Python more than its text does.
-- {{i_id}}, {{e_id}} and {{reference}} come quoted and, where a cell needs it, escaped.
SELECT string_agg('{{"internal":[' || {i_id} || '],"external":[' || {e_id} || '],"level":' || level || ',"method":"' || method
       || '","confidence":' || confidence || ',"reason":{{"reference":' || {reference} || ',"reference_is":"'
       || (ARRAY['the same', 'the same but for form', 'our id', 'in the text', 'the same but for a prefix'])[reference_kind]
       || '","days":' || days || ',"rivals":' || rivals
       || CASE WHEN fee_minor IS NULL THEN '' ELSE ',"fee_minor":' || fee_minor END || '}},"difference_minor":' || difference_minor || '}}',
       E',\n')
FROM (SELECT *, i / 200 AS block FROM {table} WHERE level < 3 ORDER BY i / 200, i OFFSET 0) told
GROUP BY block
ORDER BY block
