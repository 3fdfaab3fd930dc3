"""What is done to the servers underneath: the embedded ones of this home only, a server's own are nobody's to kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections

BACK_SECONDS = 60.0


def wipe_valkey() -> bool:
    from payos.kernel import redis

    with contextlib.suppress(*redis.Unavailable):
        redis.client().flushall()
    return True


def kill_valkey() -> bool:
    """Its keeper starts it again."""
    pid = _endpoint("valkey_pid")
    if pid is None or settings.REDIS_URL:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return True


def crash_database() -> bool:
    """SIGKILL to a server process: PostgreSQL throws every session out, recovers from its log and takes connections again."""
    if not settings.EMBEDDED:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            os.kill(int(cursor.fetchone()[0]), signal.SIGKILL)
    except PermissionError:
        return False
    except (DatabaseError, InterfaceError):
        pass  # it is away already
    connections.close_all()
    deadline = time.monotonic() + BACK_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(DatabaseError, InterfaceError), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return True
        connections.close_all()
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not come back within {BACK_SECONDS:.0f} s")


def _endpoint(name: str) -> Any:
    if not settings.EMBEDDED:
        return None
    try:
        return int(json.loads((settings.PAYOS_HOME / "run" / "endpoints.json").read_text())[name])
    except (OSError, ValueError, KeyError):
        return None
