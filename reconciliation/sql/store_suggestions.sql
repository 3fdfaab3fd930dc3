-- Suggestions by ids instead of row numbers.
INSERT INTO reconciliation_suggestion (id, created_at, partner_id, livemode, account_id, run_id, items, lines, confidence, reason)
SELECT reconciliation_new_id(), %(now)s, %(partner)s, %(livemode)s, %(account)s, %(run)s,
       coalesce((SELECT jsonb_agg(a.ext_id ORDER BY a.rid) FROM recon_internal a WHERE a.rid = ANY(s.internal)), '[]'),
       coalesce((SELECT jsonb_agg(b.ext_id ORDER BY b.rid) FROM recon_external b WHERE b.rid = ANY(s.external)), '[]'),
       s.confidence, s.reason
  FROM recon_suggestion s ORDER BY s.confidence DESC, s.no
