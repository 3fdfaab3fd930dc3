-- The best three counterparts of every row that is still open, by score. Written before the rest is classified.
INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT ARRAY[i], ARRAY[e], score,
       jsonb_build_object('amount', (ARRAY['equal', 'net of fee', 'within tolerance', 'net of fee', 'opposite sign'])[amount_kind],
                          'days', days, 'difference_minor', difference_minor,
                          'by', CASE WHEN kind = 6 THEN 'similarity' ELSE 'reference' END)
FROM (
    SELECT c.*, row_number() OVER (PARTITION BY i ORDER BY score DESC, abs(days), e) AS turn_i,
           row_number() OVER (PARTITION BY e ORDER BY score DESC, abs(days), i) AS turn_e
    FROM recon_candidate c
    WHERE score >= {suggest_score}
) x
WHERE turn_i <= {per_item} OR turn_e <= {per_item};

INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT DISTINCT ON (i, e) ARRAY[i], ARRAY[e], (ARRAY[70, 66, 66, 62])[kind],
       jsonb_build_object('reference', 'the same', 'amount', 'different', 'days', days, 'difference_minor', amount_e - amount_i)
FROM recon_tie t
WHERE kind <= 4 AND of_i <= {per_item} AND of_e <= {per_item}
  AND NOT EXISTS (SELECT FROM recon_candidate c WHERE c.i = t.i AND c.e = t.e AND c.score >= {suggest_score})
ORDER BY i, e, kind;

-- Totals that fit but are not sure: the best three groups for each line, if all their rows are still open.
CREATE TEMP TABLE recon_bunch_offer ON COMMIT DROP AS
SELECT bunch, many, line, tag, n
FROM (
    SELECT h.*, row_number() OVER (PARTITION BY h.many, h.line ORDER BY h.same_name DESC, h.scheme, h.bunch) AS turn
    FROM recon_bunch_hit h WHERE h.n <= 2000
) x
WHERE turn <= {per_item};
INSERT INTO recon_suggestion (internal, external, confidence, reason)
SELECT CASE o.many WHEN 'I' THEN g.rids ELSE ARRAY[o.line] END, CASE o.many WHEN 'I' THEN ARRAY[o.line] ELSE g.rids END, 50,
       jsonb_build_object('total_of', o.tag, 'rows', o.n)
FROM recon_bunch_offer o
JOIN (
    SELECT b.bunch, array_agg(i.rid ORDER BY i.rid) AS rids, count(*) AS rows, count(u.rid) AS still_open
    FROM (SELECT DISTINCT bunch FROM recon_bunch_offer) w
    JOIN recon_bunch b USING (bunch)
    JOIN recon_bunch_item i ON i.side = b.side AND i.scheme = b.scheme AND i.tag = b.tag AND i.currency = b.currency
    LEFT JOIN (SELECT 'I'::"char" AS side, rid FROM recon_open_i UNION ALL SELECT 'E', rid FROM recon_open_e) u
      ON u.side = i.side AND u.rid = i.rid
    GROUP BY b.bunch
) g USING (bunch)
JOIN (SELECT 'E'::"char" AS many, rid FROM recon_open_i UNION ALL SELECT 'I', rid FROM recon_open_e) l
  ON l.many = o.many AND l.rid = o.line
WHERE g.rows = g.still_open
ORDER BY o.bunch, o.line;
