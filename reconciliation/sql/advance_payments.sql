-- Payments whose money the bank has now confirmed: moved on, and their partners told, in one statement. A payment that was
-- confirmed before and taken back again (its state is then 'settled') is not told of twice. Right under concurrency: the
-- matches are made under the account's lock, and a row that somebody changed meanwhile is held against the condition again.
WITH moved AS (
    UPDATE ingestion_payment p SET state = 'reconciled'
      FROM reconciliation_matchitem i
      JOIN ingestion_payment was ON was.id = i.item_id
     WHERE i.match_id = ANY(%(ids)s) AND i.active AND i.item_type = 'payment' AND p.id = i.item_id AND p.state IN ('recorded', 'settled')
    RETURNING p.*, was.state AS state_before
)
INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)
SELECT ingestion_payment_id(%(at)s), 'payment.events', 'payment.settled', 'payment:' || m.id, m.partner_id, m.livemode,
       jsonb_build_object('payment', jsonb_build_object(
           'object', 'payment', 'id', m.id, 'reference_number', m.reference_number, 'loan_account_number', m.loan_account_number,
           'cif', m.cif, 'amount', round(m.amount_minor / k.factor::numeric, length(k.factor::text) - 1)::text, 'currency', m.currency,
           'payment_date', m.payment_date, 'payment_channel', m.payment_channel, 'source', m.source, 'metadata', m.metadata)), %(at)s
  FROM moved m JOIN ingestion_currency k ON k.code = m.currency
 WHERE m.state_before = 'recorded'
