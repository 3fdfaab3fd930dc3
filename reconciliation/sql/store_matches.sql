-- The confirmed matches of the engine's temporary tables as rows of ours. One statement: a match and its ends are there
-- together. The unique indexes on standing ends refuse an end that another run claimed meanwhile.
WITH numbered AS MATERIALIZED (
    SELECT m.*, reconciliation_new_id() AS id FROM recon_match m
), ends AS MATERIALIZED (
    SELECT n.id, i.side, i.rid,
           CASE WHEN i.side = 'I' THEN a.amount_minor ELSE b.amount_minor END AS amount_minor,
           CASE WHEN i.side = 'I' THEN split_part(a.ext_id, ':', 1) ELSE '' END AS item_type,
           CASE WHEN i.side = 'I' THEN split_part(a.ext_id, ':', 2)::uuid END AS item_id,
           CASE WHEN i.side = 'E' THEN b.ext_id::uuid END AS line_id
      FROM numbered n JOIN recon_match_item i ON i.match_no = n.match_no
      LEFT JOIN recon_internal a ON i.side = 'I' AND a.rid = i.rid
      LEFT JOIN recon_external b ON i.side = 'E' AND b.rid = i.rid
), totals AS (
    -- Added up once: asking for each match would read all ends as often as there are matches.
    SELECT e.id, sum(e.amount_minor) FILTER (WHERE e.side = 'E') AS amount_minor FROM ends e GROUP BY e.id
), matches AS (
    INSERT INTO reconciliation_match (id, created_at, partner_id, livemode, account_id, run_id, level, method, confidence, reason,
                                      difference_minor, fee_minor, currency, amount_minor, state, made_by, note)
    SELECT n.id, %(now)s, %(partner)s, %(livemode)s, %(account)s, %(run)s, n.level, n.method, n.confidence, n.reason,
           n.difference_minor, n.fee_minor, %(currency)s,
           coalesce(t.amount_minor, 0), 'active', 'engine', ''
      FROM numbered n LEFT JOIN totals t ON t.id = n.id
    RETURNING id
), items AS (
    INSERT INTO reconciliation_matchitem (partner_id, match_id, line_id, item_type, item_id, amount_minor, active)
    SELECT %(partner)s, e.id, e.line_id, e.item_type, e.item_id, e.amount_minor, true FROM ends e ORDER BY e.id, e.side, e.rid
), lines AS (
    UPDATE reconciliation_statementline l SET state = 'matched' FROM ends e WHERE e.line_id = l.id
)
SELECT count(*) FROM matches
