-- The next transactions in the order of the chain: by database transaction, then by id. Only what every snapshot from
-- now on agrees about (below the oldest running transaction) is taken, so a late commit can never fall before the mark.
SELECT t.id, t.xid::text, coalesce(t.partner_id, '00000000-0000-0000-0000-000000000000'::uuid)
  FROM ledger_transaction t
 WHERE (t.xid, t.id) > (%(xid)s::xid8, coalesce(%(id)s::uuid, '00000000-0000-0000-0000-000000000000'::uuid))
   AND t.xid < pg_snapshot_xmin(pg_current_snapshot())
 ORDER BY t.xid, t.id
 LIMIT %(limit)s
