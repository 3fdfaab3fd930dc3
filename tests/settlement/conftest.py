"""A real sandbox bank on loopback, a rail to it, and a funded partner."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from ledger.services import Leg, account_for, post
from payos.kernel import tenancy
from settlement.models import Rail, WindowRule

ROOT = Path(__file__).resolve().parent.parent.parent


class Bank:
    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "sandbox",
                "--port",
                str(self.port),
                "--data",
                str(folder),
                "--settlement-seconds",
                "0.05",
                "--seed",
                "7",
                "--parent",
                str(os.getpid()),
                *options,
            ],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                self.call("GET", "/health")
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def call(self, method: str, path: str, body: object = None) -> dict:
        request = urllib.request.Request(
            self.url + path,
            None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Authorization": "Bearer sandbox-key", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"{}")

    def faults(self, **rates: object) -> None:
        self.call("PUT", "/faults", rates)

    def executions(self) -> dict:
        return self.call("GET", "/executions?limit=10000")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory):
    bank = Bank(tmp_path_factory.mktemp("bank"))
    yield bank
    bank.stop()


@pytest.fixture
def bank(sandbox_process):
    sandbox_process.faults()
    return sandbox_process


@pytest.fixture
def rail(db, bank):
    with tenancy.platform_scope():
        rail = Rail.objects.create(
            code="sandbox",
            name="Sandbox",
            adapter="sandbox",
            currencies=["USD", "MXN"],
            destination_types=["us_bank", "clabe"],
            config={"url": bank.url, "webhook_secret": "sandbox-secret", "timeout": 2, "not_found_is_final_after": 2, "send_within": 2},
            speed_minutes=5,
        )
        WindowRule.objects.create(rail=rail, frequency="continuous")
    return rail


@pytest.fixture
def funded(partner):
    fund(partner, 100_000_00)
    return partner


def fund(partner, amount, currency="USD"):
    with tenancy.tenant_scope(partner.pk, False):
        who = {"partner_id": partner.pk, "livemode": False}
        legs = [
            Leg(account_for(**who, code="receivable:card", currency=currency), amount),
            Leg(account_for(**who, code="partner:available", currency=currency), -amount),
        ]
        post(**who, kind="payment", legs=legs)


def order(amount="10.00", account="123456789", **fields):
    return {
        "amount": amount,
        "currency": "USD",
        "destination": {
            "type": "us_bank",
            "routing_number": "021000021",
            "account_number": account,
            "account_type": "checking",
            "holder_name": "Jane Doe",
        },
        **fields,
    }
