-- What level 1 left open, with the normal forms that the other levels compare.
--   ref    upper case, no punctuation, no leading zeros in any run of digits ("inv-2025-007" = "INV20257")
--   plain  upper case without the usual punctuation, zeros kept
--   core   plain without leading letters and zeros, when at least five characters are left;  batch  the same of the batch id
--   back   the row calls itself a return;  charge  the row is a fee
-- Rows that nothing on their own side tells apart are one row here, with their number in n; recon_member keeps
-- who they are, in the order of their ids where ids count up, else of the file. So ten thousand identical lines are one candidate, not a hundred million pairs.
CREATE TEMP TABLE recon_type_{letter} ON COMMIT DROP AS
SELECT type, type ~* {return_words} AS back, type ~* {fee_words} AS charge
FROM (SELECT DISTINCT type FROM recon_rest_{letter}) t;
ANALYZE recon_type_{letter};

CREATE TEMP TABLE recon_open_{letter} ON COMMIT DROP AS
SELECT y.*, CASE WHEN length(y.digits) >= 5 THEN y.digits ELSE '' END AS core,
       CASE WHEN length(y.digits) >= 5 THEN rtrim(left(y.plain, length(y.plain) - length(y.digits)), '0') ELSE '' END AS prefix,
       1 AS n
FROM (
    SELECT x.*, ltrim(coalesce(substring(x.plain FROM '[0-9].*'), ''), '0') AS digits
    FROM (
        SELECT o.rid, o.ext_id, o.day, o.amount_minor, o.currency, nullif(abs(o.fee_minor), 0) AS fee_minor,
               o.reference AS raw, upper(btrim(o.reference)) AS reference,
               CASE WHEN o.reference = '' THEN '' ELSE pg_temp.recon_normal(o.reference) END AS ref,
               CASE WHEN o.batch_id = '' THEN '' ELSE pg_temp.recon_normal(o.batch_id) END AS batch,
               translate(upper(o.reference), '- /._:#', '') AS plain,
               o.counterparty, o.description, o.type,
               CASE WHEN o.description = '' THEN t.back ELSE t.back OR o.description ~* {return_words} END AS back,
               t.charge,
               hashtextextended(concat_ws(chr(31), o.amount_minor, o.currency, o.day, o.reference, o.counterparty,
                                          o.description, o.type, o.batch_id, o.fee_minor), 0) AS likeness
        FROM recon_rest_{letter} o
        JOIN recon_type_{letter} t ON t.type = o.type
        OFFSET 0  -- each form is worked out once a row
    ) x
    OFFSET 0
) y;

CREATE TEMP TABLE recon_member_{letter} ON COMMIT DROP AS
SELECT first_value(rid) OVER same AS bundle, rid, ext_id, row_number() OVER same AS place
FROM recon_open_{letter}
WHERE likeness IN (SELECT likeness FROM recon_open_{letter} GROUP BY likeness HAVING count(*) > 1)
WINDOW same AS (PARTITION BY likeness ORDER BY {id_order}, rid);
ANALYZE recon_member_{letter};

-- Most rows are like no other: only the few bundles are touched.
DELETE FROM recon_open_{letter} o USING recon_member_{letter} m WHERE m.rid = o.rid AND m.place > 1;
UPDATE recon_open_{letter} o SET n = m.n
FROM (SELECT bundle, max(place)::int AS n FROM recon_member_{letter} GROUP BY bundle) m WHERE m.bundle = o.rid;
-- Every open row, each with the bundle that stands for it.
CREATE TEMP VIEW recon_each_{letter} AS
SELECT bundle, rid, ext_id, place::int FROM recon_member_{letter}
UNION ALL
SELECT rid, rid, ext_id, 1 FROM recon_open_{letter} WHERE n = 1;
ANALYZE recon_open_{letter} (rid, ref, plain, core, reference, ext_id, type, batch, amount_minor, currency, n);
