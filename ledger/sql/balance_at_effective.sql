-- The balance of an account as of an effective instant: the last checkpoint before it, the entries between the two,
-- and what the sealer has not taken up yet (the tail) where it is effective before the checkpoint.
-- Consistent because it is one statement: checkpoint, mark and entries come from one snapshot.
WITH mark AS (SELECT xid::xid8 AS xid, transaction_id AS id FROM ledger_sealmark),
checkpoint AS (
    SELECT at, posted_minor, debits_pending, credits_pending
      FROM ledger_checkpoint
     WHERE account_id = %(account)s AND axis = 'e' AND at <= %(at)s
     ORDER BY at DESC LIMIT 1
),
legs AS (
    SELECT amount_minor, layer FROM ledger_entry
     WHERE account_id = %(account)s AND effective_at <= %(at)s
       AND effective_at > coalesce((SELECT at FROM checkpoint), '-infinity')
    UNION ALL
    SELECT e.amount_minor, e.layer
      FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id
     WHERE (t.xid, t.id) > (SELECT xid, coalesce(id, '00000000-0000-0000-0000-000000000000'::uuid) FROM mark)
       AND e.account_id = %(account)s AND e.effective_at <= (SELECT at FROM checkpoint)
)
SELECT (coalesce((SELECT posted_minor FROM checkpoint), 0) + coalesce(sum(amount_minor) FILTER (WHERE layer = 0), 0))::bigint,
       (coalesce((SELECT debits_pending FROM checkpoint), 0)
         + coalesce(sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor > 0) OR (layer = 2 AND amount_minor < 0)), 0))::bigint,
       (coalesce((SELECT credits_pending FROM checkpoint), 0)
         - coalesce(sum(amount_minor) FILTER (WHERE (layer = 1 AND amount_minor < 0) OR (layer = 2 AND amount_minor > 0)), 0))::bigint
  FROM legs
