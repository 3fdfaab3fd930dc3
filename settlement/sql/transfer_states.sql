-- Only declared changes of a transfer's state can happen, whoever writes: rows are changed by bulk statements that no state
-- machine in Python sees. Checked once a statement over its transition tables, so a thousand rows cost one look. The pairs
-- are those of the model's transitions.
CREATE OR REPLACE FUNCTION settlement_transfer_states() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE bad record;
BEGIN
    SELECT o.id, o.state AS was, n.state AS now INTO bad
      FROM gone o JOIN come n ON n.id = o.id
     WHERE o.state <> n.state
       AND (o.state, n.state) NOT IN (
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
