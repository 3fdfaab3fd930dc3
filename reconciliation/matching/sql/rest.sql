-- The rows that level 1 left open, as they came.
CREATE TEMP TABLE recon_rest_{letter} ON COMMIT DROP AS
SELECT o.rid, o.ext_id, o.day, o.amount_minor, o.currency, o.fee_minor, o.reference, o.counterparty, o.description, o.type,
       o.batch_id
FROM recon_{side} o
WHERE NOT EXISTS (SELECT FROM recon_exact p WHERE p.{letter} = o.rid)
  {heed};
ANALYZE recon_rest_{letter} (rid, batch_id, reference);
