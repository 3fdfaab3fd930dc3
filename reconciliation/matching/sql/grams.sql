-- A reference is cut only where it is a text itself: the first part of INV-2024-00017 is the name of a whole year.
SELECT w.rid, c.token
FROM (
    SELECT p.rid, p.at, p.words
    FROM (
        SELECT rid, string_to_array(btrim(regexp_replace(regexp_replace(
                   upper(text), '(?<![A-Z0-9])0+|(?<=[A-Z])0+(?=[0-9])', '', 'g'), '[^A-Z0-9]+', ' ', 'g')), ' ') AS words
        FROM (SELECT rid, CASE WHEN reference ~ '[ :;,|=(]' THEN reference || ' ' || description ELSE description END AS text
              FROM recon_open_{letter} WHERE {half} OFFSET 0) told
        WHERE text <> ''
        OFFSET 0
    ) t
    CROSS JOIN LATERAL (SELECT t.rid, t.words, n.at::int FROM unnest(t.words) WITH ORDINALITY n(word, at)
                        WHERE n.at <= {token_words} AND n.word ~ '[0-9]' LIMIT {token_numbers}) p
    OFFSET 0
) w
-- An array and not VALUES, whose expressions Postgres would prepare again for every word.
CROSS JOIN LATERAL unnest(ARRAY[
    w.words[at],
    w.words[at - 1] || w.words[at],
    w.words[at - 2] || w.words[at - 1] || w.words[at],
    w.words[at] || w.words[at + 1],
    w.words[at - 1] || w.words[at] || w.words[at + 1],
    w.words[at - 2] || w.words[at - 1] || w.words[at] || w.words[at + 1],
    w.words[at - 1] || w.words[at] || w.words[at + 1] || w.words[at + 2],
    w.words[at] || w.words[at + 1] || w.words[at + 2] || w.words[at + 3] || w.words[at + 4]
]) c(token)
WHERE length(c.token) >= {token_length}
