"""A bank's folder: on this machine or over SFTP. Files appear whole or not at all; writing the same file again is one file."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any, Protocol

from payos.kernel import sftp


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
    """With the host key pinned: {"host", "port", "user", "host_key", "outgoing", "incoming"}; the secret is a password or a private key."""

    def __init__(self, config: dict[str, Any], credentials: str) -> None:
        self.config, self.credentials = config, credentials

    def _run(self, work: Any) -> Any:
        config = self.config
        try:
            with sftp.Session(
                host=config["host"], port=config.get("port", 22), user=config["user"], host_key=config["host_key"], secret=self.credentials,
                timeout=config.get("timeout", sftp.TIMEOUT),
            ) as session:  # fmt: skip
                return session.run(work)
        except sftp.SftpError as error:
            raise DropError(str(error)) from error

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
