SELECT o.rid, pg_temp.recon_normal(regexp_replace(o.reference, '([^A-Z0-9]+[A-Z0-9]{1,3}|[A-Z])$', '')) AS token
FROM recon_open_{letter} o
WHERE {half} AND o.ref <> '' AND o.reference ~ '([^A-Z0-9][A-Z0-9]{1,3}|[0-9][A-Z])$'
  AND NOT EXISTS (SELECT FROM recon_known_{other} k WHERE k.form = o.ref)
