-- Level 4 by date and account, and by a batch that only one side knows: the total of such a group is one line on
-- the other side. Confirmed only when the line fits one group and the group fits one line, and the line names the
-- group's counterparty, or calls itself a settlement, payout or batch, or answers a batch and says nothing; a line with a reference of its own
-- and no such word is somebody's payment, not a total.
CREATE TEMP TABLE recon_bunch_item ON COMMIT DROP AS
SELECT side, scheme, tag, currency, rid, day, name, n,
       amount_minor * n AS gross, CASE WHEN charge THEN -abs(amount_minor) ELSE amount_minor END * n AS plain,
       coalesce(fee_minor, 0) * n AS fees
FROM (
    SELECT 'I'::"char" AS side, 1 AS scheme, batch AS tag, * FROM recon_open_i WHERE batch <> ''
    UNION ALL
    SELECT 'E', 1, batch, * FROM recon_open_e WHERE batch <> ''
    UNION ALL
    SELECT 'I', 2, day || '|' || name, * FROM recon_open_i WHERE name <> ''
    UNION ALL
    SELECT 'E', 2, day || '|' || name, * FROM recon_open_e WHERE name <> ''
    UNION ALL
    SELECT 'I', 3, day || '|' || upper(type), * FROM recon_open_i
    UNION ALL
    SELECT 'E', 3, day || '|' || upper(type), * FROM recon_open_e
    UNION ALL
    SELECT 'I', 4, day::text, * FROM recon_open_i
    UNION ALL
    SELECT 'E', 4, day::text, * FROM recon_open_e
) x;

CREATE TEMP TABLE recon_bunch ON COMMIT DROP AS
SELECT row_number() OVER (ORDER BY side, scheme, currency, tag)::int AS bunch, *
FROM (
    SELECT side, scheme, tag, currency, sum(n)::int AS n, sum(gross)::bigint AS gross, sum(plain)::bigint AS plain,
           sum(fees)::bigint AS fees, min(day) AS first_day, max(day) AS last_day,
           CASE WHEN min(name) = max(name) THEN min(name) ELSE '' END AS name,
           -- Groups with the same members are one group, however they were found.
           sum(hashtextextended(rid::text, 7)::numeric) AS members
    FROM recon_bunch_item
    GROUP BY side, scheme, tag, currency
    HAVING sum(n) > 1
) x;

CREATE TEMP TABLE recon_bunch_total ON COMMIT DROP AS
SELECT *, 1 AS mode, gross AS total FROM recon_bunch
UNION ALL
SELECT *, 2, plain - sign(plain)::int * fees FROM recon_bunch WHERE plain - sign(plain)::int * fees <> gross;

CREATE TEMP TABLE recon_line ON COMMIT DROP AS
SELECT 'E'::"char" AS side, rid, currency, amount_minor, day, name, ref, back, coalesce(fee_minor, 0) AS fee,
       (type || ' ' || description || ' ' || reference) ~* {batch_words} AS told,
       upper(description) AS said, n
FROM recon_open_e WHERE NOT charge
UNION ALL
SELECT 'I', rid, currency, amount_minor, day, name, ref, back, coalesce(fee_minor, 0),
       (type || ' ' || description || ' ' || reference) ~* {batch_words}, upper(description), n
FROM recon_open_i WHERE NOT charge;

CREATE TEMP TABLE recon_bunch_hit ON COMMIT DROP AS
SELECT g.bunch, g.scheme, g.side AS many, l.rid AS line, g.n, g.gross, g.plain, g.fees, l.amount_minor, g.members, g.tag,
       g.mode, (g.name <> '' AND l.name <> '' AND (g.name = l.name OR starts_with(g.name, l.name) OR starts_with(l.name, g.name)))
               OR (g.name <> '' AND strpos(l.said, g.name) > 0) AS same_name,
       l.told, l.ref, g.name, l.name AS line_name, l.n AS line_n
FROM recon_bunch_total g
JOIN recon_line l ON l.currency = g.currency AND l.amount_minor = g.total
WHERE l.side <> g.side
  AND abs(CASE g.side WHEN 'I' THEN {bunch_days} ELSE -({bunch_days}) END) <= {window}
  AND NOT l.back;

CREATE TEMP TABLE recon_bunch_sure ON COMMIT DROP AS
SELECT DISTINCT ON (many, line) *
FROM (
    SELECT h.*,
           count(*) OVER (PARTITION BY many, members) AS lines_of_group,
           min(members) OVER (PARTITION BY many, line) = max(members) OVER (PARTITION BY many, line) AS one_group
    FROM (SELECT DISTINCT ON (many, members, line) * FROM recon_bunch_hit ORDER BY many, members, line, scheme, mode) h
) x
WHERE lines_of_group = 1 AND one_group
  -- A line like another is two lines that fit.
  AND line_n = 1
  AND (same_name OR ((told OR scheme = 1) AND (line_name = '' OR name = '')))
  -- Rows of one day have nothing in common but the day: a line that names its payer is not the sum of other people's.
  AND (scheme <= 2 OR told AND (line_name = '' OR same_name))
  AND (ref = '' OR told OR same_name AND scheme = 1)
ORDER BY many, line, scheme, mode;

-- A row in two groups that both fit a line: neither is sure.
CREATE TEMP TABLE recon_bunch_row ON COMMIT DROP AS
SELECT s.bunch, s.many, s.line, i.rid, count(*) OVER (PARTITION BY i.side, i.rid) AS claims
FROM recon_bunch_sure s JOIN recon_bunch b USING (bunch)
JOIN recon_bunch_item i ON i.side = b.side AND i.scheme = b.scheme AND i.tag = b.tag AND i.currency = b.currency;
DELETE FROM recon_bunch_sure WHERE bunch IN (SELECT bunch FROM recon_bunch_row WHERE claims > 1);
DELETE FROM recon_bunch_sure s WHERE EXISTS (
    SELECT FROM recon_bunch_sure o JOIN recon_bunch_row r ON r.bunch = o.bunch
    WHERE o.many <> s.many AND r.rid = s.line);

CREATE TEMP TABLE recon_bunch_all ON COMMIT DROP AS
SELECT r.bunch, r.many AS side, m.rid
FROM recon_bunch_row r JOIN recon_bunch_sure s USING (bunch)
JOIN (SELECT 'I'::"char" AS side, * FROM recon_each_i UNION ALL SELECT 'E', * FROM recon_each_e) m
  ON m.side = r.many AND m.bundle = r.rid
UNION ALL
SELECT bunch, CASE many WHEN 'I' THEN 'E' ELSE 'I' END::"char", line FROM recon_bunch_sure;

CREATE TEMP TABLE recon_bunch_no ON COMMIT DROP AS
SELECT bunch, min(rid) AS match_no FROM recon_bunch_all WHERE side = 'I' GROUP BY bunch;
INSERT INTO recon_group (match_no, method, confidence, difference_minor, fee_minor, evidence)
SELECT b.match_no,
       (ARRAY['batch_total', 'day_and_counterparty_total', 'day_and_type_total', 'day_total'])[s.scheme]
           || CASE s.mode WHEN 2 THEN '_net_of_fees' ELSE '' END,
       (ARRAY[92, 88, 82, 80])[s.scheme], 0, CASE s.mode WHEN 2 THEN s.fees END,
       jsonb_build_object('key', s.tag, 'rows', s.n, 'sum', s.gross, 'fees', s.fees, 'line', s.amount_minor,
                          'counterparty_agrees', s.same_name, 'line_calls_itself_a_total', s.told, 'groups_that_fit', 1)
FROM recon_bunch_sure s JOIN recon_bunch_no b USING (bunch);
INSERT INTO recon_group_item
SELECT b.match_no, a.side, a.rid, m.ext_id
FROM recon_bunch_all a
JOIN recon_bunch_no b USING (bunch)
JOIN (SELECT 'I'::"char" AS side, * FROM recon_each_i UNION ALL SELECT 'E', * FROM recon_each_e) m
  ON m.side = a.side AND m.rid = a.rid;

DROP TABLE IF EXISTS recon_chosen;
CREATE TEMP TABLE recon_chosen ON COMMIT DROP AS
SELECT CASE side WHEN 'I' THEN rid END AS i, CASE side WHEN 'E' THEN rid END AS e FROM recon_bunch_all;
