DROP FUNCTION IF EXISTS reconciliation_new_id();
DROP VIEW IF EXISTS reconciliation_item;
