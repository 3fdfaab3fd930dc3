"""A folder on an SFTP server whose host key is pinned."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from ingestion.connectors.base import LARGEST, ConnectorError, Found, after, needed
from ingestion.connectors.folder import PARTIAL, QUIET_SECONDS
from ingestion.connectors.settings import Setting, after_reading, bare_host, pattern, public_key, rest
from payos.kernel import sftp


class Sftp:
    """The key of the server is pinned: another one there is an attack until somebody has found out why."""

    TITLE = "SFTP"
    ABOUT = "Files on a server of the bank or processor, over SSH with its key pinned."
    CREDENTIAL = "Password, or the private key with its BEGIN and END lines"
    SETTINGS = (
        Setting("host", "Server", "Name or address: sftp.bank.example", required=True, check=bare_host),
        Setting("port", "Port", "Empty: 22.", whole=(1, 65_535)),
        Setting("user", "User", required=True),
        Setting(
            "host_key",
            "Key of the server",
            "Its kind and text: ssh-ed25519 AAAA... The command ssh-keyscan prints it; compare it with what the bank gave you.",
            required=True,
            check=public_key,
        ),
        Setting("path", "Folder", "On the server: /out/statements", required=True),
        pattern("Files"),
        after_reading(),
        rest(),
        Setting("timeout", "Patience in seconds", "For each step. Empty: 60.", whole=(1, 600)),
    )

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
                await _move(client, self._at(found.key), f"{target}/{PurePosixPath(found.key).name}")
            elif self.after == "delete":
                await client.remove(self._at(found.key))

        try:
            self._run(work)
        except ConnectorError as error:
            # What was to stay where it is stays there too when it cannot be read; the file's own page says so.
            if self.after != "keep":
                raise ConnectorError(f"{found.name} was read, but cannot be moved out of {self.path}: {error}") from error

    def checkpoint(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.session.close()


async def _move(client: Any, source: str, target: str) -> None:
    """Over a file of that name where the server can do that in one step; servers that cannot get the two steps of old."""
    import asyncssh

    try:
        await client.posix_rename(source, target)
    except asyncssh.SFTPOpUnsupported:
        if await client.exists(target):
            await client.remove(target)
        await client.rename(source, target)
