INSERT INTO recon_pair (i, e, level, method, confidence, days, difference_minor, fee_minor, reference_kind, score, rivals, evidence,
                        i_id, e_id, reference)
SELECT i, e, 3, 'similarity', least(90, score), days, difference_minor, fee_minor, 6, score, rivals, evidence, i_id, e_id, raw
FROM (
    SELECT s.*, oi.ext_id AS i_id, oe.ext_id AS e_id, oi.raw
    FROM recon_sure s
    JOIN recon_open_i oi ON oi.rid = s.i
    JOIN recon_open_e oe ON oe.rid = s.e
    UNION ALL
    SELECT mi.rid, me.rid, s.days, s.difference_minor, s.fee_minor, s.score, s.rivals, s.evidence, mi.ext_id, me.ext_id, oi.raw
    FROM recon_sure s
    JOIN recon_member_i mi ON mi.bundle = s.i AND mi.place > 1
    JOIN recon_member_e me ON me.bundle = s.e AND me.place = mi.place
    JOIN recon_open_i oi ON oi.rid = s.i
) x;
DROP TABLE IF EXISTS recon_chosen;
CREATE TEMP TABLE recon_chosen ON COMMIT DROP AS SELECT i, e FROM recon_sure;
DROP TABLE recon_sure, recon_lead, recon_rival;
