"""A bank's folder: on this machine or over SFTP. Files appear whole or not at all; writing the same file again is one file."""

from __future__ import annotations

import asyncio
from pathlib import Path, PurePosixPath
from typing import Any, Protocol


class Place(Protocol):
    def put(self, name: str, content: bytes) -> None: ...
    def names(self) -> list[str]: ...
    def get(self, name: str) -> bytes: ...
    def close(self) -> None: ...


class DropError(RuntimeError):
    """The bank's folder cannot be reached or written."""


def open_place(config: dict[str, Any], credentials: str) -> Place:
    if config.get("sftp"):
        return Sftp(config["sftp"], credentials)
    return Folder(Path(config.get("outgoing", "")), Path(config.get("incoming", "")))


class Folder:
    def __init__(self, outgoing: Path, incoming: Path) -> None:
        self.outgoing, self.incoming = outgoing, incoming

    def put(self, name: str, content: bytes) -> None:
        try:
            self.outgoing.mkdir(parents=True, exist_ok=True)
            partial = self.outgoing / f"{name}.part"
            partial.write_bytes(content)
            partial.replace(self.outgoing / name)
        except OSError as error:
            raise DropError(f"{name} cannot be written to {self.outgoing}: {error.strerror}") from error

    def names(self) -> list[str]:
        if not self.incoming.is_dir():
            return []
        return sorted(path.name for path in self.incoming.iterdir() if path.is_file() and not path.name.endswith(".part"))

    def get(self, name: str) -> bytes:
        return (self.incoming / PurePosixPath(name).name).read_bytes()

    def close(self) -> None:
        """Nothing is held open."""


class Sftp:
    """With the host key pinned: {"host", "port", "user", "host_key", "outgoing", "incoming"}; the secret is a password."""

    def __init__(self, config: dict[str, Any], credentials: str) -> None:
        self.config, self.password = config, credentials

    def _run(self, work: Any) -> Any:
        import asyncssh

        async def go() -> Any:
            known = asyncssh.import_known_hosts(f"[{self.config['host']}]:{self.config.get('port', 22)} {self.config['host_key']}\n")
            options = {"port": self.config.get("port", 22), "username": self.config["user"], "password": self.password}
            async with asyncssh.connect(self.config["host"], known_hosts=known, client_keys=None, **options) as connection:
                async with connection.start_sftp_client() as client:
                    return await work(client)

        try:
            return asyncio.run(asyncio.wait_for(go(), self.config.get("timeout", 60)))
        except (OSError, asyncssh.Error, TimeoutError) as error:
            raise DropError(f"the SFTP server {self.config['host']} failed: {error}") from error

    def put(self, name: str, content: bytes) -> None:
        async def work(client: Any) -> None:
            folder = self.config.get("outgoing", ".")
            async with client.open(f"{folder}/{name}.part", "wb") as file:
                await file.write(content)
            if await client.exists(f"{folder}/{name}"):
                await client.remove(f"{folder}/{name}")
            await client.rename(f"{folder}/{name}.part", f"{folder}/{name}")

        self._run(work)

    def names(self) -> list[str]:
        async def work(client: Any) -> list[str]:
            return [str(name) for name in await client.listdir(self.config.get("incoming", "."))]

        return sorted(name for name in self._run(work) if not name.startswith(".") and not name.endswith(".part"))

    def get(self, name: str) -> bytes:
        async def work(client: Any) -> bytes:
            async with client.open(f"{self.config.get('incoming', '.')}/{PurePosixPath(name).name}", "rb") as file:
                return bytes(await file.read())

        return bytes(self._run(work))

    def close(self) -> None:
        """Each call makes its own connection."""
