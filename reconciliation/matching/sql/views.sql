-- The results by row number, one shape for pairs and groups; a match is known by its smallest internal row.
CREATE OR REPLACE TEMP VIEW recon_match AS
SELECT m.match_no, m.level, m.method, m.confidence, m.difference_minor, m.fee_minor,
       CASE WHEN l.label IS NULL THEN m.reason ELSE m.reason || jsonb_build_object('label', l.label) END AS reason
FROM (
SELECT p.i AS match_no, p.level, p.method, p.confidence, p.difference_minor, p.fee_minor,
       CASE WHEN p.level = 3 THEN p.evidence || jsonb_build_object('score', p.score, 'rivals', p.rivals)
            ELSE jsonb_build_object(
                'reference', p.reference,
                'reference_is', (ARRAY['the same', 'the same but for form', 'our id', 'in the text', 'the same but for a prefix'])[p.reference_kind],
                'days', p.days, 'rivals', p.rivals) END
       || CASE WHEN p.fee_minor IS NULL THEN '{}'::jsonb ELSE jsonb_build_object('fee_minor', p.fee_minor) END AS reason
FROM recon_pair p
UNION ALL
SELECT match_no, level, method, confidence, difference_minor, fee_minor, evidence FROM recon_group
) m
LEFT JOIN recon_label l ON l.match_no = m.match_no;

CREATE OR REPLACE TEMP VIEW recon_match_item AS
SELECT i AS match_no, 'I'::"char" AS side, i AS rid FROM recon_pair
UNION ALL SELECT i, 'E', e FROM recon_pair
UNION ALL SELECT match_no, side, rid FROM recon_group_item;

-- Whose ids suggestions and discrepancies name.
CREATE OR REPLACE TEMP VIEW recon_told_i AS SELECT rid, ext_id FROM {told_i};
CREATE OR REPLACE TEMP VIEW recon_told_e AS SELECT rid, ext_id FROM {told_e};
