SELECT w.rid, array_to_string(w.words[s.at : s.at + g.length - 1], '') AS token
FROM (
    SELECT rid, string_to_array(btrim(regexp_replace(regexp_replace(
               upper(reference || ' ' || description), '(^|[^0-9])0+', '\1', 'g'), '[^A-Z0-9]+', ' ', 'g')), ' ') AS words
    FROM recon_open_{letter}
    WHERE description <> '' OR reference ~ '[ :;,|=(]'
) w
CROSS JOIN LATERAL generate_series(1, least(cardinality(w.words), {token_words})) s(at)
CROSS JOIN LATERAL generate_series(1, least({token_joined}, cardinality(w.words) - s.at + 1)) g(length)
WHERE (s.at > 1 OR g.length < cardinality(w.words))
