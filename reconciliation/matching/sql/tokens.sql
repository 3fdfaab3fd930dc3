-- Which open references, batch ids and ids of ours are named inside texts of the other side. A text is cut at
-- everything but letters and digits; up to five neighbours are joined again, so that "INV 2025 007" and
-- "ref:INV-2025-007" both say INV20257. "PO-9000-2" and "PO-9000A" may be parts of PO-9000. Only what the other side really has is kept.
-- Punctuation that one side dropped joins runs of digits, and their zeros stay: those references are the same all the
-- same, and the other side takes our normal form.
-- Few differ: those are joined first, and only their forms on our side are asked to be one.
CREATE TEMP TABLE recon_unlike ON COMMIT DROP AS
SELECT DISTINCT e.plain FROM recon_open_e e JOIN recon_open_i i ON i.plain = e.plain WHERE e.plain <> '' AND e.ref <> i.ref;
ANALYZE recon_unlike;
UPDATE recon_open_e e SET ref = i.ref, core = i.core, prefix = i.prefix
FROM (SELECT plain, min(ref) AS ref, min(core) AS core, min(prefix) AS prefix FROM recon_open_i
      WHERE plain IN (SELECT plain FROM recon_unlike)
      GROUP BY plain HAVING min(ref) = max(ref)) i
WHERE e.plain = i.plain AND e.ref <> i.ref;
DROP TABLE recon_unlike;
