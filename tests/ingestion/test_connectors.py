"""Connectors against real servers on loopback: files fetched once, partial ones left alone, failures backed off and told."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import threading
import time

import pytest

from ingestion import services
from ingestion.connectors import ConnectorError
from ingestion.models import Connector, ConnectorRun, SourceFile
from operations.models import Case
from payos.kernel import clock
from reconciliation.models import BankAccount, StatementLine

pytestmark = pytest.mark.django_db

STATEMENT = b"""date,amount,currency,reference,description
2026-03-01,10.00,USD,A-1,first
2026-03-02,-2.50,USD,A-2,second
"""


@pytest.fixture
def account(partner, platform):
    return BankAccount.objects.create(partner=partner, name="Main", identifier="123456", currency="USD", rail_code="sandbox")


def make(partner, kind, secret="", **config):
    return Connector.objects.create(partner=partner, name=f"{kind} {Connector.objects.count()}", kind=kind, config=config, secret=secret)


def settle(path):
    old = time.time() - 60
    os.utime(path, (old, old))


def test_a_folder_is_read_once_and_partial_files_are_left_alone(partner, account, tmp_path):
    (tmp_path / "march.csv").write_bytes(STATEMENT)
    settle(tmp_path / "march.csv")
    (tmp_path / "growing.csv").write_bytes(b"date,amo")  # changed a moment ago
    (tmp_path / "half.csv.part").write_bytes(STATEMENT)
    connector = make(partner, "folder", path=str(tmp_path), after="archive")
    assert "1 files" in services.test_connector(connector=connector)
    run = services.run_connector(connector=connector)
    assert (run.error, run.found, run.fresh) == ("", 1, 1)
    assert StatementLine.objects.count() == 2
    assert (tmp_path / "archive" / "march.csv").exists() and (tmp_path / "growing.csv").exists()
    (tmp_path / "again.csv").write_bytes(STATEMENT)
    settle(tmp_path / "again.csv")
    again = services.run_connector(connector=connector)
    assert (again.found, again.fresh) == (1, 0) and SourceFile.objects.get().times_seen == 2
    assert StatementLine.objects.count() == 2


def test_what_cannot_be_read_goes_to_quarantine_and_stops_nothing(partner, account, tmp_path):
    (tmp_path / "a.bin").write_bytes(os.urandom(5000))
    (tmp_path / "b.csv").write_bytes(STATEMENT)
    for name in ("a.bin", "b.csv"):
        settle(tmp_path / name)
    run = services.run_connector(connector=make(partner, "folder", path=str(tmp_path)))
    assert (run.found, run.fresh, run.quarantined) == (2, 2, 1)
    assert (tmp_path / "quarantine" / "a.bin").exists()
    assert Case.objects.filter(kind="file_quarantined").count() == 1 and StatementLine.objects.count() == 2


def test_failures_back_off_become_one_case_and_resolve_themselves(partner, account, tmp_path):
    connector = make(partner, "folder", path=str(tmp_path / "missing"))
    for _ in range(4):
        connector.refresh_from_db()
        assert "cannot be listed" in services.run_connector(connector=connector).error
    connector.refresh_from_db()
    assert connector.failures == 4 and connector.next_run_at > clock.now()
    assert Case.objects.get(kind="connector_failing").state == "open"
    (tmp_path / "missing").mkdir()
    services.run_connector(connector=connector)
    connector.refresh_from_db()
    assert connector.failures == 0 and Case.objects.get(kind="connector_failing").state == "resolved"


def test_due_connectors_run_by_the_clock_and_only_when_due(partner, account, tmp_path):
    make(partner, "folder", path=str(tmp_path))
    assert services.run_due() == 1 and services.run_due() == 0
    with clock.frozen(clock.now() + __import__("datetime").timedelta(minutes=61)):
        assert services.run_due() == 1
    assert ConnectorRun.objects.count() == 2


@pytest.fixture
def sftp(tmp_path):
    """A real SFTP server of asyncssh in a thread."""
    import asyncssh

    root = tmp_path / "sftp"
    root.mkdir()
    ready, state = threading.Event(), {}

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username):
            return True

        def password_auth_supported(self):
            return True

        def validate_password(self, username, password):
            return (username, password) == ("bank", "s3cret")

    async def serve():
        key = asyncssh.generate_private_key("ssh-ed25519")
        state["host_key"] = " ".join(key.export_public_key().decode().split()[:2])
        server = await asyncssh.create_server(
            Server, "127.0.0.1", 0, server_host_keys=[key], sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root))
        )
        state["port"] = server.sockets[0].getsockname()[1]
        state["stop"] = asyncio.Event()
        state["loop"] = asyncio.get_running_loop()
        ready.set()
        await state["stop"].wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    yield root, state
    state["loop"].call_soon_threadsafe(state["stop"].set)
    thread.join(10)


def test_sftp_reads_and_archives_with_the_host_key_pinned(partner, account, sftp):
    root, state = sftp
    (root / "march.csv").write_bytes(STATEMENT)
    settle(root / "march.csv")
    config = {"host": "127.0.0.1", "port": state["port"], "user": "bank", "host_key": state["host_key"], "path": "/", "after": "archive"}
    connector = make(partner, "sftp", "s3cret", **config)
    run = services.run_connector(connector=connector)
    assert (run.error, run.fresh) == ("", 1)
    assert (root / "archive" / "march.csv").exists() and not (root / "march.csv").exists()
    assert StatementLine.objects.count() == 2
    with pytest.raises(ConnectorError, match="refuses the user"):
        services.test_connector(connector=Connector(kind="sftp", config=config, secret="wrong"))
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1WcQ0c0m2dVYbqkVgl5bYJ5f5o0m2c7nTgk3cT9J8d"
    with pytest.raises(ConnectorError):
        services.test_connector(connector=Connector(kind="sftp", config={**config, "host_key": other}, secret="s3cret"))


@pytest.fixture
def processor():
    """An HTTP server that pages, asks for a key and fails on purpose."""
    state = {"fail": 0, "asked": []}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            state["asked"].append(self.path)
            if self.headers.get("Authorization") != "Bearer key":
                return self.answer(401, {})
            if state["fail"]:
                state["fail"] -= 1
                return self.answer(500, {})
            page = int(self.path.partition("after=")[2] or 0)
            rows = [{"id": f"tx{page}", "date": "2026-03-01", "amount": "5.00", "currency": "USD"}] if page < 3 else []
            return self.answer(200, {"data": rows, "next": page + 1 if page < 3 else None})

        def answer(self, status, body):
            raw = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args):
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/report", state
    server.shutdown()


def test_polling_follows_its_cursor_and_goes_on_where_it_stopped(partner, account, processor):
    url, state = processor
    connector = make(partner, "http", "key", url=url, auth="bearer", cursor_param="after", cursor_path="next", items_path="data")
    run = services.run_connector(connector=connector)
    assert run.error == "" and run.fresh == 3
    connector.refresh_from_db()
    assert connector.checkpoint["cursor"] == 3
    state["asked"].clear()
    services.run_connector(connector=connector)
    assert state["asked"] == ["/report?after=3"]
    assert "refuses the credentials" in services.run_connector(connector=make(partner, "http", "no", url=url, auth="bearer")).error


def test_secrets_are_encrypted_and_never_in_the_audit_trail(partner, platform, superuser, tmp_path):
    make(partner, "sftp", "hunter2-secret", host="h", user="u", host_key="k", path="/")
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM ingestion_connector")
        assert "hunter2" not in cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM kernel_audit_event WHERE after::text LIKE '%%hunter2%%'")
        assert cursor.fetchone()[0] == 0
