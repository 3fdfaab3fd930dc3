-- Level 3 candidates: open rows of one currency whose amounts explain each other inside the date window. Blocks of
-- one amount are bounded: in a crowded block only rows of the same counterparty meet.
CREATE TEMP TABLE recon_crowd ON COMMIT DROP AS
SELECT currency, amount_minor
FROM (
    SELECT currency, amount_minor, i.n * e.n AS pairs,
           sum(i.n * e.n) OVER (ORDER BY i.n * e.n, currency, amount_minor) AS so_far
    FROM (SELECT currency, amount_minor, count(*) AS n FROM recon_open_i GROUP BY currency, amount_minor) i
    JOIN (SELECT currency, amount_minor, count(*) AS n FROM recon_open_e GROUP BY currency, amount_minor) e
    USING (currency, amount_minor)
) x
WHERE pairs > {block_pairs} OR so_far > {pair_budget};
ANALYZE recon_crowd;

CREATE TEMP TABLE recon_near ON COMMIT DROP AS
SELECT i.rid AS i, e.rid AS e, x.amount_kind::smallint, {days}::smallint AS days,
       CASE x.amount_kind WHEN 3 THEN e.amount_minor - i.amount_minor ELSE 0 END AS difference_minor,
       CASE x.amount_kind WHEN 2 THEN coalesce(i.fee_minor, e.fee_minor) END AS fee_minor
FROM (
    SELECT i.rid AS i, e.rid AS e, 1 AS amount_kind
    FROM recon_open_i i JOIN recon_open_e e ON e.currency = i.currency AND e.amount_minor = i.amount_minor
    WHERE NOT EXISTS (SELECT FROM recon_crowd c WHERE c.currency = i.currency AND c.amount_minor = i.amount_minor)
    UNION ALL
    SELECT i.rid, e.rid, 1
    FROM recon_crowd c
    JOIN recon_open_i i ON i.currency = c.currency AND i.amount_minor = c.amount_minor
    JOIN recon_open_e e ON e.currency = c.currency AND e.amount_minor = c.amount_minor AND e.name = i.name
    JOIN (SELECT currency, amount_minor, name FROM (
              SELECT currency, amount_minor, name, count(*) AS n FROM recon_open_i GROUP BY 1, 2, 3) a
          JOIN (SELECT currency, amount_minor, name, count(*) AS m FROM recon_open_e GROUP BY 1, 2, 3) b
          USING (currency, amount_minor, name) WHERE n * m <= {block_pairs}) k
      ON k.currency = i.currency AND k.amount_minor = i.amount_minor AND k.name = i.name
    UNION ALL
    SELECT i.rid, e.rid, 2
    FROM recon_open_i i JOIN recon_open_e e
      ON e.currency = i.currency AND e.amount_minor = i.amount_minor - sign(i.amount_minor)::int * i.fee_minor
    WHERE i.fee_minor > 0 AND coalesce(e.fee_minor, i.fee_minor) = i.fee_minor
    UNION ALL
    SELECT i.rid, e.rid, 2
    FROM recon_open_i i JOIN recon_open_e e
      ON e.currency = i.currency AND i.amount_minor = e.amount_minor + sign(e.amount_minor)::int * e.fee_minor
    WHERE e.fee_minor > 0 AND i.fee_minor IS NULL
    UNION ALL
    SELECT i.rid, e.rid, 3
    FROM (SELECT o.rid, o.currency, o.amount_minor + g.gap AS target
          FROM recon_open_i o, generate_series(-{tolerance_minor}, {tolerance_minor}) g(gap)
          WHERE g.gap <> 0 AND abs(o.amount_minor) > 20 * {tolerance_minor}) i
    JOIN recon_open_e e ON e.currency = i.currency AND e.amount_minor = i.target
    WHERE NOT EXISTS (SELECT FROM recon_crowd c WHERE c.currency = e.currency AND c.amount_minor = e.amount_minor)
) x
JOIN recon_open_i i ON i.rid = x.i
JOIN recon_open_e e ON e.rid = x.e
WHERE abs({days}) <= {window} AND NOT i.charge AND NOT e.charge;
ANALYZE recon_near;

-- Rows of a near pair whose whole reference stands on another row of the other side, open or matched. The few that
-- are asked for are hashed, and each file is read past them once.
CREATE TEMP TABLE recon_asked ON COMMIT DROP AS
SELECT 'E'::"char" AS side, e.rid, e.plain, hashtextextended(e.reference, 0) AS key
FROM recon_open_e e WHERE e.rid IN (SELECT e FROM recon_near) AND e.ref <> ''
UNION ALL
SELECT 'I', i.rid, i.plain, hashtextextended(i.reference, 0)
FROM recon_open_i i WHERE i.rid IN (SELECT i FROM recon_near) AND i.ref <> '';
ANALYZE recon_asked;
-- IS TRUE keeps the asked keys a small hash that the files are read past; as a join Postgres may hash the files.
CREATE TEMP TABLE recon_claimed_key ON COMMIT DROP AS
SELECT 'E'::"char" AS side, key FROM recon_internal
WHERE (key IN (SELECT key FROM recon_asked WHERE side = 'E')) IS TRUE
UNION ALL
SELECT 'I', key FROM recon_external
WHERE (key IN (SELECT key FROM recon_asked WHERE side = 'I')) IS TRUE;
ANALYZE recon_claimed_key;
CREATE TEMP TABLE recon_claimed ON COMMIT DROP AS
SELECT DISTINCT side, rid
FROM (
    SELECT a.side, a.rid FROM recon_open_i i JOIN recon_asked a ON a.side = 'E' AND a.plain = i.plain
    UNION ALL
    SELECT a.side, a.rid FROM recon_open_e e JOIN recon_asked a ON a.side = 'I' AND a.plain = e.plain
    UNION ALL
    SELECT a.side, a.rid FROM recon_asked a JOIN recon_claimed_key k ON k.side = a.side AND k.key = a.key
) found;
