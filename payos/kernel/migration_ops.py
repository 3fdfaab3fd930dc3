"""Migration operations: SQL of substance lives in readable files beside its migration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import migrations


class RunSQLFile(migrations.RunSQL):
    """RunSQL from `<app>/sql/<name>`; `here` is the migration's __file__."""

    def __init__(self, here: str, up: str, down: str | None = None, **kwargs: Any) -> None:
        folder = Path(here).resolve().parent.parent / "sql"
        sql = (folder / up).read_text()
        reverse = (folder / down).read_text() if down else None
        super().__init__(sql, reverse, **kwargs)
