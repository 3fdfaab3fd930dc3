-- Write down what resolve.sql chose. The row that stands for a bundle is its first; the others of two bundles follow in
-- order. They are few, and are joined apart: in one join Postgres may pair every first row with every other.
INSERT INTO recon_pair (i, e, level, method, confidence, days, difference_minor, fee_minor, reference_kind, rivals,
                        i_id, e_id, reference)
SELECT i, e,
       CASE WHEN kind = 1 AND amount_kind = 1 THEN 1 ELSE 2 END,
       (ARRAY['reference', 'reference_normalised', 'own_id', 'reference_in_text', 'reference_prefix'])[kind]
           || (ARRAY['', '_net_of_fee', '_tolerance', '_net_of_fee', '_opposite_sign'])[amount_kind],
       (ARRAY[100, 97, 97, 94, 92])[kind] - (ARRAY[0, 2, 3, 5, 10])[amount_kind],
       days, difference_minor, fee_minor, kind, rivals, i_id, e_id, raw
FROM (
    SELECT c.i, c.e, c.kind, c.amount_kind, c.days, c.difference_minor, c.fee_minor, c.rivals, oi.ext_id AS i_id, oe.ext_id AS e_id, oi.raw
    FROM recon_chosen c
    JOIN recon_open_i oi ON oi.rid = c.i
    JOIN recon_open_e oe ON oe.rid = c.e
    UNION ALL
    SELECT mi.rid, me.rid, c.kind, c.amount_kind, c.days, c.difference_minor, c.fee_minor, c.rivals, mi.ext_id, me.ext_id, oi.raw
    FROM recon_chosen c
    JOIN recon_member_i mi ON mi.bundle = c.i AND mi.place > 1
    JOIN recon_member_e me ON me.bundle = c.e AND me.place = mi.place
    JOIN recon_open_i oi ON oi.rid = c.i
) x;

-- Only a row of a bundle can come after another.
INSERT INTO recon_duplicate
SELECT 'I', m.rid, m.i
FROM (SELECT mi.rid, mi.place, c.i, c.e FROM recon_chosen c JOIN recon_member_i mi ON mi.bundle = c.i AND mi.place > 1 OFFSET 0) m
JOIN recon_open_e e ON e.rid = m.e AND m.place > e.n
UNION ALL
SELECT 'E', m.rid, m.e
FROM (SELECT me.rid, me.place, c.i, c.e FROM recon_chosen c JOIN recon_member_e me ON me.bundle = c.e AND me.place > 1 OFFSET 0) m
JOIN recon_open_i i ON i.rid = m.i AND m.place > i.n;
