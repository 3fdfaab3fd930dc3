-- Which open references, batch ids and ids of ours are named inside texts of the other side. A text is cut at
-- everything but letters and digits; up to five neighbours are joined again, so that "INV 2025 007" and
-- "ref:INV-2025-007" both say INV20257. Only what the other side really has is kept.
CREATE TEMP TABLE recon_known_i ON COMMIT DROP AS
    SELECT ref AS token FROM recon_open_i WHERE length(ref) >= {token_length}
    UNION SELECT batch FROM recon_open_i WHERE length(batch) >= {token_length};
CREATE TEMP TABLE recon_known_e ON COMMIT DROP AS
    SELECT ref AS token FROM recon_open_e WHERE length(ref) >= {token_length}
    UNION SELECT batch FROM recon_open_e WHERE length(batch) >= {token_length};
ANALYZE recon_known_i;
ANALYZE recon_known_e;

CREATE TEMP TABLE recon_token ON COMMIT DROP AS
SELECT DISTINCT 'E'::"char" AS side, g.rid, g.token
FROM ({grams_e}) g JOIN recon_known_i k ON k.token = g.token
UNION ALL
SELECT DISTINCT 'I'::"char", g.rid, g.token
FROM ({grams_i}) g JOIN recon_known_e k ON k.token = g.token;
ANALYZE recon_token;
