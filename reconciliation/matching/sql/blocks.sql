-- Small blocks for the exact subset search: a line, and the open rows of the other side that could be its parts. Same
-- currency and direction, each smaller than the line, near in time, and of its counterparty; or of its shared key.
-- A block of more rows than the bound is not searched.
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
    SELECT 'I', l.rid, l.gross, false, r.rid, r.gross
    FROM recon_bag_row l JOIN recon_bag_row r ON r.token = l.token AND r.currency = l.currency AND r.side = 'I'
    WHERE l.side = 'E' AND l.n = 1 AND r.n = 1 AND abs(r.gross) < abs(l.gross)
      AND EXISTS (SELECT FROM recon_open_e o WHERE o.rid = l.rid) AND EXISTS (SELECT FROM recon_open_i o WHERE o.rid = r.rid)
)
SELECT DISTINCT many, line, target, sure, rid, amount_minor
FROM (SELECT p.*, count(*) OVER (PARTITION BY many, line, sure) AS size FROM part p) x
WHERE size BETWEEN 2 AND {subset_items};
