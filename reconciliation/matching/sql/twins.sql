-- The same reference and amount more than once on one side, once on the other: the first row is the item, the later
-- ones are its duplicates. First means: the counterparty agrees, then the earlier day, then the smaller id
-- where ids count up, else the earlier row. Items of ours with references of their own are no duplicates of each
-- other, whatever a text names. Where both sides repeat and their days differ, nothing says which is whose: those stay ties.
CREATE TEMP TABLE recon_star ON COMMIT DROP AS
WITH best AS (
    SELECT c.i, c.e, o.ref, c.kind, c.amount_kind, c.days, c.fee_minor, c.rank,
           min(rank) OVER (PARTITION BY i) AS best_i, min(rank) OVER (PARTITION BY e) AS best_e,
           count(*) OVER (PARTITION BY i) AS all_i, count(*) OVER (PARTITION BY e) AS all_e
    FROM recon_candidate c JOIN recon_open_i o ON o.rid = c.i
), tied AS (
    SELECT b.*,
           count(*) OVER (PARTITION BY i, rank) AS tied_i, count(*) OVER (PARTITION BY e, rank) AS tied_e,
           min(ref) OVER (PARTITION BY e, rank) = max(ref) OVER (PARTITION BY e, rank) AS one_item,
           max(all_e) OVER (PARTITION BY i, rank) AS widest_e, max(all_i) OVER (PARTITION BY e, rank) AS widest_i
    FROM best b
    WHERE rank = best_i AND rank = best_e AND amount_kind <= 2 AND kind <= 4
)
SELECT i, e, kind, amount_kind, days, fee_minor, 'E'::"char" AS many FROM tied WHERE tied_i > 1 AND widest_e = 1
UNION ALL
SELECT i, e, kind, amount_kind, days, fee_minor, 'I'::"char" FROM tied WHERE tied_e > 1 AND widest_i = 1 AND one_item;

-- A payment that came back and was presented again is no duplicate: where returns of the same reference and amount leave
-- exactly one of the rows standing, all of them belong to the one item, and groups.sql adds them up.
DELETE FROM recon_star s
USING (
    SELECT s.i, sum(e.n) AS rows FROM recon_star s JOIN recon_open_e e ON e.rid = s.e WHERE s.many = 'E' GROUP BY s.i
) k, (
    SELECT p.i, sum(e.n) AS returns
    FROM recon_same p JOIN recon_open_i i ON i.rid = p.i
    JOIN recon_open_e e ON e.rid = p.e AND e.back AND e.currency = i.currency AND e.amount_minor = -i.amount_minor
    WHERE p.i IN (SELECT i FROM recon_star WHERE many = 'E') GROUP BY p.i
) r
WHERE s.many = 'E' AND k.i = s.i AND r.i = s.i AND k.rows - r.returns = 1;
DELETE FROM recon_star s
USING (
    SELECT s.e, sum(i.n) AS rows FROM recon_star s JOIN recon_open_i i ON i.rid = s.i WHERE s.many = 'I' GROUP BY s.e
) k, (
    SELECT p.e, sum(i.n) AS returns
    FROM recon_same p JOIN recon_open_e e ON e.rid = p.e
    JOIN recon_open_i i ON i.rid = p.i AND i.back AND i.currency = e.currency AND i.amount_minor = -e.amount_minor
    WHERE p.e IN (SELECT e FROM recon_star WHERE many = 'I') GROUP BY p.e
) r
WHERE s.many = 'I' AND k.e = s.e AND r.e = s.e AND k.rows - r.returns = 1;

CREATE TEMP TABLE recon_star_row ON COMMIT DROP AS
SELECT s.*, mi.rid AS i_rid, me.rid AS e_rid, mi.ext_id AS i_id, me.ext_id AS e_id, oi.raw, mi.place AS i_place, me.place AS e_place,
       row_number() OVER (
           PARTITION BY s.many, CASE s.many WHEN 'E' THEN s.i ELSE s.e END
           ORDER BY (upper(oi.counterparty) = upper(oe.counterparty)) DESC, CASE s.many WHEN 'E' THEN oe.day ELSE oi.day END,
                    {twin_order},
                    CASE s.many WHEN 'E' THEN oe.rid ELSE oi.rid END, CASE s.many WHEN 'E' THEN me.place ELSE mi.place END
       ) AS turn
FROM recon_star s
JOIN recon_open_i oi ON oi.rid = s.i
JOIN recon_open_e oe ON oe.rid = s.e
JOIN recon_each_i mi ON mi.bundle = s.i AND (s.many = 'I' OR mi.place = 1)
JOIN recon_each_e me ON me.bundle = s.e AND (s.many = 'E' OR me.place = 1);

-- The one side may itself be a bundle of identical rows: they take the first turns in order.
INSERT INTO recon_pair (i, e, level, method, confidence, days, difference_minor, fee_minor, reference_kind, rivals,
                        i_id, e_id, reference)
SELECT CASE r.many WHEN 'E' THEN one.rid ELSE r.i_rid END, CASE r.many WHEN 'E' THEN r.e_rid ELSE one.rid END,
       CASE WHEN r.kind = 1 AND r.amount_kind = 1 THEN 1 ELSE 2 END, 'reference_first_of_duplicates', 90, r.days, 0,
       r.fee_minor, r.kind, 1, CASE r.many WHEN 'E' THEN one.ext_id ELSE r.i_id END,
       CASE r.many WHEN 'E' THEN r.e_id ELSE one.ext_id END, r.raw
FROM recon_star_row r
JOIN (SELECT 'E'::"char" AS many, * FROM recon_each_i UNION ALL SELECT 'I', * FROM recon_each_e) one
  ON one.many = r.many AND one.bundle = CASE r.many WHEN 'E' THEN r.i ELSE r.e END AND one.place = r.turn;

INSERT INTO recon_duplicate
SELECT r.many, CASE r.many WHEN 'E' THEN r.e_rid ELSE r.i_rid END,
       first_value(CASE r.many WHEN 'E' THEN r.e_rid ELSE r.i_rid END) OVER (
           PARTITION BY r.many, CASE r.many WHEN 'E' THEN r.i ELSE r.e END ORDER BY r.turn)
FROM recon_star_row r;
DELETE FROM recon_duplicate d USING ONLY recon_pair p WHERE d.side = 'I' AND d.rid = p.i;
DELETE FROM recon_duplicate d USING ONLY recon_pair p WHERE d.side = 'E' AND d.rid = p.e;

DROP TABLE IF EXISTS recon_chosen;
CREATE TEMP TABLE recon_chosen ON COMMIT DROP AS SELECT i, e FROM recon_star;
DROP TABLE recon_star, recon_star_row;
