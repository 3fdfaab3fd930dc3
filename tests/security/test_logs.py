"""Whole flows with the log as a server writes it: no secret and no account number is in any line, not even of a failure.

The pipeline is the real one: `payos.logging.config` of a server (JSON) on the root logger, at DEBUG, which is more than a server
writes. The flows run through the real views and services; what may not appear is known beforehand.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import logging
import logging.config
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from ingestion import channels
from ingestion import services as ingestion
from ingestion.models import Connector
from partners.models import User
from partners.services import api_key_create, api_key_rotate
from payos import logging as payos_logging
from payos.kernel import clock, redis, tenancy
from tests.conftest import client_for
from tests.security.world import furnish, order, rail
from webhooks import services as webhooks

pytestmark = pytest.mark.django_db
ACCOUNT = "987650001234"
LOUD = {"django.db.backends": "INFO"}  # its DEBUG prints parameters of every query; settings never let it below INFO


class Log(io.StringIO):
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    """The pipeline of a server, writing here; put back afterwards."""
    stream = Log()
    wanted = payos_logging.config(level="DEBUG", form="json")
    wanted["handlers"]["stderr"]["stream"] = stream
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    logging.config.dictConfig(wanted)
    for name, least in LOUD.items():
        logging.getLogger(name).setLevel(least)
    yield stream
    from django.conf import settings

    logging.config.dictConfig(settings.LOGGING)
    root.handlers[:] = before
    root.setLevel(level)


def check(log: Log, *secrets: str, least: int = 1) -> None:
    """Every line is JSON, there are some, and none holds a secret in whole or in the part that matters."""
    lines = log.lines()
    assert len(lines) >= least, "nothing was logged: the test looks at nothing"
    text = log.getvalue()
    for secret in secrets:
        assert len(secret) >= 6
        for part in {secret, secret.replace("sk_test_", "").replace("sk_live_", "").replace("whsec_", "")}:
            assert part not in text, [line for line in text.splitlines() if part in line][:2]


def loudly(log: Log, text: str) -> None:
    """The judge can fail: what is logged on purpose arrives."""
    logging.getLogger("payos.test").info(text)
    assert text in log.getvalue()


def test_a_message_with_a_signature(log, client, partner, platform):
    channels.forget_sources()
    redis.client().flushdb()
    loudly(log, "look here")
    source, secret = ingestion.source_create(partner=partner, livemode=False, name="core", adapter="generic")
    good = {
        "reference_number": "R-1",
        "loan_account_number": ACCOUNT,
        "amount": "10.00",
        "payment_date": clock.now().isoformat(),
        "payment_channel": "card",
    }
    signatures = []
    for raw, key in (
        (json.dumps(good).encode(), secret),
        (json.dumps(good).encode(), "wrong-" + secret),
        (b'{"amount": ' + ACCOUNT.encode(), secret),
    ):
        stamp = str(int(clock.now().timestamp()))
        signature = hmac.new(key.encode(), stamp.encode() + b"." + raw, hashlib.sha256).hexdigest()
        signatures.append(signature)
        client.post(
            f"/api/v1/payments/webhook?source={source.public_id}", raw, content_type="application/json",
            headers={"X-Timestamp": stamp, "X-Signature": f"sha256={signature}"},
        )  # fmt: skip
    check(log, secret, ACCOUNT, *signatures)


def test_keys_made_used_rotated_and_refused(log, partner):
    loudly(log, "look here")
    with tenancy.tenant_scope(partner.pk, False):
        key, secret = api_key_create(partner=partner, livemode=False)
        _, following = api_key_rotate(key=key)
    client = Client()
    unknown = "sk_live_" + uuid.uuid4().hex
    for header in (f"Bearer {secret}", f"Bearer {following}", f"Bearer {unknown}", f"Basic {unknown}"):
        client.get(f"/v1/me?key={secret}", headers={"Authorization": header})
        client.post(
            "/v1/transfers",
            "{",
            content_type="application/json",
            headers={"Authorization": header, "Idempotency-Key": secret},
        )
    check(log, secret, following, unknown)


def test_a_transfer_to_a_bank_account_taken_refused_and_broken(log, partner, monkeypatch):
    loudly(log, "look here")
    furnish(partner, False, "logged")
    api = client_for(partner)
    assert api.post("/v1/transfers", order()).status_code == 201
    wrong = order()
    wrong["destination"]["routing_number"] = "999999999"
    assert api.post("/v1/transfers", wrong).status_code in {400, 422}
    assert api.post("/v1/transfers/batch", {"transfers": [order(), wrong]}).status_code in {400, 422}
    # A fault in the middle: the traceback and the database's own words about the row.
    from settlement import services

    def breaks(**values: Any) -> Any:
        raise RuntimeError(f"no room for {values['items'][0]} of {ACCOUNT} by {api.secret}")

    monkeypatch.setattr(services, "accept", breaks)
    assert api.post("/v1/transfers", order()).status_code == 500
    check(log, ACCOUNT, api.secret)
    assert "RuntimeError" in log.getvalue() and "Traceback" in log.getvalue()


def test_the_databases_own_words(log, partner):
    """An error of Postgres repeats values; so does Django's when it is logged."""
    from django.db import DatabaseError, connection, transaction

    loudly(log, "look here")
    secret = "sk_test_" + uuid.uuid4().hex
    for statement, value in (
        ("SELECT %s::int", secret),
        ("SELECT %s::uuid", ACCOUNT),
        ("SELECT (%s)::date", "whsec_" + uuid.uuid4().hex),
    ):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, [value])
        except DatabaseError:
            logging.getLogger("payos.test").exception("it failed")
        check(log, value, least=2)


def test_signing_in_with_a_wrong_and_a_right_password(log):
    loudly(log, "look here")
    password, wrong = "correct horse battery staple", "incorrect zebra battery"
    User.objects.create_user("ann", password=password, is_staff=True)
    client = Client()
    for given in (wrong, wrong, password):
        client.post("/accounts/login/", {"login": "ann", "password": given})
    cookie = client.cookies["payos_session"].value
    client.get("/admin/")
    client.post("/accounts/password/change/", {"oldpassword": password, "password1": wrong, "password2": wrong})
    check(log, password, wrong, cookie)


def test_a_connector_whose_password_is_refused(log, partner, platform):
    loudly(log, "look here")
    secrets = []
    for kind, config in (
        ("imap", {"host": "127.0.0.1", "port": 49151, "user": "payos"}),
        (
            "sftp",
            {"host": "127.0.0.1", "port": 49151, "user": "payos", "folder": "/in", "host_key": "ssh-ed25519 AAAA"},
        ),
        ("http", {"url": "http://127.0.0.1:49151/reports"}),
    ):
        secrets.append(f"hunter-{kind}-{uuid.uuid4().hex}")
        connector = Connector.objects.create(partner=partner, name=kind, kind=kind, config=config, secret=secrets[-1])
        run = ingestion.run_connector(connector=connector)
        assert run.error and secrets[-1] not in run.error
        logging.getLogger("payos.test").info("ran", extra={"connector": connector, "run": run.error})
    check(log, *secrets)


def test_webhook_secrets(log, partner):
    loudly(log, "look here")
    api = client_for(partner)
    made = api.post(
        "/v1/webhooks",
        {"url": "http://127.0.0.1:49151/hook", "event_types": ["*"], "headers": {"X-Auth": "my-own-header-token-77"}},
    ).json()
    turned = api.post(f"/v1/webhooks/{made['id']}/rotate-secret", {}).json()
    api.post(f"/v1/webhooks/{made['id']}/test", {})
    with tenancy.platform_scope():
        webhooks.endpoint_update(endpoint_id=_endpoint(made["id"]), headers={"X-Auth": "my-own-header-token-88"})
    check(log, made["secret"], turned["secret"], "my-own-header-token-77", "my-own-header-token-88")


def _endpoint(public_id: str) -> Any:
    from payos.kernel import ids

    return ids.decode("whe", public_id)


def test_a_fault_in_a_page_and_in_a_task(log, partner, monkeypatch, client):
    """Django's own error log and Celery's, with secrets in local variables, arguments and the message."""
    from django.contrib.auth.models import Group

    from partners.admin import PartnerAdmin
    from payos.celery import app

    loudly(log, "look here")
    secret, password = "sk_live_" + uuid.uuid4().hex, "swordfish-" + uuid.uuid4().hex

    def breaks(*_: Any, **__: Any) -> Any:
        raise ValueError(f"account {ACCOUNT}, key {secret}, password={password}")

    monkeypatch.setattr(PartnerAdmin, "get_queryset", breaks)
    user = User.objects.create_user("boss", password="x" * 16, is_staff=True)
    user.groups.set(Group.objects.all())
    client.force_login(user)
    client.raise_request_exception = False
    answer = client.post("/admin/partners/partner/", {"password": password, "account_number": ACCOUNT})
    assert answer.status_code == 500 and secret.encode() not in answer.content and ACCOUNT.encode() not in answer.content
    task = app.task(name="tests.breaks", bind=False)(breaks)
    task.apply(args=[ACCOUNT], kwargs={"token": secret})
    check(log, ACCOUNT, secret, password, least=3)
    assert "ValueError" in log.getvalue()


def test_rails_credentials(log):
    from settlement import secrets as packed
    from settlement.rails import base
    from settlement.services import executing

    loudly(log, "look here")
    key = "bank-key-" + uuid.uuid4().hex
    with tenancy.platform_scope():
        by = rail()
        by.credentials = packed.packed({"key": key, "webhook_secret": key[::-1]})
        by.save(update_fields=["credentials"])
    executing.execute_rail(rail_code=by.code)
    logging.getLogger("payos.test").info("rail %s %r", by, by, extra={"rail": by, "adapter": str(base)})
    check(log, key, key[::-1])
