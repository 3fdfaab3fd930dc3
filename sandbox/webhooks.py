"""Webhooks as Standard Webhooks signs them, sent until the receiver answers 2xx, on a widening schedule.

The queue is a table, so a killed bank goes on sending; a receiver may see one twice, as with every real bank.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from sandbox.books import Books, real_time

RETRY_STEPS = (1, 2, 5, 15, 60, 300, 900)  # multiples of the base; then the webhook is dead
CONCURRENCY, ANSWER_SECONDS, CLAIM = 16, 5.0, 400
# What a receiver that is down, slow or no HTTP server at all ends in.
NO_ANSWER = (OSError, EOFError, ValueError, IndexError, TimeoutError, asyncio.LimitOverrunError)


def secret_bytes(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()


def signature(secret: str, identifier: str, timestamp: int, body: str) -> str:
    digest = hmac.new(secret_bytes(secret), f"{identifier}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


class Sender:
    def __init__(self, books: Books, url: str, secret: str, retry_base: float, log: Callable[[str], None]) -> None:
        self.books, self.url, self.secret, self.retry_base, self.log = books, url, secret, retry_base, log
        self.idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def run(self) -> None:
        while True:
            try:
                if self.url and await self.send_due():
                    continue
            except Exception as error:  # noqa: BLE001 - one odd receiver must not end the sending; what is due stays due
                self.log(f"sending webhooks failed and will be tried again: {error!r}")
                await asyncio.sleep(1)
            await asyncio.sleep(0.02)

    async def send_due(self) -> int:
        due = self.books.db.execute(
            "SELECT id, body, copies, attempts FROM webhooks WHERE state = 'pending' AND next_at <= ? ORDER BY next_at LIMIT ?",
            [real_time(), CLAIM],
        ).fetchall()
        if not due:
            return 0
        queue = list(reversed(due))
        results: list[tuple[str, float, str]] = []

        async def worker() -> None:
            while queue:
                row = queue.pop()
                status = 0
                for _ in range(row["copies"]):
                    status = await self.post(row["id"], row["body"])
                if 200 <= status < 300:
                    results.append(("delivered", 0.0, row["id"]))
                elif status == 410 or row["attempts"] >= len(RETRY_STEPS):
                    results.append(("dead", 0.0, row["id"]))
                else:
                    wait = RETRY_STEPS[row["attempts"]] * self.retry_base
                    results.append(("pending", real_time() + wait, row["id"]))

        await asyncio.gather(*(worker() for _ in range(min(CONCURRENCY, len(due)))))
        with self.books.transaction() as db:
            db.executemany("UPDATE webhooks SET state = ?, next_at = ?, attempts = attempts + 1 WHERE id = ?", results)
        return len(due)

    async def post(self, identifier: str, body: str) -> int:
        """The status the receiver answered, 0 when it did not."""
        stale = bool(self.idle)
        try:
            return await asyncio.wait_for(self._exchange(identifier, body), ANSWER_SECONDS)
        except (OSError, EOFError, ValueError, TimeoutError):
            if stale:  # a kept connection may have died of age: one fresh try before it counts as an attempt
                self.drop_idle()
                try:
                    return await asyncio.wait_for(self._exchange(identifier, body), ANSWER_SECONDS)
                except NO_ANSWER as again:
                    error = again
            self.log(f"webhook {identifier} got no answer: {error!r}")
            return 0

    async def _exchange(self, identifier: str, body: str) -> int:
        target = urlsplit(self.url)
        secure = target.scheme == "https"
        if self.idle:
            reader, writer = self.idle.pop()
        else:
            reader, writer = await asyncio.open_connection(
                target.hostname, target.port or (443 if secure else 80), ssl=ssl.create_default_context() if secure else None
            )
        kept = False
        try:
            timestamp, data = int(time.time()), body.encode()
            path = (target.path or "/") + (f"?{target.query}" if target.query else "")
            head = (
                f"POST {path} HTTP/1.1\r\nhost: {target.netloc}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(data)}\r\nuser-agent: sandbox-bank\r\nwebhook-id: {identifier}\r\n"
                f"webhook-timestamp: {timestamp}\r\nwebhook-signature: {signature(self.secret, identifier, timestamp, body)}\r\n\r\n"
            )
            writer.write(head.encode("latin-1") + data)
            await writer.drain()
            lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            status = int(lines[0].split(" ")[1])
            headers = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
            length = headers.get("content-length", "").strip()
            if length.isdigit():
                await reader.readexactly(int(length))
                kept = "close" not in headers.get("connection", "") and len(self.idle) < CONCURRENCY
            return status
        finally:
            if kept:
                self.idle.append((reader, writer))
            else:
                writer.close()

    def drop_idle(self) -> None:
        while self.idle:
            self.idle.pop()[1].close()
