"""The owner alias migrates; everything else reads and writes as the application role."""

from __future__ import annotations

from typing import Any


class OwnerMigrates:
    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        instance = hints.get("instance")
        return instance._state.db if instance is not None and instance._state.db else None

    db_for_write = db_for_read

    def allow_relation(self, first: Any, second: Any, **hints: Any) -> bool:
        return True

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return db == "owner"
