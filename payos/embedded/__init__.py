"""The embedded PostgreSQL and Valkey: real servers under PAYOS_HOME, started when something needs them.

A small keeper process owns both servers. Everyone who uses them holds a shared lock on one file; when the last
user is gone, however it went, the keeper stops the servers and leaves. A killed keeper takes its servers along
(the kernel signals them), so nothing is ever left behind. Start reading at `ensure`, then `keeper.py`.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from payos.embedded.home import EmbeddedError, Home

__all__ = ["EmbeddedError", "django_connection", "ensure", "ensure_from_environment", "redis_url", "stop", "superuser_url"]

START_SECONDS = 90.0
_endpoints: dict[str, dict[str, Any]] = {}
_held: dict[str, tuple[int, int]] = {}  # home -> (process id, descriptor of the users' lock)


def ensure_from_environment() -> dict[str, Any]:
    from django.conf import settings

    return ensure(settings.PAYOS_HOME)


def ensure(path: Path | str) -> dict[str, Any]:
    """Make sure that both servers run; returns where they are. Cheap when they do."""
    home = Home(Path(path))
    key = str(home.path)
    if key in _endpoints and _alive(_endpoints[key]["keeper_pid"]):
        return _endpoints[key]
    home.prepare()
    _hold(home)
    with home.lock("start.lock"):
        endpoints = _running(home)
        if endpoints is None:
            endpoints = _start(home)
    _endpoints[key] = endpoints
    return endpoints


def _hold(home: Home) -> None:
    known = _held.get(str(home.path))
    if known is not None:
        return
    descriptor = os.open(home.file("users.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _held[str(home.path)] = (os.getpid(), descriptor)


def _release(home: Home) -> None:
    known = _held.pop(str(home.path), None)
    if known is not None:
        os.close(known[1])


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _running(home: Home) -> dict[str, Any] | None:
    """The endpoints of a keeper that holds its lock; anything else in the file is a leftover."""
    with home.lock("keeper.lock", wait=False) as won:
        if won:
            return None
    try:
        endpoints: dict[str, Any] = json.loads(home.file("endpoints.json").read_text())
    except (OSError, ValueError):
        return None
    return endpoints if _alive(endpoints["keeper_pid"]) else None


def _start(home: Home) -> dict[str, Any]:
    home.file("endpoints.json").unlink(missing_ok=True)
    home.file("keeper.error").unlink(missing_ok=True)
    process = _launch(home)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            endpoints: dict[str, Any] = json.loads(home.file("endpoints.json").read_text())
            return endpoints
        except (OSError, ValueError):
            pass
        if process.poll() == 0 and not home.file("keeper.error").exists():
            # The keeper before it is still stopping its servers and holds its lock: start after it.
            time.sleep(0.1)
            process = _launch(home)
        elif process.poll() is not None:
            raise EmbeddedError(_why(home))
        time.sleep(0.02)
    process.terminate()
    raise EmbeddedError(f"the embedded servers did not start within {START_SECONDS:.0f} s; see {home.file('keeper.log')}")


def _launch(home: Home) -> subprocess.Popen[bytes]:
    with home.file("keeper.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "payos.embedded.keeper", str(home.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=Path(__file__).resolve().parent.parent.parent,
        )


def _why(home: Home) -> str:
    try:
        return home.file("keeper.error").read_text().strip()
    except OSError:
        return f"the embedded servers stopped while starting; see {home.file('keeper.log')}"


def stop(path: Path | str, *, wait: float = 30.0) -> bool:
    """Stop the servers now if nobody else uses them. Returns whether they are down."""
    home = Home(Path(path))
    _release(home)
    _endpoints.pop(str(home.path), None)
    with home.lock("users.lock", wait=False) as alone:
        if not alone:
            return False
    try:
        pid = int(json.loads(home.file("endpoints.json").read_text())["keeper_pid"])
        os.kill(pid, signal.SIGTERM)
    except (OSError, ValueError, KeyError):
        return True
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        with home.lock("keeper.lock", wait=False) as gone:
            if gone:
                return True
        time.sleep(0.05)
    return False


def django_connection(role: str, name: str) -> dict[str, Any]:
    """What Django needs to log in as the application ("app") or the owner ("owner")."""
    endpoints = ensure_from_environment()
    return {
        "HOST": endpoints["socket_folder"],
        "PORT": str(endpoints["port"]),
        "USER": f"payos_{role}",
        "PASSWORD": endpoints["passwords"][role],
        "NAME": name,
    }


def superuser_url(database: str = "postgres") -> str:
    endpoints = ensure_from_environment()
    return (
        f"postgresql://postgres:{endpoints['passwords']['superuser']}@/{database}"
        f"?host={endpoints['socket_folder']}&port={endpoints['port']}"
    )


def redis_url() -> str:
    endpoints = ensure_from_environment()
    return f"redis://:{endpoints['passwords']['valkey']}@127.0.0.1:{endpoints['valkey_port']}/0"
