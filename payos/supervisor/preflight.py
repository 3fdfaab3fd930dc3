"""What has to be true before anything is started. Each failure is one sentence with what to do about it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from pathlib import Path
from typing import Any


class Refused(RuntimeError):
    """The product cannot start; the text says why and what to do."""


class OnlyCopy:
    """Held for as long as a copy runs on this data; the file says who holds it and where it answers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            holder = self.holder()
            where = f" at {holder['url']}" if holder.get("url") else ""
            who = f" (process {holder['pid']})" if holder.get("pid") else ""
            raise Refused(
                f"PayOS is already running on the data in {self.path.parent.parent}{where}{who}; use that one, stop it "
                "with `make stop`, or set PAYOS_HOME to another folder and choose another port"
            ) from None
        self._descriptor = descriptor
        self.describe(pid=os.getpid())

    def describe(self, **facts: Any) -> None:
        assert self._descriptor is not None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, json.dumps(facts).encode(), 0)

    def holder(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self.path.read_text()))
        except (OSError, ValueError):
            return {}

    def held_by_someone(self) -> bool:
        try:
            descriptor = os.open(self.path, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return False
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)

    def release(self) -> None:
        if self._descriptor is not None:
            self.describe()
            os.close(self._descriptor)
            self._descriptor = None


def require_port(host: str, port: int, option: str, what: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            # Two sockets may share an address that nobody listens on yet; listening tells the truth.
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise Refused(
                    f"port {port} on {host}, where {what} should answer, is in use; stop what listens there, or choose "
                    f'another port: make run ARGS="{option} {port + 1}"'
                ) from None
            if error.errno == errno.EACCES:
                raise Refused(f'port {port} needs root; choose one above 1023: make run ARGS="{option} 8000"') from None
            raise Refused(
                f"{what} cannot listen on {host}:{port} ({error.strerror or error}); choose another address with --host"
            ) from None


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
