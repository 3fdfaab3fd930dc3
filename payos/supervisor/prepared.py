"""Whether a database is already what this code would make of it: then a start need not migrate and seed again.

What was prepared is written down as hashes of the code, of the demo file and of what the database says was applied.
Anything else than exactly the same (another checkout, a restored backup, a removed file) prepares anew: doing so
twice is harmless, it only takes seconds.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connections

SUFFIXES = {".py", ".sql", ".lock"}


def code() -> str:
    """One hash over everything that migrations, access rules and demo data are made of."""
    digest = hashlib.sha256()
    base = Path(settings.BASE_DIR)
    folders = [base / "payos", *(path.parent for path in sorted(base.glob("*/apps.py")))]
    files = [base / "requirements.lock", *(path for folder in folders for path in sorted(folder.rglob("*")))]
    for path in files:
        if path.suffix in SUFFIXES and path.is_file():
            digest.update(str(path.relative_to(base)).encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def applied() -> list[Any] | None:
    """What this database says of itself: who it is, and how many migrations it has seen."""
    try:
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT d.oid, (SELECT count(*) FROM django_migrations), (SELECT max(applied) FROM django_migrations)"
                           " FROM pg_database d WHERE d.datname = current_database()")  # fmt: skip
            return [str(value) for value in cursor.fetchone()]
    except DatabaseError:
        return None


def state(home: Path, **facts: Any) -> dict[str, Any]:
    demo = home / "demo.json"
    return facts | {
        "code": code(),
        "applied": applied(),
        "demo": hashlib.sha256(demo.read_bytes()).hexdigest() if demo.exists() else None,
    }


def known(home: Path, **facts: Any) -> bool:
    try:
        before = json.loads((home / "run" / "prepared.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(before["applied"] and before == state(home, **facts)) if isinstance(before, dict) and "applied" in before else False


def remember(home: Path, **facts: Any) -> None:
    path = home / "run" / "prepared.json"
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(state(home, **facts)))
    partial.replace(path)
