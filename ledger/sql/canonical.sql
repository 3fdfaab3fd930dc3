-- The canonical form of transactions: every fact of each, entries in order, as one text. What the seal hashes.
-- Instants as microseconds, so that no session setting changes them; jsonb prints its keys in one fixed order.
CREATE FUNCTION ledger_canonical(wanted uuid[]) RETURNS TABLE (id uuid, canonical text) LANGUAGE sql STABLE AS $$
    SELECT t.id,
           concat_ws('|', t.id, coalesce(t.partner_id::text, '-'), t.livemode, t.kind, coalesce(t.external_id, '-'),
                     (extract(epoch FROM t.effective_at) * 1000000)::bigint, (extract(epoch FROM t.recorded_at) * 1000000)::bigint,
                     t.description, t.metadata::text, t.subject_type, t.subject_id, coalesce(t.reverses_id::text, '-'),
                     coalesce(t.hold_id::text, '-'), coalesce((extract(epoch FROM t.hold_expires_at) * 1000000)::bigint::text, '-'))
           || E'\n' || coalesce(string_agg(
                concat_ws('|', e.line, e.account_id, e.currency, e.amount_minor, e.layer,
                          (extract(epoch FROM e.effective_at) * 1000000)::bigint, (extract(epoch FROM e.recorded_at) * 1000000)::bigint),
                E'\n' ORDER BY e.line), '')
      FROM unnest(wanted) AS w (id) JOIN ledger_transaction t ON t.id = w.id
      LEFT JOIN ledger_entry e ON e.transaction_id = t.id
     GROUP BY t.id
$$;
