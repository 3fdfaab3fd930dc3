"""The delivery worker: one process, one event loop, many requests at a time.

A cycle writes down the outcomes that have come in, claims what there is room for, and starts to send it. The database
is asked from a thread of its own, so waiting for it never holds up a socket and a slow socket never holds up the
database. Requests that hang do not count against the room for new ones (up to a ceiling), and an endpoint with a
hanging request gets only probes: that is why one dead endpoint does not delay another.
Killed at any point, nothing is lost: the leases end and the deliveries fall due again, with the same webhook id.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, OperationalError, connections

from payos.kernel import clock, heartbeat, tenancy
from payos.kernel.models import Heartbeat
from webhooks import claims
from webhooks.sending import Job, Outcome, Sender

log = logging.getLogger("payos.webhooks")
T = TypeVar("T")
ACTIVE = 256  # requests that are under way and answer in time
CEILING = 2000  # requests under way in all, the hanging ones included
SLOW_SECONDS = 1.0  # from then on it takes no room from others
HANGING_SECONDS = 5.0  # from then on its endpoint gets only probes
LINGER_SECONDS = 0.005  # outcomes that come in together are written together
IDLE_SECONDS = 0.25
HEARTBEAT_SECONDS = 5.0
HEARTBEAT = "webhooks:"


class Worker:
    def __init__(
        self,
        *,
        sender: Callable[[], Sender] = Sender,
        active: int = ACTIVE,
        written: Callable[[list[Outcome]], None] = lambda outcomes: None,
    ) -> None:
        self._make_sender = sender
        self._written = written  # told after a batch of outcomes is committed
        self._active = active
        self._flying: dict[uuid.UUID, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: list[Outcome] = []
        self._stopping = False
        self._beat_at = 0.0
        self._name = f"{HEARTBEAT}{socket.gethostname()[:40]}:{os.getpid()}"
        self.sent = 0

    def stop(self) -> None:
        """Claim no more; `run` returns when what is under way has ended and is written down."""
        self._stopping = True

    async def run(self, *, until_idle: bool = False, seconds: float | None = None) -> int:
        """Deliver until stopped, until the time is over, or until nothing is due. Returns how many requests were made."""
        self._came_in = asyncio.Event()
        self._database = ThreadPoolExecutor(1, thread_name_prefix="webhooks-db")
        self._sender = self._make_sender()
        ends = None if seconds is None else time.monotonic() + seconds
        try:
            while True:
                if ends is not None and time.monotonic() >= ends:
                    self._stopping = True
                claimed = await self._cycle()
                if not self._flying and not self._done and (self._stopping or (until_idle and not claimed)):
                    return self.sent
                await self._pause(claimed)
        finally:
            await self._sender.close()
            await self._leave()
            self._database.shutdown()

    async def _cycle(self) -> int:
        """One round: outcomes down, heartbeat, new claims out. Returns how many were claimed."""
        try:
            await self._write_outcomes()
            await self._say_alive()
            room = 0 if self._stopping else self._room()
            if room <= 0:
                return 0
            slow = self._slow()
            found = await self._ask(lambda: claims.claim(limit=room, slow=slow))
        except (OperationalError, InterfaceError) as error:
            # The database is away: keep the outcomes and ask again. What was claimed meanwhile keeps its lease.
            log.warning("webhooks.database_unavailable", extra={"error": str(error)})
            await self._ask(connections.close_all)
            await asyncio.sleep(1)
            return 0
        for item in found:
            if isinstance(item, Job):
                self._start(item)
            else:
                self._done.append(item)
        return len(found)

    def _start(self, job: Job) -> None:
        job.begun = time.monotonic()
        self._flying[job.delivery_id] = job
        task = asyncio.create_task(self._send(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send(self, job: Job) -> None:
        try:
            outcome = await self._sender.send(job)
        except Exception as error:
            log.exception("webhooks.send_failed", extra={"delivery": str(job.delivery_id)})
            outcome = Outcome(job, clock.now(), error_code="internal", error=f"sending failed: {type(error).__name__}")
        self.sent += 1
        self._flying.pop(job.delivery_id, None)
        self._done.append(outcome)
        self._came_in.set()

    async def _write_outcomes(self) -> None:
        outcomes, self._done = self._done, []
        if not outcomes:
            return
        try:
            await self._ask(lambda: claims.finish(outcomes))
        except (OperationalError, InterfaceError):
            self._done = outcomes + self._done
            raise
        except Exception:
            log.exception("webhooks.batch_not_written", extra={"outcomes": len(outcomes)})
            await self._write_singly(outcomes)
        self._written(outcomes)

    async def _write_singly(self, outcomes: list[Outcome]) -> None:
        """One outcome cannot be written: it must not take the others with it. Its lease ends and it is sent again."""
        for outcome in outcomes:
            try:
                await self._ask(lambda outcome=outcome: claims.finish([outcome]))  # type: ignore[misc]
            except DatabaseError:
                log.exception("webhooks.outcome_not_written", extra={"delivery": str(outcome.job.delivery_id)})

    async def _say_alive(self) -> None:
        if time.monotonic() - self._beat_at >= HEARTBEAT_SECONDS:
            self._beat_at = time.monotonic()
            await self._ask(lambda: heartbeat.say(self._name, sent=self.sent, flying=len(self._flying)))

    async def _leave(self) -> None:
        """Whoever leaves in order says so, and the tick takes over at once; whoever is killed is silent for a while."""
        try:
            await self._ask(lambda: Heartbeat.objects.filter(name=self._name).delete())
        except (OperationalError, InterfaceError):
            log.warning("webhooks.database_unavailable")
        await self._ask(connections.close_all)

    def _room(self) -> int:
        moment = time.monotonic()
        answering = sum(1 for job in self._flying.values() if moment - job.begun < SLOW_SECONDS)
        return min(self._active - answering, CEILING - len(self._flying))

    def _slow(self) -> list[uuid.UUID]:
        moment = time.monotonic()
        return list({job.endpoint_id for job in self._flying.values() if moment - job.begun >= HANGING_SECONDS})

    async def _pause(self, claimed: int) -> None:
        """Until an outcome came in, then a moment more for its neighbours; or until it is time to look again."""
        self._came_in.clear()
        if self._done:
            await asyncio.sleep(0)
            return
        try:
            await asyncio.wait_for(self._came_in.wait(), LINGER_SECONDS if claimed else IDLE_SECONDS)
        except TimeoutError:
            return
        await asyncio.sleep(LINGER_SECONDS)

    async def _ask(self, question: Callable[[], T]) -> T:
        def under_scope() -> Any:
            with tenancy.platform_scope(actor="webhooks"):
                return question()

        return await asyncio.get_running_loop().run_in_executor(self._database, under_scope)


def deliver(*, until_idle: bool = False, seconds: float | None = None) -> int:
    """Run one worker in this thread; for the task and for tests."""
    return asyncio.run(Worker().run(until_idle=until_idle, seconds=seconds))
