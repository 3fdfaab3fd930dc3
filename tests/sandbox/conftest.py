"""A real sandbox bank in its own process, a real receiver of its webhooks, both on loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
US = {"type": "us_bank", "routing_number": "091000019", "account_number": "12345678", "account_type": "checking", "holder_name": "Jane Doe"}


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 15.0) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s in vain for {what}")


class Bank:
    """One bank process over one folder; it can be killed and started again."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data, self.options = data, options
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(timeout=5, headers={"authorization": "Bearer sandbox-key"})

    def start(self) -> Bank:
        port = self.data / "port"
        port.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--port", "0", "--data", str(self.data), "--parent", str(os.getpid()), *self.options],
            cwd=ROOT, env={"PATH": os.environ["PATH"]}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip
        wait_for(lambda: (port.exists() and port.read_text()) or self.process.poll() is not None, "the bank to start")
        assert self.process.poll() is None, self.process.stderr.read().decode()
        self.client.base_url = httpx.URL(f"http://127.0.0.1:{port.read_text()}")
        return self

    def kill(self, how: int = signal.SIGKILL) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(10)
        self.process.stderr.close()
        self.process = None
        self.client.close()
        self.client = httpx.Client(timeout=5, headers={"authorization": "Bearer sandbox-key"})
        return code

    def get(self, path: str, **params: Any) -> Any:
        response = self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.json()

    def raw(self, path: str, **params: Any) -> bytes:
        response = self.client.get(path, params=params)
        assert response.status_code == 200, response.text
        return response.content

    def faults(self, **rates: Any) -> None:
        response = self.client.put("/faults", json={"hang_seconds": 0.05, **rates})
        assert response.status_code == 200, response.text

    def send(self, reference: str, amount: int = 1000, *, expect: int = 201, **fields: Any) -> Any:
        body = {"reference": reference, "amount_minor": amount, "currency": "USD", "destination": US, **fields}
        response = self.client.post("/transfers", json=body)
        assert response.status_code == expect, response.text
        return response.json()

    def becomes(self, reference: str, status: str) -> Any:
        def asked() -> Any:
            found = self.client.get(f"/transfers/{reference}")
            return found.json() if found.status_code == 200 and found.json()["status"] == status else None

        return wait_for(asked, f"{reference} to be {status}")

    def executed(self, reference: str) -> int:
        data = self.get("/executions", reference=reference)["data"]
        return sum(1 for row in data if row["kind"] in ("transfer", "ach"))

    def today(self) -> str:
        return self.get("/clock")["now"][:10]


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(tmp_path / "bank", "--seed", "7", "--settlement-seconds", "0.05", "--webhook-retry-base", "0.05").start()
    yield made
    if made.process is not None:
        made.kill(signal.SIGTERM)


class Receiver:
    """Keeps every webhook; `answers` are the statuses of the next ones, then 200."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/bank"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()
