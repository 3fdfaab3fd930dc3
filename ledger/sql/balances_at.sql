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
       (coalesce(c.posted_minor, 0) + coalesce(sums.posted, 0))::bigint,
       (coalesce(c.debits_pending, 0) + coalesce(sums.debits, 0))::bigint,
       (coalesce(c.credits_pending, 0) - coalesce(sums.credits, 0))::bigint
  FROM unnest(%(accounts)s::uuid[]) AS asked (id)
  LEFT JOIN LATERAL (SELECT k.at, k.posted_minor, k.debits_pending, k.credits_pending FROM ledger_checkpoint k
                      WHERE k.account_id = asked.id AND k.axis = '{axis}' AND k.at <= %(at)s ORDER BY k.at DESC LIMIT 1) AS c ON true
 CROSS JOIN LATERAL (
    SELECT sum(amount_minor) FILTER (WHERE layer = 0) AS posted,
           sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor > 0) OR (layer = 2 AND amount_minor < 0)) AS debits,
           sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor < 0) OR (layer = 2 AND amount_minor > 0)) AS credits
      FROM (SELECT e.amount_minor, e.layer FROM ledger_entry e
             WHERE e.account_id = asked.id AND e.{time} <= %(at)s AND e.{time} > coalesce(c.at, '-infinity')
            UNION ALL
            SELECT t.amount_minor, t.layer FROM tail t WHERE t.account_id = asked.id AND t.at <= c.at) AS legs) AS sums
