-- Small blocks for the exact subset search: a line, and the open rows of the other side that could be its parts. Same
-- currency and direction, each smaller than the line, near in time, and of its counterparty; or of its shared key.
-- A block of more rows than the bound is not searched.
-- Lines that call themselves totals and name nobody are met by all open rows of their currency and days, so only a
-- few of them are looked at: those of currencies and days with few open rows.
CREATE TEMP TABLE recon_told ON COMMIT DROP AS
SELECT e.rid
FROM recon_open_e e
JOIN (SELECT currency, day, count(*) AS n FROM recon_open_i GROUP BY currency, day) d
  ON d.currency = e.currency AND d.day BETWEEN e.day - {window_calendar} AND e.day + {window_calendar}
WHERE e.name = '' AND e.ref = '' AND (e.type || ' ' || e.description) ~* {batch_words}
GROUP BY e.rid
HAVING sum(d.n) <= 20 * {subset_items};

CREATE TEMP TABLE recon_block ON COMMIT DROP AS
WITH part AS (
    SELECT 'I'::"char" AS many, e.rid AS line, e.amount_minor AS target, true AS sure, i.rid, i.amount_minor
    FROM recon_open_e e
    JOIN recon_open_i i ON i.currency = e.currency AND i.name = e.name
    WHERE e.name <> '' AND e.n = 1 AND i.n = 1 AND NOT e.back AND NOT i.back
      AND sign(i.amount_minor) = sign(e.amount_minor) AND abs(i.amount_minor) < abs(e.amount_minor) AND abs({days}) <= {window}
      AND (e.ref = '' OR (e.type || ' ' || e.description) ~* {batch_words})
    UNION ALL
    SELECT 'E', i.rid, i.amount_minor, true, e.rid, e.amount_minor
    FROM recon_open_i i
    JOIN recon_open_e e ON e.currency = i.currency AND e.name = i.name
    WHERE i.name <> '' AND e.n = 1 AND i.n = 1 AND NOT e.back AND NOT i.back
      AND sign(i.amount_minor) = sign(e.amount_minor) AND abs(e.amount_minor) < abs(i.amount_minor) AND abs({days}) <= {window}
      AND e.ref = ''
    UNION ALL
    SELECT 'I', e.rid, e.amount_minor, true, i.rid, i.amount_minor
    FROM recon_open_e e
    JOIN recon_open_i i ON i.currency = e.currency AND i.day BETWEEN e.day - {window_calendar} AND e.day + {window_calendar}
    WHERE e.name = '' AND e.ref = '' AND e.n = 1 AND i.n = 1 AND NOT e.back AND NOT i.back AND NOT e.charge
      AND sign(i.amount_minor) = sign(e.amount_minor) AND abs(i.amount_minor) < abs(e.amount_minor) AND abs({days}) <= {window}
      AND (e.type || ' ' || e.description) ~* {batch_words}
      AND e.rid IN (SELECT rid FROM recon_told)
    UNION ALL
    SELECT 'I', l.rid, l.gross, false, r.rid, r.gross
    FROM recon_bag_row l JOIN recon_bag_row r ON r.token = l.token AND r.currency = l.currency AND r.side = 'I'
    WHERE l.side = 'E' AND l.n = 1 AND r.n = 1 AND abs(r.gross) < abs(l.gross)
      AND EXISTS (SELECT FROM recon_open_e o WHERE o.rid = l.rid) AND EXISTS (SELECT FROM recon_open_i o WHERE o.rid = r.rid)
)
SELECT DISTINCT many, line, target, sure, rid, amount_minor
FROM (SELECT p.*, count(*) OVER (PARTITION BY many, line, sure) AS size FROM part p) x
WHERE size BETWEEN 2 AND {subset_items};
