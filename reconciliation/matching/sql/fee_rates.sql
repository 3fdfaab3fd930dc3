-- What pairs of this run say about fees, with their amounts: pairs that share a reference and differ, and declared fees.
-- Of whole files only the first rows are asked.
SELECT abs(f.amount_i), abs(f.amount_i) - abs(f.amount_e), i.currency
FROM recon_found f JOIN recon_open_i i ON i.rid = f.i
WHERE sign(f.amount_i) = sign(f.amount_e)
UNION ALL
SELECT abs(i.amount_minor), p.fee_minor, i.currency
FROM ONLY recon_pair p JOIN recon_rest_i i ON i.rid = p.i
WHERE p.fee_minor IS NOT NULL
UNION ALL
SELECT abs(i.amount_minor), p.fee_minor, i.currency
FROM recon_exact p JOIN recon_internal i ON i.rid = p.i
WHERE p.fee_minor IS NOT NULL AND p.i <= %(seen)s AND i.rid <= %(seen)s
