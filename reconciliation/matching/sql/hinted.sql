-- The pairs with their new ranks; no row is in both tables twice.
DELETE FROM recon_candidate c USING recon_hinted h WHERE h.i = c.i AND h.e = c.e AND c.kind = 6;
INSERT INTO recon_candidate SELECT DISTINCT ON (i, e) * FROM recon_hinted ORDER BY i, e, rank, amount_kind;
