-- The pairs of likeness that will be suggested: those of level 3 that stayed open, and those of a crowd.
SELECT n.i, n.e, n.amount_kind, n.days, n.difference_minor, n.fee_minor,
       i.plain, i.name, i.description, i.type, i.batch, e.plain, e.name, e.description, e.type, e.batch,
       i.ref <> e.ref AND (EXISTS (SELECT FROM recon_claimed c WHERE c.side = 'I' AND c.rid = n.i)
                           OR EXISTS (SELECT FROM recon_claimed c WHERE c.side = 'E' AND c.rid = n.e)),
       n.score
FROM (SELECT i, e, amount_kind, days, difference_minor, fee_minor, score FROM recon_candidate WHERE kind = 6
      UNION ALL SELECT i, e, 1::smallint, days, 0, NULL, 0 FROM recon_hint) n
JOIN recon_open_i i ON i.rid = n.i JOIN recon_open_e e ON e.rid = n.e
ORDER BY n.i, n.e
