-- Only declared changes of a transfer's state can happen, whoever writes: rows are changed by bulk statements that no state
-- machine in Python sees. Checked once a statement over its transition tables, so a thousand rows cost one look. The pairs
-- are those of the model's transitions.
-- Before and after are brought together by grouping, not by a join: a plan is kept for the session, and the loop in a loop
-- that is best for one transfer takes minutes where a window closes ten thousand.
CREATE OR REPLACE FUNCTION settlement_transfer_states() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT c.id, c.was, c.now INTO bad
      FROM (SELECT id, min(before) AS was, min(after) AS now
              FROM (SELECT id, state AS before, NULL AS after FROM gone UNION ALL SELECT id, NULL, state FROM come) AS seen
             GROUP BY id) AS c
     WHERE c.was <> c.now
       AND (c.was, c.now) NOT IN (
            ('queued', 'submitted'), ('unknown', 'submitted'),
            ('submitted', 'unknown'),
            ('submitted', 'queued'), ('unknown', 'queued'), ('failed', 'queued'), ('returned', 'queued'),
            ('submitted', 'settled'), ('unknown', 'settled'), ('queued', 'settled'), ('reconciled', 'settled'),
            ('submitted', 'failed'), ('unknown', 'failed'), ('queued', 'failed'),
            ('submitted', 'returned'), ('unknown', 'returned'), ('queued', 'returned'), ('settled', 'returned'), ('reconciled', 'returned'),
            ('accepted', 'cancelled'), ('held', 'cancelled'), ('queued', 'cancelled'),
            ('settled', 'reconciled'))
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'transfer % is %: it cannot become %', bad.id, bad.was, bad.now
              USING ERRCODE = 'check_violation', CONSTRAINT = 'settlement_transfer_states';
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER settlement_transfer_states AFTER UPDATE ON settlement_transfer
    REFERENCING OLD TABLE AS gone NEW TABLE AS come FOR EACH STATEMENT EXECUTE FUNCTION settlement_transfer_states();
