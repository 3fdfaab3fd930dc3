SELECT l.i, l.e, l.amount_kind, l.days, l.difference_minor, l.fee_minor,
       i.plain, i.name, i.description, i.type, i.batch, e.plain, e.name, e.description, e.type, e.batch,
       false, l.all_i + l.all_e - 2
FROM recon_lead l JOIN recon_open_i i ON i.rid = l.i JOIN recon_open_e e ON e.rid = l.e
ORDER BY l.i
