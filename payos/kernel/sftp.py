"""An SFTP session whose host key is pinned: the only way that files reach or leave a bank's server.

Asynchronous inside, plain outside: `run` takes a coroutine function of the client and waits for it within the timeout.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")
TIMEOUT = 60.0
CLOSING = 5.0


class SftpError(RuntimeError):
    """The server cannot be reached, is not the one that was pinned, or refuses; the text says what to mend."""


class Session:
    """Opened at the first `run`, one connection until `close`. The secret is a password or a private key."""

    def __init__(self, *, host: str, port: int = 22, user: str, host_key: str, secret: str, timeout: float = TIMEOUT) -> None:
        self.host, self.port, self.user, self.host_key = host, int(port), user, host_key
        self.timeout = float(timeout)
        self._secret = secret
        self._loop = asyncio.new_event_loop()
        self._connection: Any = None
        self._client: Any = None

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def run(self, work: Callable[[Any], Awaitable[T]]) -> T:
        import asyncssh

        async def go() -> T:
            if self._client is None:
                await self._open(asyncssh)
            return await work(self._client)

        try:
            return self._loop.run_until_complete(asyncio.wait_for(go(), self.timeout))
        except asyncssh.HostKeyNotVerifiable as error:
            raise SftpError(f"the host key of {self.host} is not the pinned one: find out why before changing it ({error})") from error
        except asyncssh.KeyImportError as error:
            raise SftpError(f"the key for {self.host} cannot be read: {error}") from error
        except asyncssh.PermissionDenied as error:
            raise SftpError(f"{self.host} refuses the user {self.user}: check the password or key") from error
        except TimeoutError as error:
            raise SftpError(f"the SFTP server {self.host} did not answer within {self.timeout:g} seconds") from error
        except (OSError, ValueError, asyncssh.Error) as error:
            raise SftpError(f"the SFTP server {self.host} failed: {error}") from error

    async def _open(self, asyncssh: Any) -> None:
        # With known hosts given, whatever the machine's own file says counts for nothing.
        options: dict[str, Any] = {
            "port": self.port, "username": self.user,
            "known_hosts": asyncssh.import_known_hosts(f"[{self.host}]:{self.port} {self.host_key}\n"),
        }  # fmt: skip
        if "PRIVATE KEY" in self._secret:
            options["client_keys"] = [asyncssh.import_private_key(self._secret)]
        else:
            options |= {"password": self._secret, "client_keys": None}
        connection = await asyncssh.connect(self.host, **options)
        try:
            self._client = await connection.start_sftp_client()
        except BaseException:
            # Let in, but no files are served there, or not in time: nobody would ever close this connection. A bank counts them.
            connection.abort()
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connection.wait_closed(), CLOSING)
            raise
        self._connection = connection

    def close(self) -> None:
        connection, self._connection, self._client = self._connection, None, None
        if self._loop.is_closed():
            return
        if connection is not None:
            connection.close()
            with contextlib.suppress(Exception):  # it is over either way
                self._loop.run_until_complete(asyncio.wait_for(connection.wait_closed(), CLOSING))
        self._loop.close()
