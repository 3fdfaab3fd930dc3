-- Items of ours that the statement has not shown yet.
SELECT i.item_type || ':' || i.item_id, i.day, i.amount_minor, i.reference, sum(i.amount_minor) OVER ()::bigint
  FROM reconciliation_item i
 WHERE i.currency = %(currency)s AND i.livemode = %(livemode)s AND (%(partner)s::uuid IS NULL OR i.partner_id = %(partner)s::uuid)
   AND (i.rail_code = %(rail)s OR i.channel = ANY(%(channels)s)) AND i.day <= %(on)s
   AND NOT EXISTS (SELECT 1 FROM reconciliation_matchitem m WHERE m.item_type = i.item_type AND m.item_id = i.item_id AND m.active)
 ORDER BY abs(i.amount_minor) DESC, i.item_id
 LIMIT %(limit)s
