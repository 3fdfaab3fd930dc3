-- Rows of either whole file, matched or not, that could claim the place of a leading pair's row: same currency, the
-- same amount, near in time (recon_like). Where a crowd carries the amount, the counterparty must tell: another row of the crowd
-- with the same counterparty is a rival, and where there are too many of them they rule the pair out (side N).
CREATE TEMP TABLE recon_wanted ON COMMIT DROP AS
SELECT l.i, l.e, i.currency, i.amount_minor AS amount_i, e.amount_minor AS amount_e, i.day AS day_i, e.day AS day_e,
       upper(i.counterparty) AS name_i, upper(e.counterparty) AS name_e
FROM recon_lead l JOIN recon_open_i i ON i.rid = l.i JOIN recon_open_e e ON e.rid = l.e;
ANALYZE recon_wanted;
CREATE TEMP TABLE recon_hot_wanted ON COMMIT DROP AS
SELECT DISTINCT i, e, side, currency, amount_minor, name, own, around
FROM (
    SELECT w.i, w.e, 'I'::"char" AS side, w.currency, w.amount_i AS amount_minor, said.name, w.i AS own, w.day_e AS around
    FROM recon_wanted w CROSS JOIN LATERAL (VALUES (w.name_i), (w.name_e)) said(name)
    UNION ALL
    SELECT w.i, w.e, 'E', w.currency, w.amount_e, said.name, w.e, w.day_i
    FROM recon_wanted w CROSS JOIN LATERAL (VALUES (w.name_i), (w.name_e)) said(name)
) x
WHERE EXISTS (SELECT FROM recon_hot_name n
              WHERE n.side = x.side AND n.currency = x.currency AND n.amount_minor = x.amount_minor AND n.name = x.name);
ANALYZE recon_hot_wanted;

CREATE TEMP TABLE recon_rival ON COMMIT DROP AS
WITH found AS (
    SELECT 'I'::"char" AS side, w.i, w.e, x.rid
    FROM recon_wanted w
    JOIN recon_like x ON x.side = 'I' AND x.currency = w.currency AND x.amount_minor = w.amount_i
    WHERE x.rid <> w.i AND NOT EXISTS (SELECT FROM recon_member_i m WHERE m.bundle = w.i AND m.rid = x.rid) AND x.day BETWEEN w.day_e - {window_calendar} AND w.day_e + {window_calendar}
      AND NOT EXISTS (SELECT FROM recon_hot h
                      WHERE h.side = 'I' AND h.currency = w.currency AND h.amount_minor = w.amount_i)
    UNION ALL
    SELECT 'E', w.i, w.e, x.rid
    FROM recon_wanted w
    JOIN recon_like x ON x.side = 'E' AND x.currency = w.currency AND x.amount_minor = w.amount_e
    WHERE x.rid <> w.e AND NOT EXISTS (SELECT FROM recon_member_e m WHERE m.bundle = w.e AND m.rid = x.rid) AND x.day BETWEEN w.day_i - {window_calendar} AND w.day_i + {window_calendar}
      AND NOT EXISTS (SELECT FROM recon_hot h
                      WHERE h.side = 'E' AND h.currency = w.currency AND h.amount_minor = w.amount_e)
    UNION ALL
    SELECT 'N', w.i, w.e, 0
    FROM recon_hot_wanted w JOIN recon_hot_name n USING (side, currency, amount_minor, name)
    WHERE n.n > {hot_names}
    UNION ALL
    SELECT w.side, w.i, w.e, x.rid
    FROM recon_hot_wanted w JOIN recon_hot_row x USING (side, currency, amount_minor, name)
    WHERE x.rid <> w.own AND x.day BETWEEN w.around - {window_calendar} AND w.around + {window_calendar}
      AND NOT EXISTS (SELECT FROM recon_member_i m WHERE w.side = 'I' AND m.bundle = w.i AND m.rid = x.rid)
      AND NOT EXISTS (SELECT FROM recon_member_e m WHERE w.side = 'E' AND m.bundle = w.e AND m.rid = x.rid)
)
SELECT f.side, f.i, f.e, f.rid, x.reference, x.counterparty, x.description, x.type, x.day
FROM found f
JOIN recon_like x ON x.side = f.side AND x.rid = f.rid
UNION ALL
SELECT side, i, e, 0, '', '', '', '', NULL FROM found WHERE side = 'N';
DROP TABLE recon_wanted, recon_hot_wanted;
