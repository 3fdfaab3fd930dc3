-- Seals in the order of each chain with what they sealed, as it reads today.
SELECT s.partner_id, s.position, s.transaction_id, s.hash,
       (SELECT c.canonical FROM ledger_canonical(ARRAY[s.transaction_id]) AS c),
       (SELECT t.partner_id FROM ledger_transaction t WHERE t.id = s.transaction_id)
  FROM ledger_seal s
 WHERE %(partner)s::uuid IS NULL OR s.partner_id = %(partner)s::uuid
 ORDER BY s.partner_id, s.position
