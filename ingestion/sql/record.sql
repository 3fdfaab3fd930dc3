-- Record one payment: reference, payment, posting and event in one round trip and one transaction.
-- The unique reference decides a race: the loser waits for the winner's commit and then reads what it wrote.
CREATE FUNCTION ingestion_record(
    scope text[], at timestamptz, p_partner uuid, p_livemode boolean, p_source text, p_reference text, p_loan text, p_cif text,
    p_amount bigint, p_currency text, p_amount_text text, p_date timestamptz, p_channel text, p_branch uuid, p_hold_days smallint,
    p_payer text, p_metadata text, debit uuid, credit uuid
) RETURNS TABLE (status text, payment_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    new_id uuid := ingestion_payment_id(p_date);
    hash uuid := ingestion_content(p_amount, p_currency, p_loan, p_cif);
    known record;
    effective timestamptz;
BEGIN
    IF scope IS NOT NULL THEN
        PERFORM set_config('payos.tenant', scope[1], true), set_config('payos.livemode', scope[2], true),
                set_config('payos.platform', scope[3], true), set_config('payos.actor', scope[4], true),
                set_config('payos.ip', scope[5], true), set_config('payos.request_id', scope[6], true),
                set_config('payos.reason', scope[7], true);
    END IF;
    INSERT INTO ingestion_paymentreference (partner_id, livemode, source, reference_number, payment_id, content, seen_at)
    VALUES (p_partner, p_livemode, p_source, p_reference, new_id, hash, at)
    ON CONFLICT (partner_id, livemode, source, reference_number) DO NOTHING;
    IF NOT FOUND THEN
        SELECT r.payment_id AS id, r.content INTO known FROM ingestion_paymentreference r
         WHERE r.partner_id = p_partner AND r.livemode = p_livemode AND r.source = p_source AND r.reference_number = p_reference;
        RETURN QUERY SELECT CASE WHEN known.content = hash THEN 'duplicate' ELSE 'conflict' END, known.id;
        RETURN;
    END IF;
    INSERT INTO ingestion_payment (id, created_at, partner_id, livemode, reference_number, loan_account_number, cif, payer, amount_minor,
                                   currency, payment_date, payment_channel, source, branch_id, metadata, hold_days, state)
    VALUES (new_id, at, p_partner, p_livemode, p_reference, p_loan, p_cif, p_payer::jsonb, p_amount,
            p_currency, p_date, p_channel, p_source, p_branch, p_metadata::jsonb, p_hold_days, 'recorded');
    -- A payment of a closed period is still recorded; its posting goes to the first open instant.
    SELECT max(ends_at) INTO effective FROM ledger_period
     WHERE partner_id = p_partner AND livemode = p_livemode AND closed_at IS NOT NULL AND starts_at <= p_date AND ends_at > p_date;
    PERFORM ledger_post(NULL, ARRAY[gen_random_uuid()], ARRAY[p_partner], ARRAY[p_livemode], ARRAY['payment.recorded'], ARRAY[NULL::text],
                        ARRAY[coalesce(effective, p_date)], at, ARRAY[p_reference], ARRAY['{}'], ARRAY['payment'], ARRAY[new_id::text],
                        ARRAY[NULL::uuid], ARRAY[NULL::uuid], ARRAY[NULL::timestamptz], ARRAY[''],
                        ARRAY[1, 1], ARRAY[1, 2]::smallint[], ARRAY[debit, credit], ARRAY[p_amount, -p_amount], ARRAY[0, 0]::smallint[], 'raise');
    INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)
    VALUES (ingestion_payment_id(at), 'payment.events', 'payment.recorded', 'payment:' || new_id, p_partner, p_livemode,
            jsonb_build_object('payment', jsonb_build_object(
                'object', 'payment', 'id', new_id, 'reference_number', p_reference, 'loan_account_number', p_loan, 'cif', p_cif,
                'amount', p_amount_text, 'currency', p_currency, 'payment_date', p_date, 'payment_channel', p_channel, 'source', p_source,
                'metadata', p_metadata::jsonb)), at);
    RETURN QUERY SELECT 'created', new_id;
END $$;
