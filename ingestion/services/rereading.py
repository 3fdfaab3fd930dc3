"""Reading a kept file again, with a newer reader or another mapping: what would change is shown, then applied as it was shown."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from ingestion import registry
from ingestion.models import SourceFile
from ingestion.parsers.records import Unreadable
from ingestion.services.files import finish
from ingestion.services.profiles import find_profile
from payos.kernel.errors import Problem


def _profile(file: SourceFile, profile_name: str | None) -> dict[str, Any] | None:
    """None keeps the mapping that the file was read with; an empty name takes it away."""
    if profile_name is None:
        return file.profile
    return find_profile(name=profile_name, partner_id=file.partner_id).as_dict() if profile_name else None


@transaction.atomic
def compare_readings(*, file: SourceFile, format: str | None = None, profile_name: str | None = None) -> list[dict[str, Any]]:
    """What reading the file this way would change, one answer for each reader of files. Nothing is written."""
    try:
        return [
            item.compare(file=file, format=file.format if format is None else format, profile=_profile(file, profile_name))
            for item in registry.rereaders()
        ]
    except Unreadable as error:
        raise Problem("unprocessable", f"Read this way, nothing in the file is readable: {error}. What is kept stays as it is.") from None


@transaction.atomic
def read_again(*, file: SourceFile, format: str | None = None, profile_name: str | None = None, expected: list[str]) -> SourceFile:
    """Read the file again and make it so. `expected` names the differences that were seen; others are refused."""
    locked = SourceFile.objects.select_for_update(of=("self",)).get(pk=file.pk)
    locked.format = locked.format if format is None else format
    locked.profile = _profile(locked, profile_name)
    rereaders = registry.rereaders()
    if len(expected) != len(rereaders):
        raise Problem("invalid_state", "Look at the difference first.")
    facts: dict[str, Any] = {}
    try:
        for item, digest in zip(rereaders, expected, strict=True):
            item.retire(file=locked, format=locked.format, profile=locked.profile, expected=digest)
        locked.save(update_fields=["format", "profile"])
        for handler in registry.handlers():
            facts |= handler(file=locked) or {}
    except Unreadable as error:
        raise Problem("unprocessable", f"Read this way, nothing in the file is readable: {error}. What is kept stays as it is.") from None
    finish(locked, "flagged" if facts.get("flags") else "processed", facts)
    locked.refresh_from_db()
    return locked
