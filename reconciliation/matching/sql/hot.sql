-- Where a crowd carries one amount, only rows of the same counterparty are met, by amount and name at once: never the
-- crowd itself.
ANALYZE recon_like;
CREATE TEMP TABLE recon_hot ON COMMIT DROP AS
SELECT side, currency, amount_minor FROM recon_like GROUP BY side, currency, amount_minor HAVING count(*) > {hot_rows};
ANALYZE recon_hot;
CREATE TEMP TABLE recon_hot_name ON COMMIT DROP AS
SELECT side, currency, amount_minor, name, count(*) AS n
FROM recon_like JOIN recon_hot USING (side, currency, amount_minor)
GROUP BY side, currency, amount_minor, name HAVING count(*) > 1;
ANALYZE recon_hot_name;
CREATE TEMP TABLE recon_hot_row ON COMMIT DROP AS
SELECT side, currency, amount_minor, name, l.rid, l.day
FROM recon_like l JOIN recon_hot_name n USING (side, currency, amount_minor, name)
WHERE n.n <= {hot_names};
ANALYZE recon_hot_row;
