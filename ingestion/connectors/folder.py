"""A folder that others put files into."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingestion.connectors.base import LARGEST, ConnectorError, Found, after, needed
from ingestion.connectors.settings import Setting, after_reading, pattern, rest, whole_path

PARTIAL = (".part", ".partial", ".tmp", ".filepart", ".crdownload")
QUIET_SECONDS = 5.0


class Folder:
    """Files still being written are left alone."""

    TITLE = "Folder"
    ABOUT = "Files that others put into a folder that this machine can see: a drop folder, a mounted share."
    CREDENTIAL = ""
    SETTINGS = (
        Setting("path", "Folder", "The whole path, as the worker sees it: /srv/bank/in", required=True, check=whole_path),
        pattern("Files"),
        after_reading(),
        rest(),
    )

    def __init__(self, config: dict[str, Any], secret: str, checkpoint: dict[str, Any]) -> None:
        self.path = Path(needed(config, "path")[0])
        self.pattern = config.get("pattern", "*")
        self.after = after(config)
        self.quiet = float(config.get("quiet_seconds", QUIET_SECONDS))

    def test(self) -> str:
        if not self.path.is_dir():
            raise ConnectorError(f"{self.path} is no folder that this process can see")
        return f"{self.path} is readable and holds {sum(1 for _ in self.find())} files to read."

    def find(self) -> Iterator[Found]:
        try:
            entries = sorted(self.path.iterdir())
        except OSError as error:
            raise ConnectorError(f"{self.path} cannot be listed: {error.strerror}") from error
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower().endswith(PARTIAL) or not entry.is_file() or entry.is_symlink():
                continue
            stat = entry.stat()
            # A file that changed a moment ago may still be growing.
            if fnmatch.fnmatch(entry.name, self.pattern) and time.time() - stat.st_mtime >= self.quiet:
                yield Found(entry.name, entry.name, f"{stat.st_size}:{stat.st_mtime_ns}")

    def fetch(self, found: Found) -> bytes:
        file = self.path / Path(found.key).name
        try:
            if file.stat().st_size > LARGEST:
                raise ConnectorError(f"{found.name} is over {LARGEST >> 20} MB")
            return file.read_bytes()
        except OSError as error:
            raise ConnectorError(f"{found.name} cannot be read: {error.strerror}") from error

    def done(self, found: Found, quarantined: bool) -> None:
        file = self.path / Path(found.key).name
        try:
            if quarantined or self.after == "archive":
                target = self.path / ("quarantine" if quarantined else "archive")
                target.mkdir(exist_ok=True)
                file.replace(target / file.name)
            elif self.after == "delete":
                file.unlink(missing_ok=True)
        except OSError as error:
            # What was to stay where it is stays there too when it cannot be read; the file's own page says so.
            if self.after != "keep":
                raise ConnectorError(f"{found.name} was read, but cannot be moved out of {self.path}: {error.strerror}") from error

    def checkpoint(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Nothing is held open."""
