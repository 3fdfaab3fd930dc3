-- A row's tokens depend on that row alone, so two sessions may do half of the rows each.
INSERT INTO recon_token
SELECT DISTINCT 'E'::"char" AS side, g.rid, k.token
FROM ({grams_e} UNION ALL {parts_e}) g JOIN recon_known_i k ON k.form = g.token
UNION ALL
SELECT DISTINCT 'I'::"char", g.rid, k.token
FROM ({grams_i} UNION ALL {parts_i}) g JOIN recon_known_e k ON k.form = g.token;
