"""`manage.py bench web_server`: granian beside gunicorn, the same application, the same number of processes and threads.

Both run all the time and are asked in turns, so that a busy machine slows both alike. One answer needs no database
(`/healthz`), one is an authenticated read of the API (key lookup, throttle, row-level security, one query).
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import multiprocessing
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections

from payos.kernel.bench import Progress, Report
from payos.supervisor.preflight import free_port

THREADS = 4
PATHS = {"no database": "/healthz", "authenticated read": "/v1/webhooks"}


def add_arguments(parser: Any) -> None:
    parser.add_argument("--rounds", type=int, default=7, help="slices of each server and path")
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a slice")
    parser.add_argument("--clients", type=int, default=8, help="connections that ask at the same time")


def run(options: dict[str, Any], progress: Progress) -> Report:
    report = Report("web_server")
    key = _demo_key()
    with contextlib.ExitStack() as stack:
        ports = {name: stack.enter_context(_server(name, progress)) for name in ("granian", "gunicorn")}
        rates: dict[tuple[str, str], list[float]] = {}
        slow: dict[tuple[str, str], list[float]] = {}
        for label, path in PATHS.items():
            for turn in range(-1, options["rounds"]):  # the first turn warms up and is not counted
                for name, port in ports.items():
                    rate, late = _slice(port, path, key, options)
                    if turn >= 0:
                        rates.setdefault((name, label), []).append(rate)
                        slow.setdefault((name, label), []).append(late)
            progress(f"{label}: " + ", ".join(f"{name} {statistics.median(rates[name, label]):.0f}/s" for name in ports))
    for label in PATHS:
        for name in ports:
            report.figure(f"{name}, {label}", rates[name, label], "requests/s")
            report.figure(f"{name}, {label}, 99th of 100", slow[name, label], "ms")
        report.ratio(
            f"granian against gunicorn, {label}",
            statistics.median(rates["granian", label]), statistics.median(rates["gunicorn", label]), 1.0,
        )  # fmt: skip
    report.notes.append("client and servers share the machine's cores")
    return report


def _demo_key() -> str:
    call_command("migrate", verbosity=0, interactive=False)
    call_command("seed_demo", stdout=io.StringIO())
    connections.close_all()
    return str(json.loads((Path(settings.PAYOS_HOME) / "demo.json").read_text())["api_key"])


@contextlib.contextmanager
def _server(name: str, progress: Progress) -> Iterator[int]:
    port = free_port()
    command = {
        "granian": [
            "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--blocking-threads", str(THREADS), "--no-ws", "--log-level", "error",
        ],
        "gunicorn": [
            "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1", "--worker-class", "gthread",
            "--threads", str(THREADS), "--keep-alive", "75", "--log-level", "error",
        ],
    }[name]  # fmt: skip
    progress(f"starting {name}")
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "payos.wsgi:application"], cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if _ask(http.client.HTTPConnection("127.0.0.1", port, timeout=5), "/healthz", "") == 200:
                    yield port
                    return
            if process.poll() is not None:
                break
            time.sleep(0.2)
        raise CommandError(f"{name} did not start")
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ask(connection: http.client.HTTPConnection, path: str, key: str) -> int:
    connection.request("GET", path, headers={"Host": "localhost", "Authorization": f"Bearer {key}"} if key else {"Host": "localhost"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _slice(port: int, path: str, key: str, options: dict[str, Any]) -> tuple[float, float]:
    """Requests per second and the 99th percentile in milliseconds, measured by a process of its own."""
    queue: Any = multiprocessing.get_context("spawn").SimpleQueue()
    worker = multiprocessing.get_context("spawn").Process(
        target=_clients, args=(queue, port, path, key, options["clients"], options["seconds"])
    )
    worker.start()
    result = queue.get()
    worker.join()
    if isinstance(result, str):
        raise CommandError(result)
    return float(result[0]), float(result[1])


def _clients(queue: Any, port: int, path: str, key: str, clients: int, seconds: float) -> None:
    times: list[float] = []
    wrong: list[str] = []
    end = time.monotonic() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while (began := time.monotonic()) < end:
            try:
                status = _ask(connection, path, key)
            except (OSError, http.client.HTTPException) as error:
                wrong.append(f"{path} failed: {error!r}")
                return
            if status != 200:
                wrong.append(f"{path} answered {status}")
                return
            times.append(time.monotonic() - began)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong or len(times) < 20:
        queue.put(wrong[0] if wrong else f"{path}: only {len(times)} answers")
    else:
        queue.put((len(times) / seconds, sorted(times)[int(len(times) * 0.99)] * 1000))
