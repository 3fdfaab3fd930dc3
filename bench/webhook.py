"""`manage.py bench webhook`: the payment webhook under the production server, beside the least that a durable webhook can be.

Ours verifies, checks, deduplicates, posts to the ledger and writes the event; the control (Starlette and asyncpg) makes one
insert. Both run all the time, in one process each, and are asked in turns over 32 connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import CommandError

from bench import scratch
from ingestion import services
from partners import services as partners
from payos.kernel import tenancy
from payos.kernel.bench import Progress, Report
from payos.supervisor.preflight import free_port

CONNECTIONS = 32
THREADS = 16


def add_arguments(parser: Any) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="slices of each side")
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a slice")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)


def run(options: dict[str, Any], progress: Progress) -> Report:
    report = Report("webhook")
    with tenancy.platform_scope():
        partner = partners.partner_create(name=f"Bench {uuid.uuid4().hex[:8]}", currencies=("USD",))
        source, secret = services.source_create(partner=partner, livemode=False, name="bench", rate_per_minute=10_000_000)
    target = f"/api/v1/payments/webhook?source={source.public_id}"
    with contextlib.ExitStack() as stack:
        ours = stack.enter_context(_ours(progress))
        control = stack.enter_context(_control(progress))
        sides = {"ours": (ours, target, secret), "control": (control, "/hit", "")}
        rates: dict[str, list[float]] = {"ours": [], "control": []}
        late: dict[str, list[float]] = {"ours": [], "control": []}
        errors = 0
        for turn in range(-1, options["rounds"]):  # the first turn warms up
            for name, (port, path, key) in sides.items():
                done, bad, times = asyncio.run(_slice(port, path, key, options))
                if turn >= 0:
                    rates[name].append(done / options["seconds"])
                    late[name].append(times)
                    errors += bad if name == "ours" else 0
            if turn >= 0:
                progress(f"ours {rates['ours'][-1]:.0f}/s, control {rates['control'][-1]:.0f}/s")
    for name in sides:
        report.figure(f"{name}, {options['connections']} connections", rates[name], "requests/s")
        report.figure(f"{name}, 99th of 100", late[name], "ms")
    report.figure("answers of ours that were no success", errors, "requests")
    report.ratio(
        "webhook against one insert by Starlette and asyncpg", statistics.median(rates["ours"]), statistics.median(rates["control"]), 0.5
    )
    report.ratio("99th of 100 against 100 ms", statistics.median(late["ours"]), 100.0, 1.0, at_most=True)
    return report


@contextlib.contextmanager
def _serve(command: list[str], port: int, path: str, extra: dict[str, str], progress: Progress) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=settings.BASE_DIR, env={**os.environ, "LOG_LEVEL": "ERROR", **extra},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2)
                except urllib.error.HTTPError:
                    pass  # it answers, which is all that is asked
                progress(f"{command[0]} answers")
                yield port
                return
            if process.poll() is not None:
                break
            time.sleep(0.1)
        raise CommandError(f"{command[0]} did not start")
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _ours(progress: Progress) -> Iterator[int]:
    port = free_port()
    command = [
        "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--blocking-threads", str(THREADS), "--no-ws", "--log-level", "error", "payos.wsgi:application",
    ]  # fmt: skip
    with _serve(command, port, "/healthz", {}, progress):
        yield port


@contextlib.contextmanager
def _control(progress: Progress) -> Iterator[int]:
    with psycopg.connect(scratch.superuser_url(), autocommit=True) as server:
        server.execute("DROP TABLE IF EXISTS bench_hits")
        server.execute("CREATE TABLE bench_hits (id bigserial PRIMARY KEY, reference text, amount text)")
    port = free_port()
    command = [
        "uvicorn",
        "bench.webhook_control:app",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--log-level",
        "error",
        "--no-access-log",
    ]
    try:
        with _serve(command, port, "/hit", {"BENCH_DSN": scratch.superuser_url()}, progress):
            yield port
    finally:
        with psycopg.connect(scratch.superuser_url(), autocommit=True) as server:
            server.execute("DROP TABLE IF EXISTS bench_hits")


async def _slice(port: int, path: str, secret: str, options: dict[str, Any]) -> tuple[int, int, float]:
    """As many requests as fit into the time; each with a reference of its own."""
    until = time.monotonic() + options["seconds"]
    results = await asyncio.gather(*(_client(port, path, secret, until) for _ in range(options["connections"])))
    times = sorted(t for part in results for t in part[1])
    return len(times), sum(part[0] for part in results), (times[int(len(times) * 0.99)] * 1000 if times else 0.0)


async def _client(port: int, path: str, secret: str, until: float) -> tuple[int, list[float]]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bad, times = 0, []
    today = datetime.now(UTC).date().isoformat()
    mine = uuid.uuid4().hex
    number = 0
    while time.monotonic() < until:
        number += 1
        body = json.dumps(
            {"reference_number": f"{mine}-{number}", "loan_account_number": "LN-1", "cif": "C-1", "amount": "12.50", "payment_date": today}
        ).encode()
        stamp = str(int(time.time()))
        sign = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest() if secret else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Timestamp: {stamp}\r\nX-Signature: sha256={sign}\r\n\r\n"
        )
        started = time.monotonic()
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = next((int(line.split(b":")[1]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length")), 0)
        if length:
            await reader.readexactly(length)
        times.append(time.monotonic() - started)
        bad += not answer.startswith(b"HTTP/1.1 20")
    writer.close()
    return bad, times
