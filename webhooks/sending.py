"""One request to one endpoint: signed, pinned to the checked address, bounded in time and in bytes.

httpcore (the engine of httpx) is used directly because its network backend is the one place where a name becomes an
address: what `PinnedBackend` checks is what it connects to, and TLS still verifies the name of the URL. Redirects are
answers like any other, never followed. Each endpoint keeps its own idle connections, in a plain stack:
no endpoint waits for another's, and taking one costs the same however many there are.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpcore

from payos.kernel import clock, ids
from webhooks import addresses, policy, signing
from webhooks.addresses import Refused

USER_AGENT = "PayOS-Webhooks/1.0"
DNS_SECONDS = 2.0
POOLS = 1000
# A little less than the servers around keep an idle connection: who closes first must not be the one that listens.
KEEP_ALIVE_SECONDS = 4.0


@dataclass(slots=True)
class Job:
    delivery_id: uuid.UUID
    endpoint_id: uuid.UUID
    partner_id: uuid.UUID
    livemode: bool
    event_id: uuid.UUID
    event_type: str
    attempts: int  # made before this one
    url: str
    secrets: list[str]
    custom_headers: dict[str, str]
    body: bytes
    lease: uuid.UUID | None = None
    schedule: list[int] = field(default_factory=list)
    sample: bool = False
    begun: float = 0.0

    @property
    def webhook_id(self) -> str:
        return ids.encode("evt", self.event_id)


@dataclass(slots=True)
class Outcome:
    job: Job
    at: datetime
    request_headers: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""
    error_code: str = ""
    error: str = ""
    address: str = ""
    latency_ms: int = 0
    retry_after: timedelta | None = None
    # Nothing was sent, and nothing ever can be: the event itself is no longer kept.
    hopeless: bool = False

    @property
    def succeeded(self) -> bool:
        return not self.error_code and self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Resolves, checks every address, and connects to a checked one."""

    def __init__(self, resolver: addresses.Resolver = addresses.resolve) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._resolver = resolver
        # Names of dead servers hang for long: enough threads that they hold up nobody else's names.
        self._threads = ThreadPoolExecutor(max_workers=64, thread_name_prefix="webhooks-dns")
        self._known: OrderedDict[tuple[str, int], tuple[float, asyncio.Future[list[str]]]] = OrderedDict()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        error: Exception | None = None
        for address in await self.addresses_of(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as failed:
                error = failed
        assert error is not None, "addresses_of returns at least one address or raises"
        raise error

    async def connect_unix_socket(self, *args: Any, **kwargs: Any) -> httpcore.AsyncNetworkStream:
        raise Refused("url_invalid", "webhooks do not go to local sockets")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def addresses_of(self, host: str, port: int) -> list[str]:
        literal = addresses.as_literal(host)
        if literal is not None:
            addresses.check(literal)
            return [str(literal)]
        key, moment = (host, port), time.monotonic()
        known = self._known.get(key)
        if known is None or known[0] < moment:
            # One question per name at a time: all who connect to it wait for the same answer.
            future = asyncio.ensure_future(self._ask(host, port))
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self._known[key] = (moment + DNS_SECONDS, future)
            while len(self._known) > POOLS:
                self._known.popitem(last=False)
        return await asyncio.shield(self._known[key][1])

    async def _ask(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._resolver, host, port)
        except OSError as error:
            raise Refused("dns", f"the name {host!r} cannot be resolved ({error.strerror or error})") from None
        return addresses.checked(host, found)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Sender:
    """Belongs to one event loop."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        resolver: addresses.Resolver = addresses.resolve,
        timeout: float = policy.TIMEOUT_SECONDS,
    ) -> None:
        self._tls = tls or ssl.create_default_context()
        self._backend = PinnedBackend(resolver)
        self._idle: OrderedDict[uuid.UUID, list[httpcore.AsyncHTTPConnection]] = OrderedDict()
        self._leaving: set[asyncio.Future[None]] = set()
        self._timeout = timeout
        # The whole exchange is timed as one; only getting connected has a limit of its own.
        self._extensions = {"timeout": {"connect": min(policy.CONNECT_SECONDS, timeout)}}

    def _borrow(self, key: uuid.UUID, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """An idle connection of this endpoint that still holds, or a new one. The youngest first: the others may go."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if connection.can_handle_request(origin) and connection.is_available() and not connection.has_expired():
                return connection
            self._closing(connection)
        return httpcore.AsyncHTTPConnection(
            origin=origin, ssl_context=self._tls, keepalive_expiry=KEEP_ALIVE_SECONDS, network_backend=self._backend
        )

    def _give_back(self, key: uuid.UUID, connection: httpcore.AsyncHTTPConnection) -> None:
        if not connection.is_idle():
            self._closing(connection)
            return
        self._idle.setdefault(key, []).append(connection)
        self._idle.move_to_end(key)
        while len(self._idle) > POOLS:
            _, old = self._idle.popitem(last=False)
            for stale in old:
                self._closing(stale)

    def _closing(self, connection: httpcore.AsyncHTTPConnection) -> None:
        task = asyncio.ensure_future(connection.aclose())
        self._leaving.add(task)
        task.add_done_callback(self._left)

    def _left(self, task: asyncio.Future[None]) -> None:
        self._leaving.discard(task)
        if not task.cancelled():
            task.exception()  # how a connection that is thrown away ended interests nobody

    async def send(self, job: Job) -> Outcome:
        now = clock.now()
        begun = time.perf_counter()
        headers = self.headers(job, int(now.timestamp()))
        outcome = Outcome(job, now, request_headers=_for_the_log(headers, job.custom_headers))
        try:
            async with asyncio.timeout(self._timeout):
                await self._exchange(job, headers, outcome)
        except Refused as refused:
            outcome.error_code, outcome.error = refused.code, refused.detail
        except TimeoutError:
            outcome.error_code, outcome.error = "timeout", f"no complete answer within {self._timeout:g} seconds"
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, ssl.SSLError, OSError) as error:
            outcome.error_code, outcome.error = _describe(error)
        outcome.latency_ms = int((time.perf_counter() - begun) * 1000)
        if not outcome.error_code and not outcome.succeeded:
            outcome.error_code, outcome.error = _refusal(outcome)
        return outcome

    def headers(self, job: Job, timestamp: int) -> dict[str, str]:
        return {
            **job.custom_headers,
            "content-type": "application/json; charset=utf-8",
            "accept-encoding": "identity",
            "user-agent": USER_AGENT,
            **signing.headers(job.secrets, job.webhook_id, timestamp, job.body),
            **({"payos-sample": "true"} if job.sample else {}),
        }

    async def _exchange(self, job: Job, headers: dict[str, str], outcome: Outcome) -> None:
        target = addresses.parse(job.url, livemode=job.livemode)
        url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
        sent = [("host", target.authority), *headers.items(), ("content-length", str(len(job.body)))]
        request = httpcore.Request("POST", url, headers=sent, content=job.body, extensions=self._extensions)
        connection = self._borrow(job.endpoint_id, url.origin)
        try:
            response = await connection.handle_async_request(request)
            try:
                await self._read(response, outcome)
            finally:
                await response.aclose()  # a body that was not read to its end closes the connection
        finally:
            self._give_back(job.endpoint_id, connection)

    async def _read(self, response: httpcore.Response, outcome: Outcome) -> None:
        outcome.status = response.status
        outcome.response_headers = {
            _text(name)[:100]: _text(value)[:500] for name, value in response.headers[: policy.RESPONSE_HEADERS_KEPT]
        }
        stream = response.extensions.get("network_stream")
        peer = stream.get_extra_info("server_addr") if stream is not None else None
        outcome.address = str(peer[0])[:60] if peer else ""
        wait = next((value for name, value in response.headers if name.lower() == b"retry-after"), None)
        outcome.retry_after = policy.retry_after(_text(wait), now=outcome.at) if wait is not None else None
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > policy.RESPONSE_BYTES:
                break
        outcome.response_body = _text(bytes(body[: policy.RESPONSE_KEPT * 4]))[: policy.RESPONSE_KEPT]

    async def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                self._closing(connection)
        self._idle.clear()
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=2)
        self._backend.close()


def _text(raw: bytes) -> str:
    # Postgres keeps no NUL in text.
    return raw.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _for_the_log(headers: dict[str, str], custom: dict[str, str]) -> dict[str, str]:
    """What was sent, without the values of custom headers: they are the partner's passwords more often than not."""
    return {name: "•••" if name in custom else value for name, value in headers.items()}


def _describe(error: BaseException) -> tuple[str, str]:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "tls", f"the certificate is not valid: {cause.verify_message}"[:300]
        if isinstance(cause, ssl.SSLError):
            return "tls", f"TLS failed: {cause.reason or cause}"[:300]
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpcore.ConnectTimeout):
        return "connect_timeout", "no connection within the time allowed"
    if isinstance(error, httpcore.TimeoutException):
        return "timeout", "no answer within the time allowed"
    if isinstance(error, httpcore.ConnectError):
        return "connect", f"no connection: {error}"[:300]
    if isinstance(error, httpcore.ProtocolError):
        return "protocol", f"the answer is no HTTP: {error}"[:300]
    return "reset", f"the connection broke: {error or type(error).__name__}"[:300]


def _refusal(outcome: Outcome) -> tuple[str, str]:
    if outcome.status is not None and 300 <= outcome.status < 400:
        return "redirect", f"it answered {outcome.status}: redirects are not followed, register the final URL"
    return f"http_{outcome.status}", f"it answered {outcome.status}"
