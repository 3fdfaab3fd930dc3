"""Real processes, cheap to start again: a nursery imports the application once and forks a child for each start."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
GONE_WITHIN = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Nursery:
    """Asks the nursery process for children by name and knows which process each name is now."""

    def __init__(self, logs: Path, web_port: int) -> None:
        self.logs, self.lock = logs, threading.Lock()
        self.pids: dict[str, int] = {}
        environment = os.environ | {"CHAOS_WEB_PORT": str(web_port), "CHAOS_LOGS": str(logs)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "settlement.chaos.nursery"],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=(logs / "nursery.log").open("ab"), text=True,
        )  # fmt: skip

    def start(self, name: str) -> int:
        with self.lock:
            assert self.process.stdin and self.process.stdout
            self.process.stdin.write(name + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the nursery is gone; see {self.logs / 'nursery.log'}")
            self.pids[name] = int(line)
            return self.pids[name]

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone: what comes next may want the port that it holds until then."""
        with contextlib.suppress(ProcessLookupError, KeyError):
            os.killpg(self.pids[name], signal.SIGKILL)
        deadline = time.monotonic() + GONE_WITHIN
        while self.alive(name) and time.monotonic() < deadline:
            time.sleep(0.005)

    def revive(self, names: Iterable[str]) -> None:
        """What a supervisor does: whoever is not there is started."""
        for name in names:
            if not self.alive(name):
                self.start(name)

    def alive(self, name: str) -> bool:
        try:
            os.kill(self.pids[name], 0)
        except (ProcessLookupError, KeyError):
            return False
        return True

    def close(self) -> None:
        for name in list(self.pids):
            self.kill(name)
        if self.process.stdin:
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()


class Bank:
    """The sandbox bank as its own process, with its own books."""

    def __init__(self, folder: Path, *, seed: int, webhook_url: str, secret: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", str(self.port), "--data", str(folder), "--seed", str(seed), "--webhook-url", webhook_url,
             "--webhook-secret", secret, "--settlement-seconds", "0.3", "--webhook-retry-base", "0.5",
             "--parent", str(os.getpid())],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=(folder / "bank.log").open("ab"),
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                self.call("GET", "/health")
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        request = urllib.request.Request(
            self.url + path, None if body is None else json.dumps(body).encode(), method=method,
            headers={"Authorization": "Bearer sandbox-key", "Content-Type": "application/json"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=30) as answer:  # nosec B310 # the bank that this process started, on loopback
            found: dict[str, Any] = json.loads(answer.read() or b"{}")
            return found

    def pages(self, path: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        since: Any = 0
        while True:
            page = self._patiently(f"{path}?limit=500&since={since}")
            rows += page["data"]
            if not page["data"] or page.get("next_since") in {None, since}:
                return rows
            since = page["next_since"]

    def _patiently(self, path: str) -> dict[str, Any]:
        """Its faults meet whoever reads, too."""
        for _ in range(100):
            try:
                return self.call("GET", path)
            except OSError:
                time.sleep(0.1)
        return self.call("GET", path)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
