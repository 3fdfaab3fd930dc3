"""Events a second to a fast local receiver, per worker process, beside a bare httpx loop in the same run; and what is
left of it for the others while one endpoint hangs.

The receiver is a process of its own that answers every request at once with 200. The control sends the same bodies with
httpx from one process, set up the way httpx is fastest: no database, no signing, no log, no checks. Rounds are
interleaved, so both meet the same machine, and the database is one made for the bench.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
from django.conf import settings
from django.db import connection
from psycopg.types.json import Jsonb

from bench import scratch
from partners import services as partners
from payos.kernel import clock, ids, tenancy
from payos.kernel.bench import Progress, Report
from webhooks import bodies, catalogue, fanout, services
from webhooks.models import OUTSTANDING, Delivery, DeliveryState, Endpoint, Lane
from webhooks.sending import Outcome
from webhooks.worker import Worker

RECEIVER = """
import asyncio, sys

ANSWER = b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok"

class Fast(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport, self.buffer = transport, b""

    def data_received(self, data):
        self.buffer += data
        while True:
            head, found, rest = self.buffer.partition(b"\\r\\n\\r\\n")
            if not found:
                return
            at = head.lower().find(b"content-length:")
            size = int(head[at + 15:].split(b"\\r\\n", 1)[0])
            if len(rest) < size:
                return
            self.buffer = rest[size:]
            if b" /hang" not in head[:40]:
                self.transport.write(ANSWER)

async def main():
    server = await asyncio.get_running_loop().create_server(Fast, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def add_arguments(parser: Any) -> None:
    parser.add_argument("--events", type=int, default=3000, help="requests of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--endpoints", type=int, default=8, help="endpoints that the events go to")
    parser.add_argument("--in-flight", type=int, default=16, help="requests under way per endpoint")


@contextlib.contextmanager
def receiver() -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait(10)


def run(options: dict[str, Any], progress: Progress) -> Report:
    settings.WEBHOOKS_ALLOW_PRIVATE = True  # the receiver stands on this machine
    report = Report("webhooks_out")
    with receiver() as port, scratch.database("payos_bench_webhooks", progress), tenancy.platform_scope(actor="bench"):
        _measure(options, progress, report, partners.partner_create(name="Bench", currencies=("USD",)), port)
    return report


def _measure(options: dict[str, Any], progress: Progress, report: Report, partner: Any, port: int) -> None:
    count, number, in_flight = options["events"], options["endpoints"], options["in_flight"]
    fast = [_endpoint(partner, f"http://127.0.0.1:{port}/{index}", in_flight) for index in range(number)]
    hanging = _endpoint(partner, f"http://127.0.0.1:{port}/hang", in_flight)
    ours: list[float] = []
    bare: list[float] = []
    beside: list[float] = []
    alone: list[float] = []
    for turn in range(options["rounds"] + 1):
        # Both ways to use httpx well; the faster one is the control (more connections only slow its pool down).
        bare_rate = max(asyncio.run(_bare(port, count, number, 1, 8)), asyncio.run(_bare(port, count, number, number, 4)))
        our_rate = _deliver(partner, fast, [], count)
        # Taken in turn, so that a machine that slows down or speeds up favours neither.
        if turn % 2:
            quiet, troubled = (_deliver(partner, fast, [], count), _deliver(partner, fast, [hanging], count))
        else:
            troubled, quiet = (_deliver(partner, fast, [hanging], count), _deliver(partner, fast, [], count))
        progress(
            f"round {turn}: httpx {bare_rate:,.0f}/s, worker {our_rate:,.0f}/s, alone {quiet:,.0f}/s, beside a hanging endpoint {troubled:,.0f}/s"
        )
        if turn:  # the first round warms up
            ours.append(our_rate)
            bare.append(bare_rate)
            alone.append(quiet)
            beside.append(troubled)
    report.figure("events delivered by one worker process", ours, "events/s")
    report.figure("bare httpx loop", bare, "requests/s")
    report.figure("the others while one endpoint hangs", beside, "events/s")
    report.figure("the same without it", alone, "events/s")
    median = _median
    report.ratio("worker over bare httpx loop", median(ours), median(bare), 0.5)
    report.ratio("others beside a hanging endpoint over alone", median(beside), median(alone), 0.9)
    report.notes.append(
        f"{number} endpoints, {in_flight} requests under way each, the receiver and PostgreSQL on the same {os.cpu_count()} cores"
    )


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


async def _bare(port: int, count: int, endpoints: int, clients: int, each: int) -> float:
    """The control: the same bodies with httpx alone, `each` requests under way in each of so many clients."""
    body = bodies.dumps(catalogue.EVENTS["transfer.settled"].sample())
    headers = {"content-type": "application/json"}
    limits = httpx.Limits(max_connections=each, max_keepalive_connections=each)
    left = iter(range(count))
    made = [httpx.AsyncClient(limits=limits, trust_env=False, timeout=15) for _ in range(clients)]

    async def loop(client: httpx.AsyncClient) -> None:
        for number in left:
            answer = await client.post(f"http://127.0.0.1:{port}/{number % endpoints}", content=body, headers=headers)
            assert answer.status_code == 200

    began = time.perf_counter()
    await asyncio.gather(*(loop(client) for client in made for _ in range(each)))
    took = time.perf_counter() - began
    for client in made:
        await client.aclose()
    return count / took


def _deliver(partner: Any, fast: list[Endpoint], hanging: list[Endpoint], count: int) -> float:
    """Owe `count` deliveries to the fast endpoints (and as many to each hanging one), and time until those are delivered."""
    wanted = fast + hanging
    Endpoint.objects.filter(partner=partner).update(enabled=False, disabled_at=clock.now())
    Endpoint.objects.filter(pk__in=[endpoint.pk for endpoint in wanted]).update(enabled=True, disabled_at=None)
    Lane.objects.filter(partner=partner).update(consecutive_failures=0, failing_since=None, not_before=None)
    count = count // len(fast) * len(fast)
    fanout.add_deliveries(_events(partner, count // len(fast)))
    owed = {endpoint.pk for endpoint in fast}
    written = 0

    def count_them(outcomes: list[Outcome]) -> None:
        nonlocal written
        written += sum(1 for outcome in outcomes if outcome.job.endpoint_id in owed)
        assert all(outcome.succeeded for outcome in outcomes if outcome.job.endpoint_id in owed)

    async def until_served() -> float:
        began = time.perf_counter()
        task = asyncio.create_task(Worker(written=count_them).run())
        while written < count and not task.done():
            await asyncio.sleep(0.002)
        took = time.perf_counter() - began
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        return took

    took = asyncio.run(until_served())
    Delivery.objects.filter(partner=partner, state__in=OUTSTANDING).update(
        state=DeliveryState.DISCARDED, lease=None, finished_at=clock.now()
    )
    return count / took


def _events(partner: Any, count: int) -> list[Any]:
    """Events in the outbox, marked as handled: the relay is measured elsewhere."""
    example = catalogue.EVENTS["transfer.settled"].example
    found = [ids.uuid7() for _ in range(count)]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO kernel_outbox_event (id, topic, event_type, aggregate_id, partner_id, livemode, payload, created_at, handled_at, published_at)"
            " SELECT id, 'transfers', 'transfer.settled', 'bench-' || n, %s, false, %s, %s, %s, %s"
            " FROM unnest(%s::uuid[]) WITH ORDINALITY AS e (id, n)",
            [partner.pk, Jsonb({"transfer": example}), clock.now(), clock.now(), clock.now(), found],
        )
    return found


def _endpoint(partner: Any, url: str, in_flight: int) -> Endpoint:
    endpoint, _ = services.endpoint_create(partner=partner, livemode=False, url=url, max_in_flight=in_flight)
    return endpoint
