-- What levels 1, 2 and the shared keys left open is little; only it needs the dearer form.
--   name   the counterparty in upper case, letters and digits with single spaces
-- Counterparties come again and again; each is brought into its form once.
CREATE TEMP TABLE recon_named_{letter} ON COMMIT DROP AS
SELECT o.*, coalesce(p.name, '') AS name
FROM recon_open_{letter} o
LEFT JOIN (
    SELECT o.counterparty, btrim(regexp_replace(upper({plain_letters}), '[^[:alnum:]]+', ' ', 'g')) AS name
    FROM (SELECT DISTINCT counterparty FROM recon_open_{letter} WHERE counterparty <> '' OFFSET 0) o
    OFFSET 0
) p ON p.counterparty = o.counterparty;
DROP VIEW recon_each_{letter};
DROP TABLE recon_open_{letter};
ALTER TABLE recon_named_{letter} RENAME TO recon_open_{letter};
CREATE TEMP VIEW recon_each_{letter} AS
SELECT bundle, rid, ext_id, place::int FROM recon_member_{letter}
UNION ALL
SELECT rid, rid, ext_id, 1 FROM recon_open_{letter} WHERE n = 1;
ANALYZE recon_open_{letter} (rid, ref, plain, core, batch, amount_minor, currency, name, n);
