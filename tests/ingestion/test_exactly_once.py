"""Sixteen clients, two ways in, killed workers: every payment once, with one posting and one event."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import connections

from ingestion import dedup, services
from ingestion.models import Payment, PaymentReference, PaymentStaging
from ledger import selectors
from ledger.models import Account, Transaction
from payos.kernel import clock, tenancy
from payos.kernel.models import OutboxEvent
from payos.supervisor.preflight import free_port
from tests.conftest import superuser_url

pytestmark = pytest.mark.django_db(transaction=True)

REFERENCES = 1_000
WEB_CLIENTS, STAGING_CLIENTS = 8, 8
WORKER = """
import os, django, time
django.setup()
from django.db import connections
for alias in ("default", "owner"):
    connections[alias].settings_dict["NAME"] = os.environ["PAYOS_TEST_DATABASE"]
from ingestion import services
services.process_all(batch=100)
print("ready", flush=True)
while True:
    if not services.process_all(batch=100).total:
        time.sleep(0.05)
"""


def environment() -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "payos.settings",
        "PAYOS_TEST_DATABASE": connections["default"].settings_dict["NAME"],
        "LOG_LEVEL": "ERROR",
    }


@contextmanager
def process(*command: str):
    running = subprocess.Popen(
        [sys.executable, *command],
        cwd=settings.BASE_DIR,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        if running.stdout is not None:
            running.stdout.close()
        if running.poll() is None:
            running.terminate()
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
                running.wait(15)


@contextmanager
def web_server():
    port = free_port()
    with process("-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "2", "--blocking-threads", "4",
                 "--no-ws", "--respawn-failed-workers", "--log-level", "error", "tests.ingestion.served:application") as running:  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                link = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                link.request("GET", "/healthz")
                link.getresponse().read()
                break
            except OSError:
                assert running.poll() is None, "the server did not start"
                time.sleep(0.1)
        yield port, running


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


class WebClient(threading.Thread):
    """Sends every reference and insists: a broken connection or a 503 is sent again, as a real sender does."""

    def __init__(self, port: int, path: str, secret: str, bodies: list[bytes], seed: int) -> None:
        super().__init__(daemon=True)
        self.port, self.path, self.secret, self.seed = port, path, secret, seed
        self.bodies = list(bodies)
        self.answers: dict[str, int] = {}
        self.wrong: list[str] = []
        self.again = 0

    def run(self) -> None:
        random.Random(self.seed).shuffle(self.bodies)
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        for body in self.bodies:
            for _ in range(400):
                stamp = str(int(time.time()))
                seal = hmac.new(self.secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
                try:
                    link.request(
                        "POST", self.path, body, {"Content-Type": "application/json", "X-Timestamp": stamp, "X-Signature": f"sha256={seal}"}
                    )
                    answer = link.getresponse()
                    text = answer.read()
                except (OSError, http.client.HTTPException):
                    link.close()
                    self.again += 1
                    time.sleep(0.05)
                    continue
                if answer.status == 503:
                    self.again += 1
                    time.sleep(0.05)
                    continue
                if answer.status != 200 and answer.status != 201:
                    self.wrong.append(f"{answer.status} {text[:200]!r}")
                else:
                    said = json.loads(text)["status"]
                    self.answers[said] = self.answers.get(said, 0) + 1
                break
            else:
                self.wrong.append("no answer")
        link.close()


class StagingClient(threading.Thread):
    """An ETL of its own connection that commits a few rows at a time."""

    def __init__(self, partner_id: object, seed: int) -> None:
        super().__init__(daemon=True)
        self.partner_id, self.seed = partner_id, seed
        self.wrong: list[str] = []

    def run(self) -> None:
        numbers = list(range(REFERENCES))
        random.Random(self.seed).shuffle(numbers)
        try:
            with psycopg.connect(superuser_url(connections["default"].settings_dict["NAME"]), autocommit=True) as link:
                for start in range(0, REFERENCES, 50):
                    with link.transaction(), link.cursor() as cursor:
                        cursor.executemany(
                            "INSERT INTO payment_staging (partner_id, livemode, source, reference_number, loan_account_number, cif, amount, currency, payment_date,"
                            " payment_channel) VALUES (%s, false, 'core', %s, %s, 'C', %s, 'USD', now(), 'core')",
                            [(self.partner_id, f"R-{n}", f"L-{n}", Decimal(n + 1)) for n in numbers[start : start + 50]],
                        )
                    time.sleep(0.02)
        except psycopg.Error as error:
            self.wrong.append(str(error))


def kill_in_the_middle(worker: subprocess.Popen, superuser: psycopg.Connection, busy: str) -> bool:
    """SIGKILL while a statement of theirs runs in the database, or after a while all the same."""
    deadline = time.monotonic() + 30
    caught = False
    while time.monotonic() < deadline and not caught:
        caught = bool(
            superuser.execute(
                "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE %s AND pid <> pg_backend_pid()", [busy]
            ).fetchone()
        )
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(15)
    return caught


@pytest.mark.slow  # the server, sixteen clients and two killings take about forty seconds of two cores
def test_every_payment_once_however_it_comes_and_whoever_dies(partner, superuser):
    dedup.forget()
    with tenancy.platform_scope(actor="test"):
        source, secret = services.source_create(
            partner=partner, livemode=False, name="core", adapter="generic", rate_per_minute=10_000_000, channel="core"
        )
    bodies = [
        json.dumps(
            {
                "reference_number": f"R-{n}",
                "loan_account_number": f"L-{n}",
                "cif": "C",
                "amount": f"{n + 1}.00",
                "payment_date": clock.now().isoformat(),
            }
        ).encode()
        for n in range(REFERENCES)
    ]
    with ExitStack() as stack:
        port, server = stack.enter_context(web_server())
        workers = [stack.enter_context(process("-c", WORKER)) for _ in range(2)]
        for worker in workers:
            assert worker.stdout is not None and worker.stdout.readline() == b"ready\n"
        path = f"/api/v1/payments/webhook?source={source.public_id}"
        web = [WebClient(port, path, secret, bodies, seed) for seed in range(WEB_CLIENTS)]
        staging = [StagingClient(partner.pk, 100 + seed) for seed in range(STAGING_CLIENTS)]
        for client in (*web, *staging):
            client.start()
        # One of the processor, one of the web server; the others and their successors go on.
        caught = kill_in_the_middle(workers[0], superuser, "%ingestion_process_staging%")
        stack.enter_context(process("-c", WORKER))
        victim = children(server.pid)[0]
        os.kill(victim, signal.SIGKILL)
        for client in (*web, *staging):
            client.join(120)
            assert not client.is_alive() and not client.wrong, client.wrong[:3]
        deadline = time.monotonic() + 60
        with tenancy.platform_scope():
            while PaymentStaging.objects.filter(processed=False).exists() and time.monotonic() < deadline:
                time.sleep(0.1)
    assert caught, "a worker was killed while its batch ran"
    answers = {name: sum(client.answers.get(name, 0) for client in web) for name in ("created", "duplicate")}
    assert sum(answers.values()) == WEB_CLIENTS * REFERENCES
    with tenancy.platform_scope():
        outcomes = {name: PaymentStaging.objects.filter(outcome=name).count() for name in ("created", "duplicate")}
        assert sum(outcomes.values()) == STAGING_CLIENTS * REFERENCES and not PaymentStaging.objects.filter(processed=False).exists()
        # A request that was cut off may have been recorded without its answer; nothing is ever said to be made twice.
        cut = sum(client.again for client in web)
        assert REFERENCES - cut <= answers["created"] + outcomes["created"] <= REFERENCES
        assert Payment.objects.count() == PaymentReference.objects.count() == REFERENCES
        assert set(Payment.objects.values_list("reference_number", flat=True)) == {f"R-{n}" for n in range(REFERENCES)}
        assert Transaction.objects.filter(kind="payment.recorded").count() == REFERENCES
        events = list(OutboxEvent.objects.filter(event_type="payment.recorded").values_list("id", "aggregate_id"))
        assert len(events) == len({key for key, _ in events}) == len({subject for _, subject in events}) == REFERENCES
        account = Account.objects.get(partner=partner, livemode=False, code="receivable:core", currency="USD")
        assert selectors.balance(account).posted_minor == sum(range(1, REFERENCES + 1)) * 100
