"""HTTP/1.1 on a connection to a checked address: the part of a request where a name becomes an address.

h11 speaks the protocol, asyncio moves the bytes. A general client stands between the name and the socket and would
resolve once more by itself; here the address that passed `addresses.check` is the one given to `connect`, while TLS
still verifies the name of the URL. One write per request, no hidden retries, no redirects, no decoding of bodies.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import h11

from webhooks import addresses, policy
from webhooks.addresses import Refused, Target

DNS_SECONDS = 2.0
DNS_THREADS = 64
NAMES = 1000
# A little less than the servers around keep an idle connection: who closes first must not be the one that listens.
KEEP_ALIVE_SECONDS = 4.0
READ_BYTES = 65_536


class Broken(Exception):
    """The exchange failed; `code` and text are fit for the log that the partner reads."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail[:300]


@dataclass(slots=True)
class Answer:
    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)


class Names:
    """Resolves off the event loop; one question per name at a time, its answer shared by all who connect to it."""

    def __init__(self, resolver: addresses.Resolver = addresses.resolve) -> None:
        self._resolver = resolver
        # Names of dead servers hang for long: enough threads that they hold up nobody else's names.
        self._threads = ThreadPoolExecutor(max_workers=DNS_THREADS, thread_name_prefix="webhooks-dns")
        self._known: OrderedDict[tuple[str, int], tuple[float, asyncio.Future[list[str]]]] = OrderedDict()

    async def addresses_of(self, host: str, port: int) -> list[str]:
        """Addresses of the host, all of them allowed."""
        literal = addresses.as_literal(host)
        if literal is not None:
            addresses.check(literal)
            return [str(literal)]
        key, moment = (host, port), time.monotonic()
        known = self._known.get(key)
        if known is None or (known[1].done() and known[0] < moment):
            future = asyncio.ensure_future(self._ask(host, port))
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            known = self._known[key] = (moment + DNS_SECONDS, future)
            while len(self._known) > NAMES:
                self._known.popitem(last=False)
        # Shielded: whoever runs out of time must not take the answer away from the others who wait for it.
        return await asyncio.shield(known[1])

    async def _ask(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._threads, self._resolver, host, port)
        except OSError as error:
            raise Refused("dns", f"the name {host!r} cannot be resolved ({error.strerror or error})") from None
        return addresses.checked(host, found)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


class Connection:
    def __init__(self, target: Target, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.key = (target.scheme, target.host, target.port)
        self.address = address
        self._reader, self._writer = reader, writer
        self._http = h11.Connection(h11.CLIENT)
        self._idle_since = 0.0

    def usable(self, target: Target) -> bool:
        return (
            self.key == (target.scheme, target.host, target.port)
            and time.monotonic() - self._idle_since < KEEP_ALIVE_SECONDS
            and not self._reader.at_eof()
            and not self._writer.transport.is_closing()
        )

    async def exchange(self, target: Target, headers: Sequence[tuple[str, str]], body: bytes, told: Callable[[Answer], None]) -> None:
        """One request and its answer. `told` gets the answer when its head is in: a body that never ends keeps its status."""
        http = self._http
        self._writer.write(
            b"".join(
                (
                    http.send(h11.Request(method="POST", target=target.path, headers=headers)) or b"",  # type: ignore[arg-type]
                    http.send(h11.Data(data=body)) or b"",
                    http.send(h11.EndOfMessage()) or b"",
                )
            )
        )
        await self._writer.drain()
        answer = Answer()
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                http.receive_data(await self._reader.read(READ_BYTES))
            elif isinstance(event, h11.Data):
                answer.body += event.data
                if len(answer.body) > policy.RESPONSE_BYTES:
                    return  # the rest is never read: the connection is not used again
            elif isinstance(event, h11.Response):
                answer.status, answer.headers = event.status_code, list(event.headers)
                told(answer)
            elif isinstance(event, h11.EndOfMessage):
                return
            elif not isinstance(event, h11.InformationalResponse):
                raise Broken("reset", "the connection was closed before the answer was complete")

    def release(self) -> bool:
        """Whether it may serve another request."""
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        self._idle_since = time.monotonic()
        return True

    def close(self) -> None:
        # No farewell: a peer that does not answer must not be waited for.
        self._writer.transport.abort()


async def connect(target: Target, names: Names, tls: ssl.SSLContext) -> Connection:
    """A connection to the first address that answers, out of those that were checked just now."""
    found = await names.addresses_of(target.host, target.port)
    failed: Broken | None = None
    for address in found:
        try:
            async with asyncio.timeout(policy.CONNECT_SECONDS):
                secure = target.scheme == "https"
                reader, writer = await asyncio.open_connection(
                    address, target.port, ssl=tls if secure else None, server_hostname=target.host if secure else None
                )
            return Connection(target, address, reader, writer)
        except TimeoutError:
            failed = Broken("connect_timeout", f"no connection to {address} within {policy.CONNECT_SECONDS:g} seconds")
        except ssl.SSLCertVerificationError as error:
            raise Broken("tls", f"the certificate is not valid: {error.verify_message}") from None
        except ssl.SSLError as error:
            failed = Broken("tls", f"TLS failed: {error.reason or error}")
        except OSError as error:
            failed = Broken("connect", f"no connection to {address}: {os.strerror(error.errno) if error.errno else error}")
    assert failed is not None, "addresses_of returns at least one address or raises"
    raise failed
