"""The way out over HTTP: never waits for ever, repeats only what is safe to repeat, follows nobody."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from payos.kernel import http


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    waits = []
    monkeypatch.setattr(http.time, "sleep", waits.append)
    return waits


@pytest.fixture
def server():
    """Answers what the test wrote into `script`, a status or an act, and remembers what was asked."""

    class Handler(BaseHTTPRequestHandler):
        def act(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.server.asked.append((self.command, self.path))
            step = self.server.script.pop(0) if self.server.script else 200
            if step == "hang up":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if step == "stall":
                self.server.release.wait(20)
                self.close_connection = True
                return
            self.send_response(step)
            if step in {301, 302}:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = do_PUT = do_DELETE = act

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.script, server.asked, server.release = [], [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("trouble", [503, 502, 504, 429, "hang up"])
def test_a_safe_request_is_repeated(server, trouble):
    server.script = [trouble, trouble, 200]
    with http.client() as client:
        assert client.get(server.url).status_code == 200
    assert len(server.asked) == 3


@pytest.mark.parametrize("status", [500, 404, 400, 401])
def test_what_a_repeat_would_not_change_is_not_repeated(server, status):
    server.script = [status]
    with http.client() as client:
        assert client.get(server.url).status_code == status
    assert len(server.asked) == 1


@pytest.mark.parametrize("trouble", [503, 500, 429])
def test_a_write_that_was_answered_is_never_repeated(server, trouble):
    server.script = [trouble]
    with http.client() as client:
        assert client.post(server.url, json={}).status_code == trouble
    assert len(server.asked) == 1


def test_a_write_whose_answer_was_lost_is_never_repeated(server):
    server.script = ["hang up"]
    with http.client() as client, pytest.raises(httpx.TransportError):
        client.post(server.url, json={})
    assert len(server.asked) == 1


def test_a_write_that_reached_nobody_is_repeated(no_waiting):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with http.client(attempts=4) as client, pytest.raises(httpx.ConnectError):
        client.post(address, json={})
    assert len(no_waiting) == 3 and all(0 < wait <= http.LONGEST_WAIT for wait in no_waiting)
    assert no_waiting[0] < no_waiting[2]


def test_repeats_are_bounded_and_the_last_answer_is_given(server):
    server.script = [503] * 10
    with http.client(attempts=3) as client:
        assert client.get(server.url).status_code == 503
    assert len(server.asked) == 3


def test_it_never_waits_for_ever(server):
    server.script = ["stall"]
    started = time.monotonic()
    with http.client(timeout=0.3, attempts=1) as client, pytest.raises(httpx.TimeoutException):
        client.post(server.url)
    assert time.monotonic() - started < 5
    with http.client() as client:
        assert None not in (client.timeout.connect, client.timeout.read, client.timeout.write, client.timeout.pool)


def test_it_follows_no_redirect_and_no_proxy_of_the_environment(server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.script = [302]
    with http.client() as client:
        answer = client.get(server.url)
    assert answer.status_code == 302 and len(server.asked) == 1


def test_nobody_goes_out_another_way():
    """httpx and urllib are used through `payos.kernel.http` or behind a guard of their own, never bare."""
    import ast
    from pathlib import Path

    from django.conf import settings

    wrong = []
    for folder in (
        "payos",
        "partners",
        "ledger",
        "operations",
        "webhooks",
        "ingestion",
        "settlement",
        "reconciliation",
        "treasury",
        "compliance",
        "console",
    ):
        for path in sorted((Path(settings.BASE_DIR) / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in {
                    "httpx.get",
                    "httpx.post",
                    "httpx.request",
                    "requests.get",
                    "requests.post",
                }:
                    wrong.append(f"{path}:{node.lineno}")
    assert not wrong, wrong
