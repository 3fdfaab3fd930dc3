-- Everything of ours that can appear on a statement, in one shape: signed as the bank sees it (money in is positive).
-- security_invoker: whoever reads it sees what row-level security lets them see of the tables underneath.
-- `open`: not claimed by a standing match. A returned transfer is two movements: out, and back in.
CREATE VIEW reconciliation_item WITH (security_invoker = true) AS
SELECT 'transfer'::text AS item_type, t.id AS item_id, t.partner_id, t.livemode, r.code AS rail_code, ''::text AS channel,
       (coalesce(t.settled_at, t.submitted_at, t.created_at) AT TIME ZONE 'UTC')::date AS day,
       -coalesce(t.executed_minor, t.amount_minor) AS amount_minor, t.amount_minor AS booked_minor, t.currency::text,
       coalesce(s.reference, '')::text AS reference, t.destination_label::text AS counterparty,
       concat_ws(' ', nullif(t.reference, ''), nullif(t.description, ''), nullif(s.rail_reference, '')) AS description,
       'transfer'::text AS kind, coalesce(t.settlement_batch_id::text, '') AS batch_id, NULL::bigint AS fee_minor,
       t.state::text AS state
  FROM settlement_transfer t
  JOIN settlement_rail r ON r.id = t.rail_id
  LEFT JOIN settlement_submission s ON s.transfer_id = t.id AND s.number = t.attempts
 WHERE t.state IN ('settled', 'reconciled') OR (t.state = 'returned' AND t.settled_at IS NOT NULL)
UNION ALL
SELECT 'transfer_return', t.id, t.partner_id, t.livemode, r.code, '',
       (coalesce(s.answered_at, t.settled_at) AT TIME ZONE 'UTC')::date, coalesce(t.executed_minor, t.amount_minor), t.amount_minor, t.currency::text,
       coalesce(s.reference, ''), t.destination_label, concat_ws(' ', 'RETURN', t.failure_code, nullif(t.reference, '')),
       'return', '', NULL, t.state::text
  FROM settlement_transfer t
  JOIN settlement_rail r ON r.id = t.rail_id
  LEFT JOIN settlement_submission s ON s.transfer_id = t.id AND s.number = t.attempts
 WHERE t.state = 'returned' AND t.settled_at IS NOT NULL
UNION ALL
SELECT 'payment', p.id, p.partner_id, p.livemode, '', p.payment_channel::text,
       (p.payment_date AT TIME ZONE 'UTC')::date, p.amount_minor, p.amount_minor, p.currency::text,
       p.reference_number::text, coalesce(p.payer ->> 'name', ''), concat_ws(' ', nullif(p.loan_account_number, ''), nullif(p.cif, '')),
       'payment', coalesce(p.metadata ->> 'payout_id', ''), NULL, p.state::text
  FROM ingestion_payment p
 WHERE p.state IN ('recorded', 'settled', 'reconciled');

-- Safe for everybody: with security_invoker the reader's own rights and policies decide what it shows.
GRANT SELECT ON reconciliation_item TO PUBLIC;

CREATE FUNCTION reconciliation_new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT ingestion_payment_id(clock_timestamp())
$$;
