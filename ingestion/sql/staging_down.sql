DROP FUNCTION IF EXISTS ingestion_process_staging(int, timestamptz, boolean, bigint[]);
DROP FUNCTION IF EXISTS ingestion_post_batch(timestamptz);
