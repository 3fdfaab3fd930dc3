"""Receiving files: kept first, read afterwards. The same bytes again are the same file."""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.db import connection, transaction

from ingestion import registry
from ingestion.models import SourceFile
from ingestion.parsers.records import Unreadable
from ingestion.services.profiles import find_profile
from operations.services import open_case
from payos.kernel import clock, ids
from payos.kernel.errors import Problem

LARGEST = 2 << 30
CHUNK = 1 << 20


def path_of(file: SourceFile) -> Path:
    return stored(file.sha256)


def stored(sha256: str) -> Path:
    return settings.RAW_STORE / sha256[:2] / sha256


def _keep_bytes(content: BinaryIO) -> tuple[str, int]:
    """Write the bytes under their hash, whole or not at all, and read-only from then on."""
    digest, size, name = hashlib.sha256(), 0, ""
    try:
        settings.RAW_STORE.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=settings.RAW_STORE, prefix=".new-")
        with os.fdopen(handle, "wb") as target:
            while chunk := content.read(CHUNK):
                size += len(chunk)
                if size > LARGEST:
                    raise Problem("payload_too_large", f"The file is over {LARGEST >> 30} GB.")
                digest.update(chunk)
                target.write(chunk)
            target.flush()
            os.fsync(target.fileno())
        sha256 = digest.hexdigest()
        final = stored(sha256)
        final.parent.mkdir(exist_ok=True)
        os.chmod(name, 0o440)
        os.replace(name, final)
    except OSError as error:
        raise Problem("unavailable", f"The file cannot be kept ({error.strerror}): nothing was read from it.") from error
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
    return sha256, size


def receive_file(
    *,
    content: BinaryIO,
    name: str,
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    came_by: str = "upload",
    format: str = "",
    profile: dict[str, Any] | None = None,
    profile_name: str = "",
) -> tuple[SourceFile, bool]:
    """Keep a file; says whether it is new. The bytes are on disk before the row that names them commits.

    A named mapping profile is kept with the file as it is now, so that the file can be read the same way for ever.
    """
    if profile_name:
        profile = find_profile(name=profile_name, partner_id=partner_id).as_dict()
    sha256, size = _keep_bytes(content)
    name = "".join(letter for letter in Path(name).name if letter.isprintable())[:200] or "unnamed"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ingestion_sourcefile AS f (id, created_at, partner_id, livemode, name, sha256, size, came_by, format, profile,"
            " facts, times_seen, state) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s::jsonb, '{}', 1, 'received')"
            " ON CONFLICT (partner_id, livemode, sha256) DO UPDATE SET times_seen = f.times_seen + 1,"
            # What could not be read yet takes the format and mapping that come with it now; what was read keeps its own.
            " format = CASE WHEN f.state IN ('received', 'quarantined') AND excluded.format <> '' THEN excluded.format ELSE f.format END,"
            " profile = CASE WHEN f.state IN ('received', 'quarantined') THEN coalesce(excluded.profile, f.profile) ELSE f.profile END"
            " RETURNING id, times_seen",
            [ids.uuid7(), clock.now(), partner_id, livemode, name, sha256, size, came_by[:60], format[:40], _json(profile)],
        )
        key, seen = cursor.fetchone()
    return SourceFile.objects.get(pk=key), seen == 1


def _json(value: Any) -> str | None:
    import json

    return None if value is None else json.dumps(value)


def process_file(*, file: SourceFile) -> SourceFile:
    """Let everyone who wants files read it. Unreadable: quarantined with a case. Lying totals: flagged."""
    facts: dict[str, Any] = {}
    state = "processed"
    try:
        with transaction.atomic():
            locked = SourceFile.objects.select_for_update(of=("self",)).get(pk=file.pk)
            for handler in registry.handlers():
                facts |= handler(file=locked) or {}
            if facts.get("flags"):
                state = "flagged"
            finish(locked, state, facts)
    except (Unreadable, Problem) as error:
        text = error.detail if isinstance(error, Problem) else str(error)
        with transaction.atomic():
            finish(file, "quarantined", {"error": text})
            open_case(
                kind="file_quarantined",
                cause_key=f"file:{file.pk}",
                title=f"{file.name} cannot be used"[:200],
                detail=f"{text.rstrip('.')}. The file is kept as {file.public_id}; nothing was booked from it.",
                subject=("ingestion.sourcefile", str(file.pk)),
                partner_id=file.partner_id,
                livemode=file.livemode,
                reason_code="quarantined",
            )
    file.refresh_from_db()
    return file


def finish(file: SourceFile, state: str, facts: dict[str, Any]) -> None:
    SourceFile.objects.filter(pk=file.pk).update(state=state, facts=facts, processed_at=clock.now())
