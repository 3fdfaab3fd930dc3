-- The audit trail, written by statement-level triggers so that bulk SQL is seen too and a thousand changed
-- rows cost one insert. Who acts comes from the settings that every transaction carries (payos.kernel.tenancy).
-- Columns named like secrets never reach the trail; they are dropped by name.
-- Correct under concurrency because it only ever inserts, in the transaction of the change itself.

CREATE FUNCTION kernel_audit_clean(row_data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(jsonb_object_agg(key, value), '{}'::jsonb)
      FROM jsonb_each(row_data)
     WHERE key !~ '(secret|password|hash|token|credential|encrypted|raw)'
$$;

CREATE FUNCTION kernel_audit_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[0] = 'state' THEN
        INSERT INTO kernel_audit_event
               (partner_id, actor, ip, request_id, reason, action, subject_table, subject_id, before, after)
        SELECT NULLIF(n.j ->> 'partner_id', '')::uuid,
               COALESCE(current_setting('payos.actor', true), ''), COALESCE(current_setting('payos.ip', true), ''),
               COALESCE(current_setting('payos.request_id', true), ''),
               COALESCE(current_setting('payos.reason', true), ''),
               'state', TG_TABLE_NAME, n.j ->> 'id',
               jsonb_build_object(TG_ARGV[1], w.j -> TG_ARGV[1]), jsonb_build_object(TG_ARGV[1], n.j -> TG_ARGV[1])
          FROM (SELECT to_jsonb(now) AS j FROM now) AS n
          JOIN (SELECT to_jsonb(was) AS j FROM was) AS w ON w.j ->> 'id' = n.j ->> 'id'
         WHERE w.j -> TG_ARGV[1] IS DISTINCT FROM n.j -> TG_ARGV[1];
    ELSE
        INSERT INTO kernel_audit_event
               (partner_id, actor, ip, request_id, reason, action, subject_table, subject_id, before, after)
        SELECT NULLIF(n.j ->> 'partner_id', '')::uuid,
               COALESCE(current_setting('payos.actor', true), ''), COALESCE(current_setting('payos.ip', true), ''),
               COALESCE(current_setting('payos.request_id', true), ''),
               COALESCE(current_setting('payos.reason', true), ''),
               'update', TG_TABLE_NAME, n.j ->> 'id', d.before, d.after
          FROM (SELECT to_jsonb(now) AS j FROM now) AS n
          JOIN (SELECT to_jsonb(was) AS j FROM was) AS w ON w.j ->> 'id' = n.j ->> 'id'
         CROSS JOIN LATERAL (
               SELECT jsonb_object_agg(o.key, o.value) AS before, jsonb_object_agg(o.key, n.j -> o.key) AS after
                 FROM jsonb_each(kernel_audit_clean(w.j)) AS o
                WHERE o.value IS DISTINCT FROM n.j -> o.key) AS d
         WHERE d.before IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION kernel_audit_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kernel_audit_event
           (partner_id, actor, ip, request_id, reason, action, subject_table, subject_id, after)
    SELECT NULLIF(n.j ->> 'partner_id', '')::uuid,
           COALESCE(current_setting('payos.actor', true), ''), COALESCE(current_setting('payos.ip', true), ''),
           COALESCE(current_setting('payos.request_id', true), ''),
           COALESCE(current_setting('payos.reason', true), ''),
           'insert', TG_TABLE_NAME, n.j ->> 'id', kernel_audit_clean(n.j)
      FROM (SELECT to_jsonb(now) AS j FROM now) AS n;
    RETURN NULL;
END $$;

CREATE FUNCTION kernel_audit_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kernel_audit_event
           (partner_id, actor, ip, request_id, reason, action, subject_table, subject_id, before)
    SELECT NULLIF(w.j ->> 'partner_id', '')::uuid,
           COALESCE(current_setting('payos.actor', true), ''), COALESCE(current_setting('payos.ip', true), ''),
           COALESCE(current_setting('payos.request_id', true), ''),
           COALESCE(current_setting('payos.reason', true), ''),
           'delete', TG_TABLE_NAME, w.j ->> 'id', kernel_audit_clean(w.j)
      FROM (SELECT to_jsonb(was) AS j FROM was) AS w;
    RETURN NULL;
END $$;

-- A readable refusal for everyone, the owner included; the wall itself is the missing GRANT.
CREATE FUNCTION kernel_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % is refused. Record a correcting row instead.', TG_TABLE_NAME, TG_OP
          USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER kernel_audit_event_append_only BEFORE UPDATE OR DELETE ON kernel_audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION kernel_refuse_change();
