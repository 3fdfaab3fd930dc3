-- The trail never holds a secret or a ciphertext: columns named like secrets are dropped, encrypted values are
-- named as such. What changed is decided on the values themselves, so that a changed secret still leaves a line.
-- Only functions are replaced, in one statement each: concurrent writers see the old or the new one, whole.

CREATE OR REPLACE FUNCTION kernel_audit_clean(row_data jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT COALESCE(jsonb_object_agg(key, CASE WHEN value #>> '{}' LIKE 'enc:%' THEN '"(encrypted)"'::jsonb ELSE value END), '{}'::jsonb)
      FROM jsonb_each(row_data)
     WHERE key !~ '(secret|password|hash|token|credential|encrypted|(^|_)raw(_|$))'
$$;

CREATE OR REPLACE FUNCTION kernel_audit_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO kernel_audit_event
           (partner_id, actor, ip, request_id, reason, action, subject_table, subject_id, before, after)
    SELECT COALESCE(NULLIF(n.j ->> 'partner_id', '')::uuid, CASE WHEN TG_TABLE_NAME = 'partners_partner' THEN (n.j ->> 'id')::uuid END),
           COALESCE(current_setting('payos.actor', true), ''), COALESCE(current_setting('payos.ip', true), ''),
           COALESCE(current_setting('payos.request_id', true), ''),
           COALESCE(current_setting('payos.reason', true), ''),
           CASE WHEN TG_ARGV[0] = 'state' THEN 'state' ELSE 'update' END, TG_TABLE_NAME, n.j ->> 'id', d.before, d.after
      FROM (SELECT to_jsonb(now) AS j FROM now) AS n
      JOIN (SELECT to_jsonb(was) AS j FROM was) AS w ON w.j ->> 'id' = n.j ->> 'id'
     CROSS JOIN LATERAL (SELECT kernel_audit_clean(w.j) AS was, kernel_audit_clean(n.j) AS now) AS c
     CROSS JOIN LATERAL (
           SELECT COALESCE(jsonb_object_agg(o.key, c.was -> o.key) FILTER (WHERE c.was ? o.key), '{}'::jsonb) AS before,
                  COALESCE(jsonb_object_agg(o.key, c.now -> o.key) FILTER (WHERE c.now ? o.key), '{}'::jsonb) AS after,
                  count(*) AS changed
             FROM jsonb_each(w.j) AS o
            WHERE o.value IS DISTINCT FROM n.j -> o.key
              AND (TG_ARGV[0] <> 'state' OR o.key = TG_ARGV[1])) AS d
     WHERE d.changed > 0;
    RETURN NULL;
END $$;
