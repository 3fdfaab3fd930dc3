-- Names what is left, each row once, surest first: duplicates, then rows that share a reference but not what it
-- says, then rows that several counterparts fit, then rows that nothing on the other side answers.

-- Left-over rows whose twin on their own side is matched: same reference, amount and currency.
CREATE TEMP TABLE recon_left ON COMMIT DROP AS
SELECT 'I'::"char" AS side, rid, ref, currency, amount_minor, day FROM recon_open_i
UNION ALL
SELECT 'E', rid, ref, currency, amount_minor, day FROM recon_open_e;
CREATE TEMP TABLE recon_unsettled ON COMMIT DROP AS
SELECT 'I'::"char" AS side, rid FROM recon_each_i UNION ALL SELECT 'E', rid FROM recon_each_e
UNION ALL SELECT side, rid FROM recon_duplicate UNION ALL SELECT side, rid FROM recon_ignored;
ANALYZE recon_left;
ANALYZE recon_unsettled;
CREATE TEMP TABLE recon_twin (side "char" NOT NULL, rid int NOT NULL, twin int NOT NULL) ON COMMIT DROP;
