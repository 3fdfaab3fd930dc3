-- The account's open lines, for the engine.
SELECT l.id::text, l.value_on, l.amount_minor, l.currency, l.reference, l.counterparty, l.description, l.type_code, l.batch_id, l.fee_minor
  FROM reconciliation_statementline l
 WHERE l.account_id = %(account)s AND l.state = 'open' AND l.value_on >= %(since)s
 ORDER BY l.value_on, l.id
