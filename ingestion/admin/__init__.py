"""Console pages of what comes in: payments, their sources, connectors, files and how files are read."""

from ingestion.admin import connectors, files, payments, profiles, sources

__all__ = ["connectors", "files", "payments", "profiles", "sources"]
