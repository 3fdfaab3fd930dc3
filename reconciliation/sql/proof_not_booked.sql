-- Lines that nothing of ours explains yet.
SELECT l.id, l.value_on, l.amount_minor, l.reference, left(l.description, 120), sum(l.amount_minor) OVER ()::bigint
  FROM reconciliation_statementline l
 WHERE l.account_id = %(account)s AND l.value_on <= %(on)s AND l.state IN ('open', 'ignored')
 ORDER BY abs(l.amount_minor) DESC, l.id
 LIMIT %(limit)s
