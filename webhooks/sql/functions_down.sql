DROP FUNCTION webhooks_forget(timestamptz, integer);
DROP FUNCTION webhooks_uuid7();
