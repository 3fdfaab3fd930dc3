"""Management package of the ingestion app."""
