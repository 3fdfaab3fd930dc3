-- What a new reading of a file changes. The account's advisory lock is held, so no other file adds lines in between.
-- A kept line that is not read again is "gone"; one read that is not kept is "added"; a gone and an added one that stand
-- on the same words of the file are one line that is read differently: "changed". A line read that another file brought
-- before is there already. Lines set aside by an earlier reading and read again now come back.
CREATE TEMPORARY TABLE reconciliation_difference ON COMMIT DROP AS
WITH kept AS (
    SELECT l.* FROM reconciliation_statementline l JOIN reconciliation_statement s ON s.id = l.statement_id
     WHERE s.file_sha256 = %(sha256)s AND s.livemode = %(livemode)s AND s.partner_id IS NOT DISTINCT FROM %(partner)s AND l.state <> 'replaced'
       AND l.part_of_id IS NULL  -- parts are ours; the line that was split is what the file said
), gone AS (
    SELECT k.*, row_number() OVER (PARTITION BY k.account_id, k.raw ORDER BY k.id) AS place
      FROM kept k LEFT JOIN reconciliation_reread n USING (account_id, content, occurrence) WHERE n.content IS NULL
), added AS (
    SELECT n.*, row_number() OVER (PARTITION BY n.account_id, n.raw ORDER BY n.value_on, n.amount_minor, n.content, n.occurrence) AS place
      FROM reconciliation_reread n LEFT JOIN reconciliation_statementline l USING (account_id, content, occurrence)
     WHERE l.id IS NULL OR l.state = 'replaced'
)
SELECT CASE WHEN g.id IS NULL THEN 'added' WHEN a.content IS NULL THEN 'gone' ELSE 'changed' END AS kind,
       g.id AS line_id, g.state, coalesce(g.account_id, a.account_id) AS account_id,
       g.value_on AS old_value_on, g.amount_minor AS old_amount, g.currency AS old_currency, g.reference AS old_reference,
       g.counterparty AS old_counterparty, g.description AS old_description,
       a.value_on, a.amount_minor AS amount, a.currency, a.reference, a.counterparty, a.description,
       md5(concat_ws('|', g.id, g.state, a.account_id, a.content, a.occurrence)) AS digest
  FROM gone g FULL JOIN added a ON a.account_id = g.account_id AND a.raw = g.raw AND a.place = g.place AND g.raw <> ''
