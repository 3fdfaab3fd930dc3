-- A repeat that names this file's statement and is not read any more is no repeat. The account's advisory lock is held.
DELETE FROM reconciliation_linerepeat r
 USING reconciliation_statement s, reconciliation_statementline l
 WHERE s.id = r.statement_id AND l.id = r.line_id
   AND s.file_sha256 = %(sha256)s AND s.livemode = %(livemode)s AND s.partner_id IS NOT DISTINCT FROM %(partner)s
   AND NOT EXISTS (SELECT 1 FROM reconciliation_reread n WHERE n.account_id = l.account_id AND n.content = l.content AND n.occurrence = l.occurrence)
