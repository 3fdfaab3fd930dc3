-- Transactions whose entries do not sum to zero per currency and layer, and transactions with no entries at all.
SELECT transaction_id, currency, sum(amount_minor) FROM ledger_entry
 WHERE %(partner)s::uuid IS NULL OR partner_id = %(partner)s::uuid
 GROUP BY transaction_id, currency, layer > 0 HAVING sum(amount_minor) <> 0
UNION ALL
SELECT t.id, '(no entries)', 0 FROM ledger_transaction t
 WHERE (%(partner)s::uuid IS NULL OR t.partner_id = %(partner)s::uuid)
   AND NOT EXISTS (SELECT 1 FROM ledger_entry e WHERE e.transaction_id = t.id)
UNION ALL
SELECT e.transaction_id, '(no transaction)', count(*) FROM ledger_entry e
 WHERE (%(partner)s::uuid IS NULL OR e.partner_id = %(partner)s::uuid)
   AND NOT EXISTS (SELECT 1 FROM ledger_transaction t WHERE t.id = e.transaction_id)
 GROUP BY e.transaction_id
