-- Write down the pairs that share a reference and disagree; they are open no more.
INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor, reason)
SELECT type, ARRAY[i], ARRAY[e], expected, amount_e,
       jsonb_build_object('same_reference', true, 'days', days, 'gap', amount_e - expected, 'fee', fee)
FROM recon_found;
DELETE FROM recon_open_i WHERE rid IN (SELECT i FROM recon_found);
DELETE FROM recon_open_e WHERE rid IN (SELECT e FROM recon_found);
