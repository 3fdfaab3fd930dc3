-- Totals that fit but are not sure: the best three groups for each line, if all their rows are still open.
CREATE TEMP TABLE recon_bunch_offer ON COMMIT DROP AS
SELECT bunch, many, line, tag, n
FROM (
    SELECT h.*, row_number() OVER (PARTITION BY h.many, h.line ORDER BY h.same_name DESC, h.scheme, h.bunch) AS turn
    -- The same rows are one offer, by whichever name they were gathered.
    FROM (SELECT DISTINCT ON (many, members, line) * FROM recon_bunch_hit WHERE n <= 2000
          ORDER BY many, members, line, same_name DESC, scheme, bunch) h
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
