-- The balances of accounts as of an instant of one axis of time ({time} is its column, '{axis}' its letter): for each the
-- last checkpoint before it, the entries between the two, and what the sealer has not taken up yet (the tail) where it
-- lies at or before the checkpoint. Consistent because it is one statement: checkpoint, mark and entries come from one snapshot.
WITH mark AS (SELECT xid::xid8 AS xid, transaction_id AS id FROM ledger_sealmark),
tail AS MATERIALIZED (
    -- OFFSET 0 keeps this a look-up by transaction: the tail is short, while the accounts may be long.
    SELECT e.account_id, e.amount_minor, e.layer, e.at
      FROM ledger_transaction t
     CROSS JOIN LATERAL (SELECT account_id, amount_minor, layer, {time} AS at FROM ledger_entry WHERE transaction_id = t.id OFFSET 0) AS e
     WHERE (t.xid, t.id) > (SELECT xid, coalesce(id, '00000000-0000-0000-0000-000000000000'::uuid) FROM mark)
       AND e.account_id = ANY(%(accounts)s) AND e.at <= %(at)s
)
SELECT asked.id,
       (c.posted_minor + coalesce(sums.posted, 0))::bigint,
       (c.debits_pending + coalesce(sums.debits, 0))::bigint,
       (c.credits_pending - coalesce(sums.credits, 0))::bigint
  FROM unnest(%(accounts)s::uuid[]) AS asked (id)
 -- The bound is a plain column below: row-level security lets no coalesce() into an index condition.
 CROSS JOIN LATERAL (
    SELECT coalesce(k.at, '-infinity') AS at, coalesce(k.posted_minor, 0) AS posted_minor,
           coalesce(k.debits_pending, 0) AS debits_pending, coalesce(k.credits_pending, 0) AS credits_pending
      FROM (SELECT 1) AS always
      LEFT JOIN LATERAL (SELECT * FROM ledger_checkpoint x
                          WHERE x.account_id = asked.id AND x.axis = '{axis}' AND x.at <= %(at)s ORDER BY x.at DESC LIMIT 1) AS k ON true
    OFFSET 0) AS c
 CROSS JOIN LATERAL (
    SELECT sum(amount_minor) FILTER (WHERE layer = 0) AS posted,
           sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor > 0) OR (layer = 2 AND amount_minor < 0)) AS debits,
           sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor < 0) OR (layer = 2 AND amount_minor > 0)) AS credits
      FROM (SELECT e.amount_minor, e.layer FROM ledger_entry e
             WHERE e.account_id = asked.id AND e.{time} <= %(at)s AND e.{time} > c.at
            UNION ALL
            SELECT t.amount_minor, t.layer FROM tail t WHERE t.account_id = asked.id AND t.at <= c.at) AS legs) AS sums
