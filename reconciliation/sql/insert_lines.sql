-- A chunk of lines; those that another statement brought before are left out by the unique content. The account's
-- advisory lock is held, so two files of one account never interleave.
INSERT INTO reconciliation_statementline (id, created_at, partner_id, livemode, account_id, statement_id, value_on, booked_on, amount_minor,
       currency, reference, "references", counterparty, description, type_code, batch_id, fee_minor, raw, content, occurrence, state, position)
SELECT n.id, %(now)s, %(partner)s, %(livemode)s, %(account)s, %(statement)s, n.value_on, n.booked_on, n.amount, n.currency, n.reference,
       n.refs::jsonb, n.counterparty, n.description, n.type_code, n.batch_id, n.fee, n.raw, n.content, n.occurrence, 'open', ''
  FROM unnest(%(c0)s::uuid[], %(c1)s::date[], %(c2)s::date[], %(c3)s::bigint[], %(c4)s::text[], %(c5)s::text[], %(c6)s::text[],
              %(c7)s::text[], %(c8)s::text[], %(c9)s::text[], %(c10)s::text[], %(c11)s::bigint[], %(c12)s::text[], %(c13)s::uuid[], %(c14)s::int[])
       AS n (id, value_on, booked_on, amount, currency, reference, refs, counterparty, description, type_code, batch_id, fee, raw, content, occurrence)
ON CONFLICT (account_id, content, occurrence)
-- A line that a better reading set aside and that is brought again counts again, as it is read now; any other stays as it is.
DO UPDATE SET state = 'open', statement_id = excluded.statement_id, booked_on = excluded.booked_on, reference = excluded.reference,
              batch_id = excluded.batch_id, fee_minor = excluded.fee_minor, raw = excluded.raw
 WHERE reconciliation_statementline.state = 'replaced'
