-- What level 2 left tied is judged again with everything known; a pair is kept once.
DELETE FROM recon_candidate c USING recon_scored s WHERE s.i = c.i AND s.e = c.e;
UPDATE recon_candidate SET score = 90 - rank / 2 WHERE score IS NULL;
INSERT INTO recon_candidate
SELECT DISTINCT ON (i, e) * FROM recon_scored ORDER BY i, e, score DESC, amount_kind;
ANALYZE recon_candidate;
