INSERT INTO recon_pair (i, e, level, method, confidence, days, difference_minor, fee_minor, reference_kind, score, rivals, evidence,
                        i_id, e_id, reference)
SELECT mi.rid, me.rid, 3, 'similarity', least(90, s.score), s.days, s.difference_minor, s.fee_minor, 6, s.score, s.rivals,
       s.evidence, mi.ext_id, me.ext_id, oi.raw
FROM recon_sure s
JOIN recon_open_i oi ON oi.rid = s.i
JOIN recon_each_i mi ON mi.bundle = s.i
JOIN recon_each_e me ON me.bundle = s.e AND me.place = mi.place;
DROP TABLE IF EXISTS recon_chosen;
CREATE TEMP TABLE recon_chosen ON COMMIT DROP AS SELECT i, e FROM recon_sure;
DROP TABLE recon_sure, recon_lead, recon_rival;
