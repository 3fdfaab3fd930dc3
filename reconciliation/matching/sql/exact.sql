-- Level 1, and what the same exact reference settles at once: amounts equal, net of a declared fee, or within
-- tolerance. Only references that occur once on each side are joined, so a pair found here has no rival by
-- construction; repeated references wait for resolve.sql. The key is a hash: the texts are compared as well.
ANALYZE recon_repeated;

-- Most matches of most files: they are written once, by both processors, and never touched again.
CREATE TEMP TABLE recon_exact AS
SELECT i, e,
       CASE WHEN amount_kind = 1 AND same_text THEN 1 ELSE 2 END::smallint AS level,
       CASE amount_kind WHEN 1 THEN 'reference' WHEN 3 THEN 'reference_tolerance' ELSE 'reference_net_of_fee' END AS method,
       CASE amount_kind WHEN 1 THEN 100 WHEN 2 THEN 98 WHEN 3 THEN 97 ELSE 95 END::smallint AS confidence,
       days::smallint AS days,
       CASE amount_kind WHEN 3 THEN gap WHEN 4 THEN gap + sign(i_amount)::int * fee ELSE 0 END::bigint AS difference_minor,
       CASE WHEN amount_kind IN (2, 4) THEN fee END::bigint AS fee_minor,
       1::smallint AS reference_kind, NULL::smallint AS score, 0::smallint AS rivals, NULL::jsonb AS evidence, i_id, e_id,
       reference
FROM (
    SELECT i.rid AS i, e.rid AS e, i.ext_id AS i_id, e.ext_id AS e_id, i.reference, i.reference = e.reference AS same_text,
           i.amount_minor AS i_amount, e.amount_minor - i.amount_minor AS gap, {fee} AS fee,
           {amount_kind} AS amount_kind, {days} AS days
    FROM recon_internal i
    JOIN recon_external e ON e.key = i.key AND e.currency = i.currency
    WHERE {level_one} AND (e.reference = i.reference OR upper(e.reference) = upper(i.reference))
      AND NOT EXISTS (SELECT FROM recon_repeated r WHERE r.key = i.key)
      {heed_i} {heed_e}
    OFFSET 0  -- so that what explains the amount is worked out once a pair
) found
WHERE amount_kind < 5 AND abs(days) <= {window};
ANALYZE recon_exact (i, e);

-- All one-to-one matches of the run: the later levels add theirs here, and whoever reads it sees both.
CREATE TEMP TABLE recon_pair (LIKE recon_exact) WITH (autovacuum_enabled = off);
ALTER TABLE recon_exact INHERIT recon_pair;
