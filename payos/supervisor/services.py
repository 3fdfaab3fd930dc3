"""The processes that make up PayOS on one machine, in the order in which they start."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from payos.supervisor.supervisor import Service

QUEUES = ("default", "settlement", "reconciliation", "webhooks")


def web(host: str, port: int, workers: int, counters: Path | None = None) -> Service:
    environment = {}
    if workers > 1 and counters is not None:
        # Each process keeps its counters here and /metrics adds them up; those of an earlier start are forgotten.
        shutil.rmtree(counters, ignore_errors=True)
        counters.mkdir(parents=True)
        environment["PROMETHEUS_MULTIPROC_DIR"] = str(counters)
    return Service(
        "web",
        [
            sys.executable, "-m", "granian", "--interface", "wsgi", "--host", host, "--port", str(port),
            "--workers", str(workers), "--blocking-threads", "16", "--no-ws", "--respawn-failed-workers",
            "--log-level", "warning", "payos.wsgi:application",
        ],
        # Static files come from the apps in the embedded mode; whitenoise need not mourn the empty folder.
        {"PYTHONWARNINGS": "ignore:No directory at:UserWarning", **environment},
        stop_seconds=5,
    )  # fmt: skip


def worker(concurrency: int) -> Service:
    # Eager to end: a task that is killed is delivered again, and its effect happens once either way.
    return Service(
        "worker",
        [
            sys.executable, "-m", "celery", "-A", "payos", "worker", "--queues", ",".join(QUEUES),
            "--concurrency", str(concurrency), "--without-gossip", "--without-mingle", "--loglevel", "INFO",
        ],
        # Threads that come and go with each round would each warm a heap of their own, which is never given back.
        {"MALLOC_ARENA_MAX": "2"},
        stop_seconds=20,
    )  # fmt: skip


def beat() -> Service:
    return Service(
        "beat",
        [sys.executable, "-m", "celery", "-A", "payos", "beat", "--pidfile=", "--loglevel", "WARNING"],
    )


def sandbox(port: int, folder: Path, web_port: int) -> Service | None:
    """The bank in a box. Only where its package is part of this installation."""
    if find_spec("sandbox") is None or find_spec("sandbox.__main__") is None:
        return None
    callback = f"http://127.0.0.1:{web_port}/hooks/rails/sandbox"
    return Service(
        "sandbox",
        [sys.executable, "-m", "sandbox", "--port", str(port), "--data", str(folder), "--webhook-url", callback],
        stop_seconds=5,
    )
