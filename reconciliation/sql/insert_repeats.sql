-- Lines of a chunk that another statement brought before: kept by name, so that reading that one again does not lose them.
-- The account's advisory lock is held; a chunk that comes again changes nothing.
INSERT INTO reconciliation_linerepeat (line_id, statement_id, partner_id)
SELECT l.id, %(statement)s, %(partner)s
  FROM unnest(%(c13)s::uuid[], %(c14)s::int[]) AS n (content, occurrence)
  JOIN reconciliation_statementline l ON l.account_id = %(account)s AND l.content = n.content AND l.occurrence = n.occurrence
 WHERE l.statement_id <> %(statement)s
ON CONFLICT DO NOTHING
