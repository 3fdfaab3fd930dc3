-- Holds whose remaining amount is not what their entries leave.
SELECT h.transaction_id, h.remaining_minor, h.amount_minor + coalesce(r.released, 0)
  FROM ledger_hold h
  LEFT JOIN (SELECT t.hold_id, sum(e.amount_minor) AS released
               FROM ledger_transaction t JOIN ledger_entry e ON e.transaction_id = t.id AND e.layer = 2 AND e.amount_minor < 0
              WHERE t.hold_id IS NOT NULL GROUP BY t.hold_id) AS r ON r.hold_id = h.transaction_id
 WHERE (%(partner)s::uuid IS NULL OR h.partner_id = %(partner)s::uuid)
   AND h.remaining_minor <> h.amount_minor + coalesce(r.released, 0)
