-- Counterparts worth a look in a crowd. Where so many rows carry one amount that level 3 met only those of the same
-- counterparty (pairs.sql), what is still open meets again by a word: the first four signs of a word of the name, the
-- reference or the narrative, which survive a narrative that was cut. A word that too many carry says nothing; each
-- row keeps the ten that share the most words with it. These pairs are suggested at most: nothing here confirms.
CREATE TEMP TABLE recon_word ON COMMIT DROP AS
SELECT DISTINCT side, rid, currency, amount_minor, day, left(word, 4) AS word
FROM (
    SELECT 'I'::"char" AS side, o.rid, o.currency, o.amount_minor, o.day,
           regexp_split_to_table(o.name || ' ' || upper(o.reference) || ' ' || o.plain || ' ' || upper(o.description), '[^[:alnum:]]+') AS word
    FROM recon_open_i o JOIN recon_crowd c ON c.currency = o.currency AND c.amount_minor = o.amount_minor
    UNION ALL
    SELECT 'E', o.rid, o.currency, o.amount_minor, o.day,
           regexp_split_to_table(o.name || ' ' || upper(o.reference) || ' ' || o.plain || ' ' || upper(o.description), '[^[:alnum:]]+')
    FROM recon_open_e o JOIN recon_crowd c ON c.currency = o.currency AND c.amount_minor = o.amount_minor
) x
WHERE length(word) >= 4;
CREATE TEMP TABLE recon_word_use ON COMMIT DROP AS
SELECT currency, amount_minor, word
FROM (
    SELECT currency, amount_minor, word, i.n * e.n AS pairs,
           sum(i.n * e.n) OVER (ORDER BY i.n * e.n, currency, amount_minor, word) AS so_far
    FROM (SELECT currency, amount_minor, word, count(*) AS n FROM recon_word WHERE side = 'I' GROUP BY 1, 2, 3) i
    JOIN (SELECT currency, amount_minor, word, count(*) AS n FROM recon_word WHERE side = 'E' GROUP BY 1, 2, 3) e
    USING (currency, amount_minor, word)
) x
WHERE pairs <= {block_pairs} AND so_far <= {pair_budget} / 4;
ANALYZE recon_word;
ANALYZE recon_word_use;
CREATE TEMP TABLE recon_hint ON COMMIT DROP AS
SELECT i, e, days::smallint AS days
FROM (
    SELECT i.rid AS i, e.rid AS e, min({days}) AS days,
           row_number() OVER (PARTITION BY i.rid ORDER BY count(*) DESC, abs(min({days})), e.rid) AS turn_i,
           row_number() OVER (PARTITION BY e.rid ORDER BY count(*) DESC, abs(min({days})), i.rid) AS turn_e
    FROM recon_word_use u
    JOIN recon_word i ON i.side = 'I' AND i.currency = u.currency AND i.amount_minor = u.amount_minor AND i.word = u.word
    JOIN recon_word e ON e.side = 'E' AND e.currency = u.currency AND e.amount_minor = u.amount_minor AND e.word = u.word
    WHERE abs({days}) <= {window}
    GROUP BY i.rid, e.rid
) x
WHERE (turn_i <= 10 OR turn_e <= 10) AND NOT EXISTS (SELECT FROM recon_candidate c WHERE c.i = x.i AND c.e = x.e);
DROP TABLE recon_word, recon_word_use;
