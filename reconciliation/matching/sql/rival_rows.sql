SELECT l.i, l.e, r.side, l.score, l.days, l.amount_kind,
       CASE r.side WHEN 'I' THEN e.plain ELSE i.plain END, CASE r.side WHEN 'I' THEN e.name ELSE i.name END,
       CASE r.side WHEN 'I' THEN e.description ELSE i.description END,
       CASE r.side WHEN 'I' THEN e.type ELSE i.type END, CASE r.side WHEN 'I' THEN e.batch ELSE i.batch END,
       regexp_replace(upper(r.reference), '[^A-Z0-9]+', '', 'g'),
       btrim(regexp_replace(upper({rival_letters}), '[^[:alnum:]]+', ' ', 'g')),
       r.description, r.type, '',
       CASE r.side WHEN 'I' THEN e.day - r.day ELSE r.day - i.day END
FROM recon_rival r
JOIN recon_lead l ON l.i = r.i AND l.e = r.e
JOIN recon_open_i i ON i.rid = l.i
JOIN recon_open_e e ON e.rid = l.e
ORDER BY l.i, r.side, r.rid
