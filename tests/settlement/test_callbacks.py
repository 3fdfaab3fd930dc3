"""Messages of rails over real HTTP: signed, taken once, harmless when late, false or in the wrong order."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks import Webhook

from payos.kernel import tenancy
from settlement import callbacks, services
from settlement.models import RailCallback, RailCursor, Transfer
from tests.settlement.conftest import order
from tests.settlement.test_transfers import available, until

pytestmark = pytest.mark.django_db(transaction=True)


def message(url, body, *, secret="sandbox-secret", name=None, at=None, rail="sandbox"):
    name, at, text = name or f"msg_{uuid.uuid4().hex}", at or datetime.now(UTC), json.dumps(body)
    signature = Webhook(callbacks._key(secret)).sign(name, at, text)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signature,
        "content-type": "application/json",
    }
    return httpx.post(f"{url}/hooks/rails/{rail}", content=text, headers=headers, timeout=10, trust_env=False)


@pytest.fixture
def sent(api, bank, rail, funded):
    bank.faults(delayed_settlement=1.0, delayed_settlement_seconds=3600, lost_webhook=1.0)
    shown = api.post("/v1/transfers", order()).json()
    services.close_due_windows()
    services.execute_rail(rail_code="sandbox")
    return shown["id"]


def event(reference, status, **more):
    return {"type": f"transfer.{status}", "data": {"id": "bt_1", "reference": reference, "status": status, **more}}


def state():
    with tenancy.platform_scope():
        return Transfer.objects.get().state


def test_a_signed_message_settles_once_however_often_it_comes(live_server, sent, funded):
    body = event(sent, "settled", executed_amount_minor=1000)
    for _ in range(3):
        assert message(live_server.url, body, name="msg_same").status_code in {200, 202}
    assert message(live_server.url, body).status_code in {200, 202}  # the same news under another id
    assert state() == "settled" and available(funded).posted_minor == 9_999_000
    with tenancy.platform_scope():
        assert RailCallback.objects.count() == 2


def test_what_does_not_verify_changes_nothing(live_server, sent):
    body = event(sent, "settled")
    assert message(live_server.url, body, secret="guessed-secret").status_code == 401
    assert message(live_server.url, body, at=datetime.now(UTC) - timedelta(hours=1)).status_code == 401
    assert message(live_server.url, body, rail="nowhere").status_code == 404
    assert httpx.post(f"{live_server.url}/hooks/rails/sandbox", json=body, trust_env=False).status_code == 401
    assert httpx.get(f"{live_server.url}/hooks/rails/sandbox", trust_env=False).status_code == 404
    assert state() == "submitted"


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"data": []},
        {"data": {"reference": 7}},
        {"data": {"reference": "trf_nonsense", "status": "settled"}},
        {"data": {"reference": str(uuid.uuid4())}},
    ],
)
def test_nonsense_that_is_signed_is_kept_and_does_nothing(live_server, sent, body):
    assert message(live_server.url, body).status_code in {200, 202}
    assert state() == "submitted"


def test_out_of_order_messages_end_in_the_same_state(live_server, sent, funded):
    assert message(live_server.url, event(sent, "returned", code="R01", executed_amount_minor=1000)).status_code < 300
    assert state() == "returned"
    assert message(live_server.url, event(sent, "settled", executed_amount_minor=1000)).status_code < 300
    assert message(live_server.url, event(sent, "pending")).status_code < 300
    assert state() == "returned" and available(funded).posted_minor == available(funded).available_minor == 10_000_000


def test_a_return_that_no_message_told_is_found_by_the_sweep(api, bank, rail, funded):
    bank.faults(lost_webhook=1.0, return_seconds=0.2, reads=False)
    api.post("/v1/transfers", order(account="9900000001"))
    until(["settled", "returned"])
    import time

    deadline = time.monotonic() + 10
    while state() != "returned" and time.monotonic() < deadline:
        services.sweep()
        time.sleep(0.1)
    assert state() == "returned" and services.sweep() == 0
    with tenancy.platform_scope():
        assert RailCursor.objects.get().since not in {"", "0"}
