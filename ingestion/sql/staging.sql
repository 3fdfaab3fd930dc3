-- One batch of the staging processor: claim, check, dedup, insert, post, publish, mark: all in the caller's transaction.
-- Right under concurrency: rows are claimed with SKIP LOCKED, so several workers share the table; a reference that
-- another transaction is just recording makes this one wait at the unique index and then lose; what lost is told apart
-- by a later statement, which sees the winner's commit. `only` processes given rows again (bisecting a failed batch).
CREATE OR REPLACE FUNCTION ingestion_process_staging(batch int, at timestamptz, postings boolean, only_ids bigint[])
RETURNS TABLE (first_row bigint, last_row bigint, total int, created int, duplicates int, conflicts int, rejected int)
LANGUAGE plpgsql AS $$
DECLARE good int; won int;
BEGIN
    CREATE TEMP TABLE IF NOT EXISTS staging_batch (
        row_id bigint, partner_id uuid, livemode boolean, source text, reference text, loan text, cif text, amount_minor bigint,
        amount_text text, currency text, payment_date timestamptz, channel text, branch_id uuid, hold_days smallint, metadata jsonb, payment_id uuid,
        content uuid, effective_at timestamptz, outcome text, why text
    ) ON COMMIT DELETE ROWS;
    TRUNCATE staging_batch;

    INSERT INTO staging_batch
    SELECT s.id, s.partner_id, s.livemode, coalesce(s.source, 'staging'), btrim(s.reference_number), coalesce(btrim(s.loan_account_number), ''),
           coalesce(btrim(s.cif), ''), CASE WHEN c.why IS NULL THEN (s.amount * k.factor)::bigint END, trim_scale(s.amount)::text,
           s.currency, s.payment_date, coalesce(nullif(btrim(s.payment_channel), ''), 'staging'), b.id, coalesce(b.holding_days, 0),
           coalesce(s.metadata, '{}'), CASE WHEN c.why IS NULL THEN ingestion_payment_id(s.payment_date) END,
           CASE WHEN c.why IS NULL THEN ingestion_content((s.amount * k.factor)::bigint, s.currency, coalesce(btrim(s.loan_account_number), ''), coalesce(btrim(s.cif), '')) END,
           s.payment_date, CASE WHEN c.why IS NULL THEN 'created' ELSE 'rejected' END, c.why
      FROM (SELECT * FROM payment_staging w
             WHERE NOT w.processed AND (only_ids IS NULL OR w.id = ANY(only_ids))
             ORDER BY w.id LIMIT batch FOR UPDATE SKIP LOCKED) AS s
      LEFT JOIN ingestion_currency k ON k.code = s.currency
      LEFT JOIN partners_partner p ON p.id = s.partner_id
      LEFT JOIN partners_branch b ON b.partner_id = s.partner_id AND b.livemode = s.livemode AND b.code = s.branch_code
     CROSS JOIN LATERAL (SELECT CASE
           WHEN p.id IS NULL THEN 'partner: there is no such partner'
           WHEN s.reference_number IS NULL OR btrim(s.reference_number) = '' THEN 'reference_number: is missing'
           WHEN length(s.reference_number) > 120 OR s.reference_number ~ '[[:cntrl:]]' THEN 'reference_number: has more than 120 or unprintable characters'
           WHEN length(s.loan_account_number) > 64 OR length(s.cif) > 64 THEN 'loan_account_number or cif: has more than 64 characters'
           WHEN length(s.payment_channel) > 40 OR length(s.source) > 60 THEN 'payment_channel or source: is too long'
           WHEN s.amount IS NULL THEN 'amount: is missing'
           WHEN s.amount = 'NaN' THEN 'amount: is not a number'
           WHEN s.amount <= 0 THEN 'amount: must be positive'
           WHEN k.code IS NULL THEN 'currency: is no known currency'
           WHEN s.amount * k.factor <> trunc(s.amount * k.factor) THEN 'amount: has more decimal places than ' || s.currency
           WHEN s.amount * k.factor > 9223372036854775807 THEN 'amount: is larger than the ledger can hold'
           WHEN s.payment_date IS NULL THEN 'payment_date: is missing'
           WHEN s.payment_date > at + interval '2 days' THEN 'payment_date: lies in the future'
           WHEN s.payment_date < at - interval '10 years' THEN 'payment_date: lies more than ten years back'
           WHEN s.branch_code IS NOT NULL AND b.id IS NULL THEN 'branch_code: the partner has no such branch'
           WHEN pg_column_size(s.metadata) > 65536 THEN 'metadata: is over 64 KB'
           END AS why
           OFFSET 0) AS c;  -- judged once a row, not once for each column that asks

    -- Sorted, so that two workers that meet wait for each other in one direction only. A good row counts as created from the
    -- start: nearly all are, and only those that lose here are written again.
    SELECT count(*) INTO good FROM staging_batch s WHERE s.outcome = 'created';
    INSERT INTO ingestion_paymentreference AS r (partner_id, livemode, source, reference_number, payment_id, content, seen_at)
    SELECT s.partner_id, s.livemode, s.source, s.reference, s.payment_id, s.content, at
      FROM staging_batch s WHERE s.outcome = 'created'
     ORDER BY s.partner_id, s.livemode, s.source, s.reference, s.row_id
    ON CONFLICT (partner_id, livemode, source, reference_number) DO NOTHING;
    GET DIAGNOSTICS won = ROW_COUNT;

    IF won < good THEN
        UPDATE staging_batch s
           SET outcome = CASE WHEN r.content = s.content THEN 'duplicate' ELSE 'conflict' END, payment_id = r.payment_id,
               why = CASE WHEN r.content <> s.content THEN 'reference_number: was recorded with another amount or account' END
          FROM ingestion_paymentreference r
         WHERE s.outcome = 'created' AND r.partner_id = s.partner_id AND r.livemode = s.livemode AND r.source = s.source
           AND r.reference_number = s.reference AND r.payment_id <> s.payment_id;
    END IF;

    INSERT INTO ingestion_payment (id, created_at, partner_id, livemode, reference_number, loan_account_number, cif, amount_minor, currency,
                                   payment_date, payment_channel, source, branch_id, metadata, hold_days, state)
    SELECT s.payment_id, at, s.partner_id, s.livemode, s.reference, s.loan, s.cif, s.amount_minor, s.currency,
           s.payment_date, s.channel, s.source, s.branch_id, s.metadata, s.hold_days, 'recorded'
      FROM staging_batch s WHERE s.outcome = 'created';

    IF postings THEN
        PERFORM ingestion_post_batch(at);
    END IF;

    INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at)
    SELECT gen_random_uuid(), 'payment.events', 'payment.recorded', 'payment:' || s.payment_id, s.partner_id, s.livemode,
           jsonb_build_object('payment', jsonb_build_object(
               'object', 'payment', 'id', s.payment_id, 'reference_number', s.reference, 'loan_account_number', s.loan, 'cif', s.cif,
               'amount', s.amount_text, 'currency', s.currency, 'payment_date', s.payment_date, 'payment_channel', s.channel,
               'source', s.source, 'metadata', s.metadata)), at
      FROM staging_batch s WHERE s.outcome = 'created';

    UPDATE payment_staging w
       SET processed = true, processed_at = at, outcome = s.outcome, error = s.why, payment_id = s.payment_id
      FROM staging_batch s WHERE w.id = s.row_id;

    RETURN QUERY SELECT min(s.row_id), max(s.row_id), count(*)::int, (count(*) FILTER (WHERE s.outcome = 'created'))::int,
                        (count(*) FILTER (WHERE s.outcome = 'duplicate'))::int, (count(*) FILTER (WHERE s.outcome = 'conflict'))::int,
                        (count(*) FILTER (WHERE s.outcome = 'rejected'))::int
                   FROM staging_batch s;
END $$;

-- The postings of the batch: receivable of the channel against what the partner may have now or after the holding period.
CREATE OR REPLACE FUNCTION ingestion_post_batch(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM ledger_period WHERE closed_at IS NOT NULL) THEN
        UPDATE staging_batch s SET effective_at = p.ends_at
          FROM ledger_period p
         WHERE p.partner_id = s.partner_id AND p.livemode = s.livemode AND p.closed_at IS NOT NULL
           AND s.payment_date >= p.starts_at AND s.payment_date < p.ends_at;
    END IF;
    PERFORM ledger_post(NULL, array_agg(gen_random_uuid()), array_agg(n.partner_id), array_agg(n.livemode),
               array_fill('payment.recorded'::text, ARRAY[count(*)::int]), array_fill(NULL::text, ARRAY[count(*)::int]),
               array_agg(n.effective_at), at, array_agg(n.reference), array_fill('{}'::text, ARRAY[count(*)::int]),
               array_fill('payment'::text, ARRAY[count(*)::int]), array_agg(n.payment_id::text),
               array_fill(NULL::uuid, ARRAY[count(*)::int]), array_fill(NULL::uuid, ARRAY[count(*)::int]),
               array_fill(NULL::timestamptz, ARRAY[count(*)::int]), array_fill(''::text, ARRAY[count(*)::int]),
               array_agg(n.place) || array_agg(n.place), array_fill(1::smallint, ARRAY[count(*)::int]) || array_fill(2::smallint, ARRAY[count(*)::int]),
               array_agg(n.debit) || array_agg(n.credit), array_agg(n.amount_minor) || array_agg(-n.amount_minor),
               array_fill(0::smallint, ARRAY[2 * count(*)::int]), 'raise')
       FROM (SELECT s.*, (row_number() OVER (ORDER BY s.row_id))::int AS place, d.id AS debit, c.id AS credit
               FROM staging_batch s
               LEFT JOIN ledger_account d ON d.partner_id = s.partner_id AND d.livemode = s.livemode AND d.currency = s.currency
                                    AND d.code = 'receivable:' || s.channel AND d.branch_id IS NULL
               LEFT JOIN ledger_account c ON c.partner_id = s.partner_id AND c.livemode = s.livemode AND c.currency = s.currency
                                    AND c.code = CASE WHEN s.hold_days > 0 THEN 'partner:pending' ELSE 'partner:available' END AND c.branch_id IS NULL
              WHERE s.outcome = 'created') AS n
     HAVING count(*) > 0;
END $$;
