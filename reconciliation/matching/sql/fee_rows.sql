-- The pairs of fees.sql as similarity.py reads them.
SELECT p.i, p.e, p.days, i.amount_minor, e.amount_minor, i.currency,
       i.plain, i.name, i.description, i.type, i.batch, e.plain, e.name, e.description, e.type, e.batch
FROM recon_loose_pair p JOIN recon_open_i i ON i.rid = p.i JOIN recon_open_e e ON e.rid = p.e
ORDER BY p.i, p.e
