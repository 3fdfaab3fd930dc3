-- Which open references, batch ids and ids of ours are named inside texts of the other side. A text is cut at
-- everything but letters and digits; up to five neighbours are joined again, so that "INV 2025 007" and
-- "ref:INV-2025-007" both say INV20257. "PO-9000-2" and "PO-9000A" may be parts of PO-9000. Only what the other side really has is kept.
-- Punctuation that one side dropped joins runs of digits, and their zeros stay: those references are the same all the
-- same, and the other side takes our normal form.
UPDATE recon_open_e e SET ref = i.ref, core = i.core, prefix = i.prefix
FROM (SELECT plain, min(ref) AS ref, min(core) AS core, min(prefix) AS prefix FROM recon_open_i WHERE plain <> ''
      GROUP BY plain HAVING min(ref) = max(ref)) i
WHERE e.plain = i.plain AND e.ref <> i.ref;

CREATE TEMP TABLE recon_known_i ON COMMIT DROP AS
SELECT form, min(token) AS token
FROM (
    SELECT ref AS form, ref AS token FROM recon_open_i WHERE length(ref) >= {token_length}
    UNION ALL SELECT plain, ref FROM recon_open_i WHERE length(plain) >= {token_length} AND plain <> ref
    UNION ALL SELECT batch, batch FROM recon_open_i WHERE length(batch) >= {token_length}
) x
GROUP BY form;
CREATE TEMP TABLE recon_known_e ON COMMIT DROP AS
SELECT form, min(token) AS token
FROM (
    SELECT ref AS form, ref AS token FROM recon_open_e WHERE length(ref) >= {token_length}
    UNION ALL SELECT plain, ref FROM recon_open_e WHERE length(plain) >= {token_length} AND plain <> ref
    UNION ALL SELECT batch, batch FROM recon_open_e WHERE length(batch) >= {token_length}
) x
GROUP BY form;
ANALYZE recon_known_i;
ANALYZE recon_known_e;

CREATE TEMP TABLE recon_token ON COMMIT DROP AS
SELECT DISTINCT 'E'::"char" AS side, g.rid, k.token
FROM ({grams_e} UNION ALL {parts_e}) g JOIN recon_known_i k ON k.form = g.token
UNION ALL
SELECT DISTINCT 'I'::"char", g.rid, k.token
FROM ({grams_i} UNION ALL {parts_i}) g JOIN recon_known_e k ON k.form = g.token;
ANALYZE recon_token;
