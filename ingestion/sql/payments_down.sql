DROP FUNCTION IF EXISTS ingestion_detach_partition(date);
DROP FUNCTION IF EXISTS ingestion_make_partition(date);
DROP FUNCTION IF EXISTS ingestion_content(bigint, text, text, text);
DROP FUNCTION IF EXISTS ingestion_payment_id(timestamptz);
DROP FUNCTION IF EXISTS ingestion_id_floor(timestamptz);
DROP TABLE IF EXISTS ingestion_payment;
