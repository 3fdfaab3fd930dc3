DROP TRIGGER IF EXISTS kernel_audit_event_append_only ON kernel_audit_event;
DROP FUNCTION IF EXISTS kernel_audit_update() CASCADE;
DROP FUNCTION IF EXISTS kernel_audit_insert() CASCADE;
DROP FUNCTION IF EXISTS kernel_audit_delete() CASCADE;
DROP FUNCTION IF EXISTS kernel_refuse_change() CASCADE;
DROP FUNCTION IF EXISTS kernel_audit_clean(jsonb);
