"""/metrics: one process or several, and the database away."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import DatabaseError, connections

from payos.kernel import metrics, outbox, tenancy

pytestmark = pytest.mark.django_db

SCRIPT = """
import os, django
django.setup()
from django.conf import settings
settings.ALLOWED_HOSTS = ["testserver"]
from django.db import connections
connections["default"].settings_dict["NAME"] = os.environ["PAYOS_TEST_DATABASE"]
from django.test import Client
children = []
for count in (2, 3):
    pid = os.fork()
    if not pid:
        for _ in range(count):
            assert Client().get("/healthz").status_code == 200
        os._exit(0)
    children.append(pid)
for pid in children:
    assert os.waitpid(pid, 0)[1] == 0
print(Client().get("/metrics").content.decode())
"""


def values(text):
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line and not line.startswith("#")}


def test_what_the_database_knows_is_told(client):
    with tenancy.platform_scope():
        outbox.publish(topic="t", event_type="x", aggregate_id="a", payload={}, partner_id=None)
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain")
    found = values(answer.content.decode())
    assert found["payos_outbox_unhandled"] == 1.0 and found["payos_outbox_parked"] == 0.0
    assert any(name.startswith("django_http_requests_total_by_method_total") for name in found)


@pytest.mark.django_db(transaction=True)
def test_several_processes_are_added_up(tmp_path):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "payos.settings",
        "PROMETHEUS_MULTIPROC_DIR": str(tmp_path),
        "PAYOS_TEST_DATABASE": connections["default"].settings_dict["NAME"],
    }
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    found = values(ran.stdout)
    counted = [
        value
        for name, value in found.items()
        if name.startswith("django_http_requests_total_by_view_transport_method_total") and "healthz" in name
    ]
    assert sum(counted) == 5.0, ran.stdout[:3000]
    assert "payos_outbox_unhandled" in found  # the gauges of the database are told once, not once a process


def test_a_source_that_fails_takes_only_itself_away(client, monkeypatch):
    def broken():
        raise DatabaseError("gone")
        yield

    monkeypatch.setattr(metrics, "_sources", [broken, metrics.kernel_source])
    found = values(client.get("/metrics").content.decode())
    assert "payos_outbox_unhandled" in found
