"""The folder of the embedded servers: its files, its locks, and what may be wrong with it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED_BYTES = 200 * 1024 * 1024


class EmbeddedError(RuntimeError):
    """Something about the embedded servers that a person must mend; the text says what and how."""


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().absolute()
        self.key = hashlib.sha256(str(self.path).encode()).hexdigest()[:10]

    def file(self, name: str) -> Path:
        return self.path / "run" / name

    def prepare(self) -> None:
        try:
            (self.path / "run").mkdir(parents=True, exist_ok=True)
            self.file(".writable").write_text("")
            free = shutil.disk_usage(self.path).free
        except OSError as error:
            raise EmbeddedError(
                f"the folder {self.path} cannot be used ({error.strerror or error}); make it writable or set PAYOS_HOME to another folder"
            ) from error
        if free < NEEDED_BYTES:
            raise EmbeddedError(
                f"only {free // 1_000_000} MB are free where {self.path} lies and at least {NEEDED_BYTES // 1_000_000} MB "
                "are needed; free some space or set PAYOS_HOME to another disk"
            )

    @contextmanager
    def lock(self, name: str, wait: bool = True) -> Iterator[bool]:
        """Hold an exclusive lock on a file for the block; without waiting, says whether it was won."""
        descriptor = os.open(self.file(name), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
                won = True
            except BlockingIOError:
                won = False
            yield won
        finally:
            os.close(descriptor)

    def passwords(self) -> dict[str, str]:
        path = self.path / "server-passwords.json"
        if path.exists():
            try:
                return dict(json.loads(path.read_text()))
            except ValueError as error:
                raise EmbeddedError(
                    f"{path} is damaged ({error}); restore it from a backup, or remove {self.path} to start anew"
                ) from error
        made = {name: secrets.token_urlsafe(24) for name in ("superuser", "owner", "app", "valkey")}
        partial = path.with_suffix(".new")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(made))
        partial.replace(path)
        return made
