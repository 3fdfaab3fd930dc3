SELECT w.rid, c.token
FROM (
    SELECT p.rid, p.at, p.words
    FROM (
        SELECT rid, string_to_array(btrim(regexp_replace(regexp_replace(
                   upper(reference || ' ' || description), '(^|[^0-9])0+', '\1', 'g'), '[^A-Z0-9]+', ' ', 'g')), ' ') AS words
        FROM recon_open_{letter}
        WHERE description <> '' OR reference ~ '[ :;,|=(]'
        OFFSET 0
    ) t
    CROSS JOIN LATERAL (SELECT t.rid, t.words, n.at::int FROM unnest(t.words) WITH ORDINALITY n(word, at)
                        WHERE n.at <= {token_words} AND n.word ~ '[0-9]' LIMIT {token_numbers}) p
    OFFSET 0
) w
CROSS JOIN LATERAL (VALUES
    (w.words[at]), (w.words[at - 1] || w.words[at]), (w.words[at - 2] || w.words[at - 1] || w.words[at]),
    (w.words[at] || w.words[at + 1]), (w.words[at - 1] || w.words[at] || w.words[at + 1]),
    (w.words[at - 2] || w.words[at - 1] || w.words[at] || w.words[at + 1]),
    (w.words[at - 1] || w.words[at] || w.words[at + 1] || w.words[at + 2]),
    (w.words[at] || w.words[at + 1] || w.words[at + 2] || w.words[at + 3] || w.words[at + 4])
) c(token)
WHERE length(c.token) >= {token_length}
