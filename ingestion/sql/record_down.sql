DROP FUNCTION IF EXISTS ingestion_record(text[], timestamptz, uuid, boolean, text, text, text, text, bigint, text, text, timestamptz, text, uuid, smallint, text, text, uuid, uuid);
