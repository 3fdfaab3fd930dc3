-- The matches in recon_ruled become suggestions, and their rows wait for an operator: a rule asked for a person.
WITH ruled AS (SELECT DISTINCT match_no FROM recon_ruled),
     sides AS (
    SELECT i.match_no, coalesce(array_agg(i.rid ORDER BY i.rid) FILTER (WHERE i.side = 'I'), '{}') AS internal,
           coalesce(array_agg(i.rid ORDER BY i.rid) FILTER (WHERE i.side = 'E'), '{}') AS external
    FROM recon_match_item i JOIN ruled USING (match_no)
    GROUP BY i.match_no
), suggested AS (
    INSERT INTO recon_suggestion (internal, external, confidence, reason)
    SELECT s.internal, s.external, m.confidence, m.reason || jsonb_build_object('rule', %(rule)s::text)
    FROM sides s JOIN recon_match m USING (match_no)
    ORDER BY s.match_no
), waiting AS (
    INSERT INTO recon_discrepancy (type, internal, external, expected_minor, actual_minor, reason)
    SELECT 'ambiguous', s.internal, s.external,
           (SELECT sum(x.amount_minor) FROM recon_internal x WHERE x.rid = ANY(s.internal)),
           (SELECT sum(x.amount_minor) FROM recon_external x WHERE x.rid = ANY(s.external)),
           jsonb_build_object('rule', %(rule)s::text)
    FROM sides s
    ORDER BY s.match_no
), pairs AS (
    DELETE FROM recon_pair p USING ruled r WHERE p.i = r.match_no
), items AS (
    DELETE FROM recon_group_item g USING ruled r WHERE g.match_no = r.match_no
)
DELETE FROM recon_group g USING ruled r WHERE g.match_no = r.match_no
