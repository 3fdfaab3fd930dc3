-- Pairs of levels 1 and 2 as bare cells: the JSON around them is the same for each, so Python writes it while Postgres
-- reads on. Two processors share the work.
SELECT i_id, e_id, reference, level, method, confidence, reference_kind, days, rivals, difference_minor, fee_minor
FROM recon_pair
WHERE level < 3
ORDER BY i
