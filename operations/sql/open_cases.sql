-- Opens many cases in one statement; a cause that already has an unresolved case counts that case up.
--
-- Right under concurrency: the partial unique index (cause_key WHERE NOT state = 'resolved') decides. Of two sessions that
-- open the same cause at once the second waits for the first to commit and then takes the DO UPDATE branch, so no
-- occurrence is lost and no cause is doubled. The rows come sorted by cause, so two batches never wait crosswise.
-- `fresh` is true for rows made here: a row that was updated carries the xmax of its lock.
INSERT INTO operations_case AS c (
    id, created_at, livemode, partner_id, branch_id, kind, cause_key, title, detail, subject_type, subject_id, rail,
    amount_minor, currency, severity, reason_code, suggested_actions, "references", data, state, occurrences,
    last_seen_at, due_at, resolution, resolution_note
)
SELECT
    r.id, %(now)s, r.livemode, r.partner_id, r.branch_id, r.kind, r.cause_key, r.title, r.detail, r.subject_type,
    r.subject_id, r.rail, r.amount_minor, r.currency, r.severity, r.reason_code,
    ARRAY(SELECT jsonb_array_elements_text(r.suggested_actions)),
    ARRAY(SELECT jsonb_array_elements_text(r."references")),
    r.data, 'open', r.occurrences, %(now)s, r.due_at, '', ''
FROM jsonb_to_recordset(%(rows)s) AS r (
    id uuid, livemode boolean, partner_id uuid, branch_id uuid, kind text, cause_key text, title text, detail text,
    subject_type text, subject_id text, rail text, amount_minor bigint, currency text, severity smallint,
    reason_code text, suggested_actions jsonb, "references" jsonb, data jsonb, occurrences integer, due_at timestamptz
)
ORDER BY r.cause_key
ON CONFLICT (cause_key) WHERE NOT (state = 'resolved') DO UPDATE SET
    occurrences = c.occurrences + excluded.occurrences,
    last_seen_at = excluded.last_seen_at,
    title = excluded.title,
    detail = excluded.detail,
    amount_minor = excluded.amount_minor,
    currency = excluded.currency,
    severity = GREATEST(c.severity, excluded.severity),
    due_at = LEAST(c.due_at, excluded.due_at),
    data = c.data || excluded.data
RETURNING c.id, c.cause_key, c.occurrences, c.partner_id, c.livemode, (c.xmax = 0) AS fresh
