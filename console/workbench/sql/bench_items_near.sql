-- Open items near a line: of the account's rail or channels, made within some days (a range of the key), nearest amount first.
SELECT i.item_type, i.item_id, i.day, i.amount_minor, i.reference, i.counterparty, i.description
FROM reconciliation_item i
WHERE i.currency = %(currency)s
  AND i.livemode = %(livemode)s
  AND (%(partner)s::uuid IS NULL OR i.partner_id = %(partner)s::uuid)
  AND (i.rail_code = %(rail)s OR i.channel = ANY(%(channels)s::text[]))
  AND i.state <> 'reconciled'
  AND i.item_id >= %(first_id)s AND i.item_id < %(last_id)s
  AND (%(search)s = '' OR i.reference = %(search)s OR i.description ILIKE '%%' || %(search)s || '%%')
  AND NOT EXISTS (
      SELECT 1 FROM reconciliation_matchitem m WHERE m.item_type = i.item_type AND m.item_id = i.item_id AND m.active
  )
ORDER BY abs(i.amount_minor - %(amount)s), i.item_id
LIMIT %(limit)s
