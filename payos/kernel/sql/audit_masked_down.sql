-- Back to the functions of audit.sql.
CREATE OR REPLACE FUNCTION kernel_audit_clean(row_data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(jsonb_object_agg(key, value), '{}'::jsonb)
      FROM jsonb_each(row_data)
     WHERE key !~ '(secret|password|hash|token|credential|encrypted|raw)'
$$;

CREATE OR REPLACE FUNCTION kernel_audit_update() RETURNS trigger LANGUAGE plpgsql AS $$
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

