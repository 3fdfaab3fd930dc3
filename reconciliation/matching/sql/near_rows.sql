-- claimed: one of the two references is, letter by letter, the reference of another item on the other side.
SELECT n.i, n.e, n.amount_kind, n.days, n.difference_minor, n.fee_minor,
       i.plain, i.name, i.description, i.type, i.batch, e.plain, e.name, e.description, e.type, e.batch,
       i.ref <> e.ref AND (EXISTS (SELECT FROM recon_claimed c WHERE c.side = 'I' AND c.rid = n.i)
                           OR EXISTS (SELECT FROM recon_claimed c WHERE c.side = 'E' AND c.rid = n.e))
FROM recon_near n JOIN recon_open_i i ON i.rid = n.i JOIN recon_open_e e ON e.rid = n.e
ORDER BY n.i, n.e, n.amount_kind
