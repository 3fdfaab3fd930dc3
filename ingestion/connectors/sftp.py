"""A folder on an SFTP server whose host key is pinned."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ingestion.connectors.base import LARGEST, ConnectorError, Found, after, needed
from ingestion.connectors.folder import PARTIAL, QUIET_SECONDS
from payos.kernel import sftp


class Sftp:
    """{"host", "port"?, "user", "host_key", "path", "pattern"?, "after"?}; the secret is a password or a private key."""

    def __init__(self, config: dict[str, Any], secret: str, checkpoint: dict[str, Any]) -> None:
        self.host, self.user, self.host_key, self.path = needed(config, "host", "user", "host_key", "path")
        self.pattern, self.after = config.get("pattern", "*"), after(config)
        self.quiet = float(config.get("quiet_seconds", QUIET_SECONDS))
        try:
            port, timeout = int(config.get("port", 22)), float(config.get("timeout", sftp.TIMEOUT))
        except (TypeError, ValueError):
            raise ConnectorError("port and timeout must be numbers") from None
        self.session = sftp.Session(host=self.host, port=port, user=self.user, host_key=self.host_key, secret=secret, timeout=timeout)

    def _run(self, work: Any) -> Any:
        try:
            return self.session.run(work)
        except sftp.SftpError as error:
            raise ConnectorError(str(error)) from error

    def test(self) -> str:
        return f"{self.host} answers, its key is the pinned one, and {self.path} holds {sum(1 for _ in self.find())} files to read."

    def find(self) -> Iterator[Found]:
        async def work(client: Any) -> list[Found]:
            found = []
            async for entry in client.scandir(self.path):
                name = str(entry.filename)
                attrs = entry.attrs
                if name.startswith(".") or name.lower().endswith(PARTIAL) or not fnmatch.fnmatch(name, self.pattern):
                    continue
                # 1 is a regular file; servers that do not say are believed to mean one.
                if getattr(attrs, "type", 1) not in {1, 5} or time.time() - (attrs.mtime or 0) < self.quiet:
                    continue
                found.append(Found(name, name, f"{attrs.size}:{attrs.mtime}"))
            return found

        yield from sorted(self._run(work), key=lambda item: item.name)

    def _at(self, *parts: str) -> str:
        return str(PurePosixPath(self.path, *(PurePosixPath(part).name for part in parts)))

    def fetch(self, found: Found) -> bytes:
        async def work(client: Any) -> bytes:
            async with client.open(self._at(found.key), "rb") as file:
                content = await file.read(LARGEST + 1)
            if len(content) > LARGEST:
                raise ConnectorError(f"{found.name} is over {LARGEST >> 20} MB")
            return bytes(content)

        return bytes(self._run(work))

    def done(self, found: Found, quarantined: bool) -> None:
        async def work(client: Any) -> None:
            if quarantined or self.after == "archive":
                target = self._at("quarantine" if quarantined else "archive")
                await client.makedirs(target, exist_ok=True)
                await client.posix_rename(self._at(found.key), f"{target}/{PurePosixPath(found.key).name}")
            elif self.after == "delete":
                await client.remove(self._at(found.key))

        self._run(work)

    def checkpoint(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.session.close()
