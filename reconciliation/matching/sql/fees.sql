-- Open rows that may be one payment less a fee that nobody declared: the amounts differ by no more than a fee may be, and
-- a piece of text leads from one to the other. A piece is the beginning of both counterparties (H), the beginning or the
-- end of both references (R), or a word of a counterparty or a reference that the other side's narrative says (O and T).
-- They meet in small blocks of one piece, one currency and direction, like amounts and days; a block that is too large
-- says nothing. These pairs are suggested at most: nothing here confirms.
CREATE TEMP TABLE recon_loose ON COMMIT DROP AS
SELECT 'I'::"char" AS side, o.rid, o.currency, o.amount_minor, abs(o.amount_minor) AS size, o.day, o.name, o.reference,
       o.plain, upper(left(o.description, 140)) AS said
FROM recon_open_i o
WHERE o.n = 1 AND NOT o.charge AND NOT o.back AND o.amount_minor <> 0 AND NOT EXISTS (SELECT FROM recon_tie t WHERE t.i = o.rid)
UNION ALL
SELECT 'E', o.rid, o.currency, o.amount_minor, abs(o.amount_minor), o.day, o.name, o.reference, o.plain, upper(left(o.description, 140))
FROM recon_open_e o
WHERE o.n = 1 AND NOT o.charge AND NOT o.back AND o.amount_minor <> 0 AND NOT EXISTS (SELECT FROM recon_tie t WHERE t.e = o.rid);

CREATE TEMP TABLE recon_piece ON COMMIT DROP AS
SELECT DISTINCT side, rid, role, word
FROM (
    SELECT side, rid, 'H'::"char" AS role, left(name, 10) AS word FROM recon_loose WHERE name <> ''
    UNION ALL
    SELECT side, rid, 'R', left(plain, 6) FROM recon_loose WHERE length(plain) >= 6
    UNION ALL
    SELECT side, rid, 'R', right(plain, 6) FROM recon_loose WHERE length(plain) >= 6
    UNION ALL
    -- The role under which the other side meets it: words that a row owns meet words that the other tells.
    SELECT side, rid, CASE side WHEN 'I' THEN 'O' ELSE 'T' END::"char", left(word, 4)
    FROM recon_loose, regexp_split_to_table(name || ' ' || upper(reference) || ' ' || plain, '[^[:alnum:]]+') word
    WHERE length(word) >= 4
    UNION ALL
    SELECT side, rid, CASE side WHEN 'I' THEN 'T' ELSE 'O' END::"char", left(word, 4)
    FROM recon_loose, regexp_split_to_table(said, '[^[:alnum:]]+') word
    WHERE said <> '' AND length(word) >= 4
) x;
DELETE FROM recon_piece
WHERE (role, word) IN (SELECT role, word FROM recon_piece GROUP BY role, word HAVING bool_and(side = 'I') OR bool_and(side = 'E'));

-- Theirs stands in one block of a piece, ours in every block that a fee or the window could reach.
CREATE TEMP TABLE recon_zone ON COMMIT DROP AS
SELECT 'E'::"char" AS side, l.rid, p.role, p.word, l.currency, sign(l.amount_minor)::int AS direction,
       floor(ln(l.size) * 4)::int AS height, (l.day - DATE '1900-01-01') / 14 AS fortnight
FROM recon_loose l JOIN recon_piece p ON p.side = l.side AND p.rid = l.rid
WHERE l.side = 'E'
UNION ALL
SELECT 'I', l.rid, p.role, p.word, l.currency, sign(l.amount_minor)::int, height, fortnight
FROM recon_loose l JOIN recon_piece p ON p.side = l.side AND p.rid = l.rid
CROSS JOIN LATERAL generate_series(floor(ln(l.size - {fee_most}) * 4)::int, floor(ln(l.size + {fee_most}) * 4)::int) height
CROSS JOIN LATERAL generate_series((l.day - 8 - DATE '1900-01-01') / 14, (l.day + 8 - DATE '1900-01-01') / 14) fortnight
WHERE l.side = 'I';
ANALYZE recon_zone;

CREATE TEMP TABLE recon_loose_pair ON COMMIT DROP AS
WITH met AS (
    SELECT role, word, currency, direction, height, fortnight
    FROM (
        SELECT *, i.n * e.n AS pairs,
               sum(i.n * e.n) OVER (ORDER BY i.n * e.n, role, word, currency, direction, height, fortnight) AS so_far
        FROM (SELECT role, word, currency, direction, height, fortnight, count(*) AS n FROM recon_zone WHERE side = 'I'
              GROUP BY 1, 2, 3, 4, 5, 6) i
        JOIN (SELECT role, word, currency, direction, height, fortnight, count(*) AS n FROM recon_zone WHERE side = 'E'
              GROUP BY 1, 2, 3, 4, 5, 6) e USING (role, word, currency, direction, height, fortnight)
    ) x
    WHERE pairs <= {fee_block} AND so_far <= {pair_budget} / 4
)
SELECT i, e, days
FROM (
    SELECT i.rid AS i, e.rid AS e, min({days})::smallint AS days,
           row_number() OVER (PARTITION BY i.rid ORDER BY count(*) DESC, abs(min({days})), e.rid) AS turn_i,
           row_number() OVER (PARTITION BY e.rid ORDER BY count(*) DESC, abs(min({days})), i.rid) AS turn_e
    FROM met
    JOIN recon_zone zi USING (role, word, currency, direction, height, fortnight)
    JOIN recon_zone ze USING (role, word, currency, direction, height, fortnight)
    JOIN recon_loose i ON i.side = 'I' AND i.rid = zi.rid
    JOIN recon_loose e ON e.side = 'E' AND e.rid = ze.rid
    WHERE zi.side = 'I' AND ze.side = 'E' AND abs({days}) <= {window}
      AND abs(i.size - e.size) BETWEEN {tolerance_minor} + 1 AND (SELECT {fee_most} FROM (SELECT i.size) l)
    GROUP BY i.rid, e.rid
) x
WHERE turn_i <= 8 AND turn_e <= 8;
DROP TABLE recon_loose, recon_piece, recon_zone;
