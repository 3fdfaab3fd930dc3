-- Transactions that the sealer's mark has passed and that have no seal: slipped in behind it, or their seal is gone.
SELECT t.id FROM ledger_transaction t, ledger_sealmark m
 WHERE (t.xid, t.id) <= (m.xid::xid8, coalesce(m.transaction_id, '00000000-0000-0000-0000-000000000000'::uuid))
   AND (%(partner)s::uuid IS NULL OR t.partner_id = %(partner)s::uuid)
   AND NOT EXISTS (SELECT 1 FROM ledger_seal s WHERE s.transaction_id = t.id)
 ORDER BY t.xid, t.id LIMIT 100
