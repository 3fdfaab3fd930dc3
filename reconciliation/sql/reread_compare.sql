-- What a new reading of a file changes. The account's advisory lock is held, so no other file adds lines in between.
-- A kept line that is not read again is "gone", unless another file brought it too: then it stays ("elsewhere"). One read
-- that is not kept is "added"; a gone and an added one that stand on the same words of the file are one line that is read
-- differently: "changed". A line that is known again by its content may still have another reference, booking day, batch or
-- fee, which are no part of what it is known by: it is "changed" where it stands (`in_place`). A line read that another
-- file brought before is there already. Lines set aside by an earlier reading and read again now come back.
CREATE TEMPORARY TABLE reconciliation_difference ON COMMIT DROP AS
WITH file_statement AS (
    SELECT id FROM reconciliation_statement WHERE file_sha256 = %(sha256)s AND livemode = %(livemode)s AND partner_id IS NOT DISTINCT FROM %(partner)s
), kept AS (
    SELECT l.* FROM reconciliation_statementline l
     WHERE l.statement_id IN (SELECT id FROM file_statement) AND l.state <> 'replaced'
       AND l.part_of_id IS NULL  -- parts are ours; the line that was split is what the file said
), not_read AS (
    SELECT k.*, (SELECT min(r.statement_id::text)::uuid FROM reconciliation_linerepeat r
                  WHERE r.line_id = k.id AND r.statement_id NOT IN (SELECT id FROM file_statement)) AS elsewhere
      FROM kept k LEFT JOIN reconciliation_reread n USING (account_id, content, occurrence) WHERE n.content IS NULL
), gone AS (
    SELECT k.*, row_number() OVER (PARTITION BY k.account_id, k.raw ORDER BY k.id) AS place FROM not_read k WHERE k.elsewhere IS NULL
), added AS (
    SELECT n.*, row_number() OVER (PARTITION BY n.account_id, n.raw ORDER BY n.value_on, n.amount_minor, n.content, n.occurrence) AS place
      FROM reconciliation_reread n LEFT JOIN reconciliation_statementline l USING (account_id, content, occurrence)
     WHERE l.id IS NULL OR l.state = 'replaced'
), said AS (
    SELECT CASE WHEN g.id IS NULL THEN 'added' WHEN a.content IS NULL THEN 'gone' ELSE 'changed' END AS kind, false AS in_place,
           g.id AS line_id, g.state, NULL::uuid AS elsewhere, coalesce(g.account_id, a.account_id) AS account_id,
           g.value_on AS old_value_on, g.amount_minor AS old_amount, g.currency AS old_currency, g.reference AS old_reference,
           g.counterparty AS old_counterparty, g.description AS old_description, g.booked_on AS old_booked_on, g.batch_id AS old_batch, g.fee_minor AS old_fee,
           a.value_on, a.amount_minor AS amount, a.currency, a.reference, a.counterparty, a.description, a.booked_on, a.batch_id AS batch,
           a.fee_minor AS fee, a.content, a.occurrence
      FROM gone g FULL JOIN added a ON a.account_id = g.account_id AND a.raw = g.raw AND a.place = g.place AND g.raw <> ''
    UNION ALL
    SELECT 'changed', true, k.id, k.state, NULL, k.account_id, k.value_on, k.amount_minor, k.currency, k.reference, k.counterparty, k.description,
           k.booked_on, k.batch_id, k.fee_minor, n.value_on, n.amount_minor, n.currency, n.reference, n.counterparty, n.description, n.booked_on, n.batch_id,
           n.fee_minor, n.content, n.occurrence
      FROM kept k JOIN reconciliation_reread n USING (account_id, content, occurrence)
     WHERE (k.reference, k.booked_on, k.batch_id, k.fee_minor) IS DISTINCT FROM (n.reference, n.booked_on, n.batch_id, n.fee_minor)
    UNION ALL
    SELECT 'elsewhere', true, k.id, k.state, k.elsewhere, k.account_id, k.value_on, k.amount_minor, k.currency, k.reference, k.counterparty, k.description,
           k.booked_on, k.batch_id, k.fee_minor, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
      FROM not_read k WHERE k.elsewhere IS NOT NULL
)
SELECT said.*, md5(concat_ws('|', kind, line_id, state, account_id, content, occurrence, reference, booked_on, batch, coalesce(fee::text, '-'))) AS digest
  FROM said
