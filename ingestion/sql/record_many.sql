-- Record payments that came at the same time from one source: what ingestion_record does for one, in one transaction and a
-- handful of statements for all of them. The order of the references is sorted before they are written, so two batches that
-- meet wait in one direction only; a reference that is given twice is won by its first, within a batch as between batches.
-- Right under concurrency for the same reason: the unique reference decides, and a later statement reads what the winner wrote.
-- Any refusal (a closed account, a closed period's law) undoes the batch; its caller then records each alone.
CREATE FUNCTION ingestion_record_many(
    scope text[], at timestamptz, p_partner uuid, p_livemode boolean, p_source text, p_reference text[], p_loan text[], p_cif text[],
    p_amount bigint[], p_currency text[], p_amount_text text[], p_date timestamptz[], p_channel text[], p_branch uuid[],
    p_hold_days smallint[], p_payer text[], p_metadata text[], p_debit uuid[], p_credit uuid[]
) RETURNS TABLE (place int, status text, payment_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[]; hashes uuid[]; made int[]; effective timestamptz[]; many int;
BEGIN
    IF scope IS NOT NULL THEN
        PERFORM set_config('payos.tenant', scope[1], true), set_config('payos.livemode', scope[2], true),
                set_config('payos.platform', scope[3], true), set_config('payos.actor', scope[4], true),
                set_config('payos.ip', scope[5], true), set_config('payos.request_id', scope[6], true),
                set_config('payos.reason', scope[7], true);
    END IF;
    SELECT array_agg(ingestion_payment_id(g.date) ORDER BY g.n),
           array_agg(ingestion_content(g.amount, g.currency, g.loan, g.cif) ORDER BY g.n)
      INTO ids, hashes
      FROM unnest(p_date, p_amount, p_currency, p_loan, p_cif) WITH ORDINALITY AS g (date, amount, currency, loan, cif, n);

    WITH won AS (
        INSERT INTO ingestion_paymentreference AS r (partner_id, livemode, source, reference_number, payment_id, content, seen_at)
        SELECT p_partner, p_livemode, p_source, g.reference, g.id, g.hash, at
          FROM unnest(p_reference, ids, hashes) WITH ORDINALITY AS g (reference, id, hash, n)
         ORDER BY g.reference, g.n
        ON CONFLICT (partner_id, livemode, source, reference_number) DO NOTHING
        RETURNING r.payment_id
    )
    SELECT coalesce(array_agg(g.n::int ORDER BY g.n), '{}') INTO made
      FROM unnest(ids) WITH ORDINALITY AS g (id, n) JOIN won ON won.payment_id = g.id;
    many := cardinality(made);

    IF many < cardinality(ids) THEN
        RETURN QUERY
        SELECT g.n::int, CASE WHEN r.content = g.hash THEN 'duplicate' ELSE 'conflict' END, r.payment_id
          FROM unnest(p_reference, hashes) WITH ORDINALITY AS g (reference, hash, n)
          JOIN ingestion_paymentreference r ON r.partner_id = p_partner AND r.livemode = p_livemode AND r.source = p_source
                                           AND r.reference_number = g.reference
         WHERE NOT g.n = ANY (made);
        IF many = 0 THEN
            RETURN;
        END IF;
    END IF;

    INSERT INTO ingestion_payment (id, created_at, partner_id, livemode, reference_number, loan_account_number, cif, payer, amount_minor,
                                   currency, payment_date, payment_channel, source, branch_id, metadata, hold_days, state)
    SELECT ids[n], at, p_partner, p_livemode, p_reference[n], p_loan[n], p_cif[n], p_payer[n]::jsonb, p_amount[n],
           p_currency[n], p_date[n], p_channel[n], p_source, p_branch[n], p_metadata[n]::jsonb, p_hold_days[n], 'recorded'
      FROM unnest(made) AS n;

    -- A payment of a closed period is still recorded; its posting goes to the first open instant.
    SELECT array_agg(coalesce((SELECT max(p.ends_at) FROM ledger_period p
                                WHERE p.partner_id = p_partner AND p.livemode = p_livemode AND p.closed_at IS NOT NULL
                                  AND p.starts_at <= p_date[g.n] AND p.ends_at > p_date[g.n]), p_date[g.n]) ORDER BY g.k)
      INTO effective
      FROM unnest(made) WITH ORDINALITY AS g (n, k);

    PERFORM ledger_post(
        NULL, array_agg(gen_random_uuid() ORDER BY g.k), array_fill(p_partner, ARRAY[many]), array_fill(p_livemode, ARRAY[many]),
        array_fill('payment.recorded'::text, ARRAY[many]), array_fill(NULL::text, ARRAY[many]), effective, at,
        array_agg(p_reference[g.n] ORDER BY g.k), array_fill('{}'::text, ARRAY[many]), array_fill('payment'::text, ARRAY[many]),
        array_agg(ids[g.n]::text ORDER BY g.k), array_fill(NULL::uuid, ARRAY[many]), array_fill(NULL::uuid, ARRAY[many]),
        array_fill(NULL::timestamptz, ARRAY[many]), array_fill(''::text, ARRAY[many]),
        array_agg(g.k::int ORDER BY g.k) || array_agg(g.k::int ORDER BY g.k),
        array_fill(1::smallint, ARRAY[many]) || array_fill(2::smallint, ARRAY[many]),
        array_agg(p_debit[g.n] ORDER BY g.k) || array_agg(p_credit[g.n] ORDER BY g.k),
        array_agg(p_amount[g.n] ORDER BY g.k) || array_agg(-p_amount[g.n] ORDER BY g.k),
        array_fill(0::smallint, ARRAY[2 * many]), 'raise')
      FROM unnest(made) WITH ORDINALITY AS g (n, k);

    INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)
    SELECT ingestion_payment_id(at), 'payment.events', 'payment.recorded', 'payment:' || ids[n], p_partner, p_livemode,
           jsonb_build_object('payment', jsonb_build_object(
               'object', 'payment', 'id', ids[n], 'reference_number', p_reference[n], 'loan_account_number', p_loan[n], 'cif', p_cif[n],
               'amount', p_amount_text[n], 'currency', p_currency[n], 'payment_date', p_date[n], 'payment_channel', p_channel[n],
               'source', p_source, 'metadata', p_metadata[n]::jsonb)), at
      FROM unnest(made) AS n;

    RETURN QUERY SELECT n, 'created'::text, ids[n] FROM unnest(made) AS n;
END $$;
