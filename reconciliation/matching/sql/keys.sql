-- Who names whom: pairs that share a reference, whatever their amounts, each by its surest kind.
--   1 the same text but for case    2 the same but for punctuation and zeros    3 our own id as their reference
--   4 named inside a text           5 the same but for a prefix
-- A word that so many rows carry that it tells nothing apart ("PAYMENT") is no reference: crowded keys are left out.
-- A crowd makes its place among 65536 crowded: counting places costs less than counting references, and only
-- references of crowded places are counted themselves.
CREATE TEMP TABLE recon_place ON COMMIT DROP AS
SELECT place FROM (SELECT hashtext(ref) & 65535 AS place, sum(n) AS n FROM recon_open_i WHERE ref <> '' GROUP BY 1) i
JOIN (SELECT hashtext(ref) & 65535 AS place, sum(n) AS n FROM recon_open_e WHERE ref <> '' GROUP BY 1) e USING (place)
WHERE i.n * e.n > {crowd_pairs};
CREATE TEMP TABLE recon_crowded ON COMMIT DROP AS
SELECT ref
FROM (SELECT ref, sum(n) AS n FROM recon_open_i WHERE ref <> '' AND hashtext(ref) & 65535 IN (SELECT place FROM recon_place) GROUP BY ref) i
JOIN (SELECT ref, sum(n) AS n FROM recon_open_e WHERE ref <> '' AND hashtext(ref) & 65535 IN (SELECT place FROM recon_place) GROUP BY ref) e
USING (ref)
WHERE i.n * e.n > {crowd_pairs};

UPDATE recon_open_i SET ref = '', core = '' WHERE ref IN (SELECT ref FROM recon_crowded);
UPDATE recon_open_e SET ref = '', core = '' WHERE ref IN (SELECT ref FROM recon_crowded);
DELETE FROM recon_token WHERE token IN (SELECT token FROM recon_token GROUP BY token HAVING count(*) > {crowd_pairs});

-- The number of a whole year or branch stands in many references: what it has in common says nothing.
CREATE TEMP TABLE recon_common ON COMMIT DROP AS
SELECT core FROM recon_open_i
WHERE core <> '' AND hashtext(core) & 65535 IN (
    SELECT hashtext(core) & 65535 FROM recon_open_i WHERE core <> '' GROUP BY 1 HAVING count(*) > 20)
GROUP BY core HAVING count(*) > 20;

CREATE TEMP TABLE recon_same ON COMMIT DROP AS
SELECT i, e, min(kind)::smallint AS kind
FROM (
    SELECT i.rid AS i, e.rid AS e, CASE WHEN i.reference = e.reference THEN 1 ELSE 2 END AS kind
    FROM recon_open_i i JOIN recon_open_e e ON e.ref = i.ref
    WHERE i.ref <> ''
    UNION ALL
    SELECT i.rid, e.rid, 3 FROM recon_open_e e JOIN recon_open_i i ON upper(i.ext_id) = e.reference
    UNION ALL
    SELECT i.rid, t.rid, 4 FROM recon_token t JOIN recon_open_i i ON i.ref = t.token WHERE t.side = 'E'
    UNION ALL
    SELECT t.rid, e.rid, 4 FROM recon_token t JOIN recon_open_e e ON e.ref = t.token WHERE t.side = 'I'
    UNION ALL
    SELECT i.rid, e.rid, 5
    FROM recon_open_i i JOIN recon_open_e e ON e.core = i.core AND e.ref <> i.ref
    WHERE i.core <> ''
      AND (i.prefix = '' OR e.prefix = '' OR strpos(i.prefix, e.prefix) > 0 OR strpos(e.prefix, i.prefix) > 0
           OR e.prefix ~ {label_words})
      AND i.core NOT IN (SELECT core FROM recon_common)
) found
GROUP BY i, e;
ANALYZE recon_same;

INSERT INTO recon_candidate
SELECT i, e, kind, amount_kind, days,
       CASE amount_kind WHEN 3 THEN gap WHEN 4 THEN gap + sign(i_amount) * fee ELSE 0 END,
       CASE WHEN amount_kind IN (2, 4) THEN fee END,
       kind * 10 + amount_kind + CASE WHEN amount_kind = 5 THEN 30 ELSE 0 END
FROM (
    SELECT s.i, s.e, s.kind, i.amount_minor AS i_amount, e.amount_minor - i.amount_minor AS gap,
           {fee} AS fee, {days} AS days,
           CASE WHEN e.amount_minor = -i.amount_minor AND (e.back OR i.back) THEN NULL ELSE {amount_kind} END AS amount_kind
    FROM recon_same s
    JOIN recon_open_i i ON i.rid = s.i
    JOIN recon_open_e e ON e.rid = s.e
    WHERE e.currency = i.currency
    OFFSET 0
) x
WHERE amount_kind IS NOT NULL AND abs(days) <= {window};

-- A difference within tolerance may be a part that is missing: where the reference stands on more rows than these two,
-- their sums are tried before (groups.sql).
CREATE TEMP TABLE recon_deferred ON COMMIT DROP AS
SELECT c.i, c.e
FROM recon_candidate c
WHERE c.amount_kind IN (3, 4)
  AND (c.i IN (SELECT i FROM recon_same WHERE i IN (SELECT i FROM recon_candidate WHERE amount_kind IN (3, 4)) GROUP BY i HAVING count(*) > 1)
       OR c.e IN (SELECT e FROM recon_same WHERE e IN (SELECT e FROM recon_candidate WHERE amount_kind IN (3, 4)) GROUP BY e HAVING count(*) > 1));
DROP TABLE recon_place, recon_common;
