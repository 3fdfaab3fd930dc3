-- Write down what resolve.sql chose, row by row of each bundle.
INSERT INTO recon_pair (i, e, level, method, confidence, days, difference_minor, fee_minor, reference_kind, rivals,
                        i_id, e_id, reference)
SELECT mi.rid, me.rid,
       CASE WHEN c.kind = 1 AND c.amount_kind = 1 THEN 1 ELSE 2 END,
       (ARRAY['reference', 'reference_normalised', 'own_id', 'reference_in_text', 'reference_prefix'])[c.kind]
           || (ARRAY['', '_net_of_fee', '_tolerance', '_net_of_fee', '_opposite_sign'])[c.amount_kind],
       (ARRAY[100, 97, 97, 94, 92])[c.kind] - (ARRAY[0, 2, 3, 5, 10])[c.amount_kind],
       c.days, c.difference_minor, c.fee_minor, c.kind, c.rivals, mi.ext_id, me.ext_id, oi.raw
FROM recon_chosen c
JOIN recon_open_i oi ON oi.rid = c.i
JOIN recon_each_i mi ON mi.bundle = c.i
JOIN recon_each_e me ON me.bundle = c.e AND me.place = mi.place;

-- Only a row of a bundle can come after another.
INSERT INTO recon_duplicate
SELECT 'I', mi.rid, c.i FROM recon_chosen c JOIN recon_open_e e ON e.rid = c.e
JOIN recon_member_i mi ON mi.bundle = c.i AND mi.place > e.n
UNION ALL
SELECT 'E', me.rid, c.e FROM recon_chosen c JOIN recon_open_i i ON i.rid = c.i
JOIN recon_member_e me ON me.bundle = c.e AND me.place > i.n;
