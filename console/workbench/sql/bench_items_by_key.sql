-- Items named by suggestions or by the discrepancy, where no active match claims them.
SELECT i.item_type, i.item_id, i.day, i.amount_minor, i.reference, i.counterparty, i.description
FROM unnest(%(kinds)s::text[], %(keys)s::uuid[]) AS wanted (kind, key)
JOIN reconciliation_item i ON i.item_type = wanted.kind AND i.item_id = wanted.key
WHERE NOT EXISTS (
    SELECT 1 FROM reconciliation_matchitem m WHERE m.item_type = i.item_type AND m.item_id = i.item_id AND m.active
)
LIMIT 400
