DROP FUNCTION ingestion_record_many;
