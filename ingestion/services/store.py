"""The store of raw files, watched: whether a file can be kept is known before a bank sends one."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from django.conf import settings

from operations.services import open_case, resolve_by_cause
from payos.kernel import tenancy

PROBE = 64 * 1024
CAUSE = "ingestion:raw-store"


def store_fault() -> str:
    """Why the store takes nothing; empty where a probe of some bytes could be written and removed."""
    name = ""
    try:
        settings.RAW_STORE.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=settings.RAW_STORE, prefix=".probe-")
        with os.fdopen(handle, "wb") as target:
            target.write(b"\0" * PROBE)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        return error.strerror or type(error).__name__
    finally:
        if name:
            Path(name).unlink(missing_ok=True)
    return ""


def watch_store() -> str:
    """A store that takes nothing is a critical case; it is resolved by itself when there is room again."""
    why = store_fault()
    with tenancy.platform_scope(actor="clock:store"):
        if not why:
            resolve_by_cause([CAUSE], resolution="room_again", note="Files can be kept again.")
            return ""
        open_case(
            kind="store_full",
            cause_key=CAUSE,
            title="Files cannot be kept",
            detail=f"The store of raw files takes nothing ({why}). Statements and reports are refused until it does; make room under RAW_STORE.",
            subject=("ingestion.store", "raw"),
            partner_id=None,
            livemode=True,
            severity=4,
            reason_code="store_full",
        )
    return why
