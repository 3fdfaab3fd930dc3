-- Our open side of an account, for the engine. The id carries type and key; the order makes runs repeatable.
SELECT i.item_type || ':' || i.item_id, i.day, i.amount_minor, i.currency, i.reference, i.counterparty, i.description, i.kind,
       i.batch_id, i.fee_minor
  FROM reconciliation_item i
 WHERE i.currency = %(currency)s AND i.livemode = %(livemode)s
   AND (%(partner)s::uuid IS NULL OR i.partner_id = %(partner)s::uuid)
   AND (i.rail_code = %(rail)s OR i.channel = ANY(%(channels)s))
   AND i.day >= %(since)s
   AND NOT EXISTS (SELECT 1 FROM reconciliation_matchitem m WHERE m.item_type = i.item_type AND m.item_id = i.item_id AND m.active)
 ORDER BY i.day, i.item_type, i.item_id
