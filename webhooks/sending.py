"""One request to one endpoint: signed, to a checked address, bounded in time and in bytes.

Whatever happens comes back as an `Outcome`. Redirects are answers like any other, never followed. Each endpoint keeps
its own idle connections in a plain stack: no endpoint waits for another's, and taking one costs the same however many
there are.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import h11

from payos.kernel import clock, ids
from webhooks import addresses, policy, signing
from webhooks.addresses import Refused, Target
from webhooks.wire import Answer, Broken, Connection, Names, connect

USER_AGENT = "PayOS-Webhooks/1.0"
ENDPOINTS_WITH_IDLE = 1000
IDLE_EACH = 100


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
        self._names = Names(resolver)
        self._idle: OrderedDict[uuid.UUID, list[Connection]] = OrderedDict()
        self._timeout = timeout

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
        except Broken as broken:
            outcome.error_code, outcome.error = broken.code, broken.detail
        except h11.ProtocolError as error:
            outcome.error_code, outcome.error = "protocol", f"the answer is no HTTP: {error}"[:300]
        except ssl.SSLError as error:
            outcome.error_code, outcome.error = "tls", f"TLS failed: {error.reason or error}"[:300]
        except OSError as error:
            outcome.error_code, outcome.error = "reset", f"the connection broke: {error.strerror or type(error).__name__}"[:300]
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
        connection = await self._connection(job.endpoint_id, target)
        outcome.address = connection.address
        answer = Answer()

        def told(head: Answer) -> None:
            nonlocal answer
            answer = head
            _note_head(outcome, head)

        try:
            sent = [("host", target.authority), *headers.items(), ("content-length", str(len(job.body)))]
            await connection.exchange(target, sent, job.body, told)
        finally:
            outcome.response_body = _text(bytes(answer.body[: policy.RESPONSE_KEPT * 4]))[: policy.RESPONSE_KEPT]
            self._give_back(job.endpoint_id, connection)

    async def _connection(self, key: uuid.UUID, target: Target) -> Connection:
        """An idle connection of this endpoint that still holds, or a new one. The youngest first: the others may go."""
        idle = self._idle.get(key)
        while idle:
            connection = idle.pop()
            if connection.usable(target):
                # Its address was checked when it was made; what was forbidden since then is not reached by it either.
                addresses.check_text(connection.address)
                return connection
            connection.close()
        return await connect(target, self._names, self._tls)

    def _give_back(self, key: uuid.UUID, connection: Connection) -> None:
        idle = self._idle.setdefault(key, [])
        self._idle.move_to_end(key)
        if len(idle) < IDLE_EACH and connection.release():
            idle.append(connection)
        else:
            connection.close()
        while len(self._idle) > ENDPOINTS_WITH_IDLE:
            _, old = self._idle.popitem(last=False)
            for stale in old:
                stale.close()

    async def close(self) -> None:
        for idle in self._idle.values():
            for connection in idle:
                connection.close()
        self._idle.clear()
        self._names.close()
        await asyncio.sleep(0)  # lets the sockets go before the loop does


def _note_head(outcome: Outcome, answer: Answer) -> None:
    outcome.status = answer.status
    outcome.response_headers = {_text(name)[:100]: _text(value)[:500] for name, value in answer.headers[: policy.RESPONSE_HEADERS_KEPT]}
    wait = next((value for name, value in answer.headers if name == b"retry-after"), None)
    outcome.retry_after = policy.retry_after(_text(wait), now=outcome.at) if wait is not None else None


def _text(raw: bytes) -> str:
    # Postgres keeps no NUL in text.
    return raw.decode("utf-8", "replace").replace("\x00", "\ufffd")


def _for_the_log(headers: dict[str, str], custom: dict[str, str]) -> dict[str, str]:
    """What was sent, without the values of custom headers: they are the partner's passwords more often than not."""
    return {name: "•••" if name in custom else value for name, value in headers.items()}


def _refusal(outcome: Outcome) -> tuple[str, str]:
    if outcome.status is not None and 300 <= outcome.status < 400:
        return "redirect", f"it answered {outcome.status}: redirects are not followed, register the final URL"
    return f"http_{outcome.status}", f"it answered {outcome.status}"
