-- References that stand more than once on this side: level 1 leaves them to resolve.sql.
-- Numbers sort faster than so many of them are hashed.
SET LOCAL enable_hashagg = off;
INSERT INTO recon_repeated
SELECT key FROM recon_{side} WHERE key IS NOT NULL GROUP BY key HAVING count(*) > 1;
RESET enable_hashagg;
