-- Rows of either whole file, matched or not, that could claim the place of a leading pair's row: same currency, the
-- same amount, near in time. Where a crowd carries the amount, the counterparty must tell: another row of the crowd
-- with the same counterparty rules the pair out (side N), and nothing is compared pair by pair.
CREATE TEMP TABLE recon_wanted ON COMMIT DROP AS
SELECT l.i, l.e, i.currency, i.amount_minor AS amount_i, e.amount_minor AS amount_e, i.day AS day_i, e.day AS day_e,
       upper(i.counterparty) AS name_i, upper(e.counterparty) AS name_e
FROM recon_lead l JOIN recon_internal i ON i.rid = l.i JOIN recon_external e ON e.rid = l.e;
CREATE TEMP TABLE recon_like ON COMMIT DROP AS
SELECT 'I'::"char" AS side, x.rid, x.day, x.currency, x.amount_minor, upper(x.counterparty) AS name
FROM recon_internal x JOIN (SELECT DISTINCT currency, amount_i FROM recon_wanted) w
  ON w.currency = x.currency AND w.amount_i = x.amount_minor
UNION ALL
SELECT 'E', x.rid, x.day, x.currency, x.amount_minor, upper(x.counterparty)
FROM recon_external x JOIN (SELECT DISTINCT currency, amount_e FROM recon_wanted) w
  ON w.currency = x.currency AND w.amount_e = x.amount_minor;
CREATE TEMP TABLE recon_hot ON COMMIT DROP AS
SELECT side, currency, amount_minor FROM recon_like GROUP BY side, currency, amount_minor HAVING count(*) > {hot_rows};
ANALYZE recon_wanted;
ANALYZE recon_like;

CREATE TEMP TABLE recon_rival ON COMMIT DROP AS
WITH named AS (
    SELECT side, currency, amount_minor, name FROM recon_like JOIN recon_hot USING (side, currency, amount_minor)
    GROUP BY side, currency, amount_minor, name HAVING count(*) > 1
), found AS (
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
    FROM recon_wanted w CROSS JOIN LATERAL (VALUES (w.name_i), (w.name_e)) said(name)
    JOIN named n ON n.side = 'I' AND n.currency = w.currency AND n.amount_minor = w.amount_i AND n.name = said.name
    UNION ALL
    SELECT 'N', w.i, w.e, 0
    FROM recon_wanted w CROSS JOIN LATERAL (VALUES (w.name_i), (w.name_e)) said(name)
    JOIN named n ON n.side = 'E' AND n.currency = w.currency AND n.amount_minor = w.amount_e AND n.name = said.name
)
SELECT f.side, f.i, f.e, f.rid, x.reference, x.counterparty, x.description, x.type, x.day
FROM found f
JOIN (SELECT 'I'::"char" AS side, rid, reference, counterparty, description, type, day FROM recon_internal
      WHERE rid IN (SELECT rid FROM found WHERE side = 'I')
      UNION ALL
      SELECT 'E', rid, reference, counterparty, description, type, day FROM recon_external
      WHERE rid IN (SELECT rid FROM found WHERE side = 'E')) x ON x.side = f.side AND x.rid = f.rid
UNION ALL
SELECT side, i, e, 0, '', '', '', '', NULL FROM found WHERE side = 'N';
DROP TABLE recon_wanted, recon_like, recon_hot;
