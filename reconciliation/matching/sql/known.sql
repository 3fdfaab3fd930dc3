-- What texts of the other side may name: every form of a reference or batch id of this side, and what it stands for.
CREATE TEMP TABLE recon_known_{letter} ON COMMIT DROP AS
SELECT form, min(token) AS token
FROM (
    SELECT ref AS form, ref AS token FROM recon_open_{letter} WHERE length(ref) >= {token_length}
    UNION ALL SELECT plain, ref FROM recon_open_{letter} WHERE length(plain) >= {token_length} AND plain <> ref
    UNION ALL SELECT batch, batch FROM recon_open_{letter} WHERE length(batch) >= {token_length}
) x
GROUP BY form;
ANALYZE recon_known_{letter};
