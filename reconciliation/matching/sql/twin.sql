-- The rows of one side whose twin, matched or settled otherwise, stands in the same file: each with the first of them.
INSERT INTO recon_twin
SELECT l.side, l.rid, min(x.rid) AS twin
FROM recon_left l
JOIN (
    -- OFFSET 0: the normal form is dear, so only rows of a left-over amount are brought into it.
    SELECT x.rid, x.currency, x.amount_minor, x.reference, x.day
    FROM (SELECT DISTINCT currency, amount_minor FROM recon_left WHERE side = '{upper}' AND ref <> '') l
    JOIN recon_{side} x ON x.currency = l.currency AND x.amount_minor = l.amount_minor
    WHERE x.reference <> ''
    OFFSET 0
) x ON pg_temp.recon_normal(x.reference) = l.ref
   AND x.currency = l.currency AND x.amount_minor = l.amount_minor AND x.rid <> l.rid
WHERE l.side = '{upper}' AND l.ref <> '' AND x.day BETWEEN l.day - {window_calendar} AND l.day + {window_calendar}
  AND NOT EXISTS (SELECT FROM recon_unsettled u WHERE u.side = '{upper}' AND u.rid = x.rid)
GROUP BY l.side, l.rid;
