-- The chosen rows are no longer open, and no candidate may name them.
DELETE FROM recon_candidate c USING recon_chosen t WHERE c.i = t.i;
DELETE FROM recon_candidate c USING recon_chosen t WHERE c.e = t.e;
DELETE FROM recon_open_i o USING recon_chosen t WHERE o.rid = t.i;
DELETE FROM recon_open_e o USING recon_chosen t WHERE o.rid = t.e;
