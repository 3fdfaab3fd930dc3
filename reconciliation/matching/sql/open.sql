-- What level 1 left open, with the normal forms that the other levels compare.
--   ref    upper case, no punctuation, no leading zeros in any run of digits ("inv-2025-007" = "INV20257")
--   plain  the reference in upper case without punctuation, zeros kept
--   core   ref without its leading letters, when at least five characters are left
--   batch  the same as ref, of the batch id;  name  the counterparty, upper case, single spaces
--   back   the row calls itself a return;  charge  the row is a fee
-- Rows that nothing on their own side tells apart are one row here, with their number in n; recon_member keeps
-- who they are. So ten thousand identical lines are one candidate, not a hundred million pairs.
CREATE TEMP TABLE recon_all_{letter} ON COMMIT DROP AS
SELECT y.*, CASE WHEN y.ref = '' THEN '' ELSE regexp_replace(y.reference, '[^A-Z0-9]+', '', 'g') END AS plain,
       CASE WHEN length(y.digits) >= 5 THEN y.digits ELSE '' END AS core,
       CASE WHEN length(y.digits) >= 5 THEN left(y.ref, length(y.ref) - length(y.digits)) ELSE '' END AS prefix
FROM (
    SELECT x.*, coalesce(substring(x.ref FROM '[0-9].*'), '') AS digits
    FROM (
        SELECT o.rid, o.ext_id, o.day, o.amount_minor, o.currency, nullif(abs(o.fee_minor), 0) AS fee_minor,
               upper(btrim(o.reference)) AS reference,
               pg_temp.recon_normal(o.reference) AS ref,
               CASE WHEN o.batch_id = '' THEN '' ELSE pg_temp.recon_normal(o.batch_id) END AS batch,
               CASE WHEN o.counterparty = '' THEN '' ELSE
                    btrim(regexp_replace(upper(o.counterparty), '[^[:alnum:]]+', ' ', 'g')) END AS name,
               o.description, o.type,
               (o.type || ' ' || o.description) ~* {return_words} AS back,
               o.type ~* {fee_words} AS charge,
               hashtextextended(concat_ws(chr(31), o.amount_minor, o.currency, o.day, o.reference, o.counterparty,
                                          o.description, o.type, o.batch_id, o.fee_minor), 0) AS likeness
        FROM recon_{side} o
        WHERE NOT EXISTS (SELECT FROM recon_pair p WHERE p.{letter} = o.rid)
          AND NOT EXISTS (SELECT FROM recon_ignored g WHERE g.side = upper('{letter}')::"char" AND g.rid = o.rid)
    ) x
) y;

CREATE TEMP TABLE recon_member_{letter} ON COMMIT DROP AS
SELECT first_value(rid) OVER same AS bundle, rid, row_number() OVER same AS place
FROM recon_all_{letter}
WHERE likeness IN (SELECT likeness FROM recon_all_{letter} GROUP BY likeness HAVING count(*) > 1)
WINDOW same AS (PARTITION BY likeness ORDER BY length(ext_id), ext_id, rid);

CREATE TEMP TABLE recon_open_{letter} ON COMMIT DROP AS
SELECT x.*, coalesce(m.n, 1) AS n
FROM recon_all_{letter} x
LEFT JOIN (SELECT bundle, max(place)::int AS n FROM recon_member_{letter} GROUP BY bundle) m ON m.bundle = x.rid
WHERE NOT EXISTS (SELECT FROM recon_member_{letter} o WHERE o.rid = x.rid AND o.place > 1);
DROP TABLE recon_all_{letter};
-- Every open row, each with the bundle that stands for it.
CREATE TEMP VIEW recon_each_{letter} AS
SELECT bundle, rid, place::int FROM recon_member_{letter}
UNION ALL
SELECT rid, rid, 1 FROM recon_open_{letter} WHERE n = 1;
CREATE INDEX ON recon_open_{letter} (rid);
ANALYZE recon_open_{letter};
ANALYZE recon_member_{letter};
