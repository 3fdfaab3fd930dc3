"""A receiver on loopback that answers, or fails, as its path says. Runs in a thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import time
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


class Receiver:
    """Paths: /ok, /status/<n>, /429/<seconds>, /redirect, /hang, /reset, /garbage, /slow-body, /huge, /flaky/<failures>
    (fails that often per webhook id, then answers 200), /slow/<milliseconds>."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.seen: dict[str, int] = {}
        self.in_flight: dict[str, int] = {}
        self.most_in_flight: dict[str, int] = {}
        self.tls = tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        assert self._ready.wait(10), "the receiver did not start"
        return self

    def __exit__(self, *args: Any) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    def url(self, path: str) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}{path}"

    def to(self, path: str) -> list[Request]:
        return [request for request in list(self.requests) if request.path == path]

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=self.tls)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, asyncio.LimitOverrunError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                path = head[0].split(" ")[1]
                headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(Request(path, headers, body))
                self.in_flight[path] = self.in_flight.get(path, 0) + 1
                self.most_in_flight[path] = max(self.most_in_flight.get(path, 0), self.in_flight[path])
                try:
                    if not await self._answer(path, headers, writer):
                        return
                finally:
                    self.in_flight[path] -= 1
        writer.close()

    async def _answer(self, path: str, headers: dict[str, str], writer: asyncio.StreamWriter) -> bool:
        """True when the connection may be used again."""
        parts = path.strip("/").split("/")
        match parts[0]:
            case "ok":
                await self._say(writer, 200, b'{"received":true}')
            case "status":
                await self._say(writer, int(parts[1]), b"as asked")
            case "429":
                await self._say(writer, 429, b"later", f"Retry-After: {parts[1]}\r\n")
            case "redirect":
                await self._say(writer, 302, b"", f"Location: http://127.0.0.1:{self.port}/ok\r\n")
            case "slow":
                await asyncio.sleep(int(parts[1]) / 1000)
                await self._say(writer, 200, b"at last")
            case "flaky":
                tried = self.seen[headers["webhook-id"]] = self.seen.get(headers["webhook-id"], 0) + 1
                await self._say(writer, 500 if tried <= int(parts[1]) else 200, b"flaky")
            case "hang":
                await asyncio.sleep(3600)
            case "reset":
                writer.transport.abort()
                return False
            case "garbage":
                writer.write(b"SMTP 220 hello\r\n\r\n\x00\x01")
                await writer.drain()
                writer.close()
                return False
            case "slow-body":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                for _ in range(100_000):
                    writer.write(b".")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            case "huge":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                chunk = b"x\x00" * 32_768
                for _ in range(20_000):  # more than a gigabyte, if anybody reads it
                    writer.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                    await writer.drain()
            case _:
                await self._say(writer, 404, b"no such behaviour")
        return True

    async def _say(self, writer: asyncio.StreamWriter, status: int, body: bytes, more: str = "") -> None:
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n{more}\r\n".encode() + body)
        await writer.drain()
