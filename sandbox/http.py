"""A small HTTP/1.1 server: keep-alive, bounded sizes, and the one thing real servers do not offer, never answering.

Handlers are plain functions on the event loop: a request is a few SQLite statements, shorter than a thread switch.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_HEAD, MAX_BODY = 32_768, 4_194_304
REASONS = {
    200: "OK", 201: "Created", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed",
    409: "Conflict", 411: "Length Required", 413: "Content Too Large", 422: "Unprocessable Content",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 500: "Internal Server Error",
}  # fmt: skip


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        try:
            value = json.loads(self.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise HttpError(400, "invalid_json", f"The body is not JSON: {error}.") from None
        if not isinstance(value, dict):
            raise HttpError(400, "invalid_json", "The body must be a JSON object.")
        return value


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Silence:
    """No answer: the connection stays open for a while and is then cut."""

    seconds: float


class HttpError(Exception):
    def __init__(self, status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, headers or {}


def answer(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def problem(error: HttpError) -> Response:
    response = answer({"error": {"code": error.code, "detail": error.detail}}, error.status)
    response.headers.update(error.headers)
    return response


Handler = Callable[[Request], Response | Silence]


class Connection(asyncio.Protocol):
    def __init__(self, handler: Handler, log: Callable[[str], None]) -> None:
        self.handler, self.log = handler, log
        self.buffer = bytearray()
        self.transport: asyncio.Transport | None = None
        self.silent = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        if self.silent:
            return
        self.buffer += data
        while self.buffer and not self.silent and self._one_request():
            continue

    def _one_request(self) -> bool:
        """Answer the first request of the buffer; False when it is not complete yet or the connection is done."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0 or end > MAX_HEAD:
            if len(self.buffer) > MAX_HEAD:
                self._refuse(HttpError(431, "head_too_large", f"The head of the request is over {MAX_HEAD} bytes."))
            return False
        lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        parts = lines[0].split(" ")
        length = headers.get("content-length", "0")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            self._refuse(HttpError(400, "bad_request", "The first line is not `METHOD path HTTP/1.1`."))
            return False
        if "transfer-encoding" in headers:
            self._refuse(HttpError(411, "length_required", "Send the body with Content-Length."))
            return False
        if not length.isdigit() or int(length) > MAX_BODY:
            self._refuse(HttpError(413, "body_too_large", f"Content-Length must be a number up to {MAX_BODY}."))
            return False
        total = end + 4 + int(length)
        if len(self.buffer) < total:
            if headers.get("expect", "").lower() == "100-continue" and len(self.buffer) == end + 4:
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
            return False
        body = bytes(self.buffer[end + 4 : total])
        del self.buffer[:total]
        split = urlsplit(parts[1])
        request = Request(parts[0], unquote(split.path), dict(parse_qsl(split.query)), headers, body)
        try:
            outcome = self.handler(request)
        except HttpError as error:
            outcome = problem(error)
        except Exception as error:  # noqa: BLE001 - a bug in one handler must not take the bank down; it is logged and answered
            self.log(f"{request.method} {request.path} failed: {error!r}")
            outcome = problem(HttpError(500, "internal_error", f"The sandbox bank failed: {error!r}."))
        if isinstance(outcome, Silence):
            self.silent = True
            asyncio.get_running_loop().call_later(outcome.seconds, self._cut)
            return False
        keep = headers.get("connection", "").lower() != "close" and parts[2] == "HTTP/1.1"
        self._send(outcome, keep)
        return keep

    def _send(self, response: Response, keep: bool) -> None:
        lines = [
            f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}",
            f"content-type: {response.content_type}",
            f"content-length: {len(response.body)}",
            *(f"{name}: {value}" for name, value in response.headers.items()),
            *([] if keep else ["connection: close"]),
        ]
        self._write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + response.body)
        if not keep and self.transport is not None:
            self.transport.close()

    def _refuse(self, error: HttpError) -> None:
        self._send(problem(error), keep=False)

    def _write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def _cut(self) -> None:
        if self.transport is not None:
            self.transport.abort()
