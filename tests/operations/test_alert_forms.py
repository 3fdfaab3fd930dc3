"""Rules and channels of alerts as people write them: metrics in words, refusals that say what to write, targets that stay hidden."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from operations import alerts, services
from operations.models import Alert, AlertChannel, AlertRule
from partners.models import User
from payos.kernel import metrics, tenancy
from tests.operations.test_queue_page import login

pytestmark = pytest.mark.django_db
RULE = {
    "name": "Desk", "enabled": "on", "severity": "3", "source": "metric", "metric": "payos_outbox_lag_seconds", "condition": "above", "threshold": "60",
    "window_minutes": "15", "for_minutes": "0", "repeat_minutes": "240", "escalate_minutes": "0", "case_severity": "3", "timezone": "UTC",
    "critical_breaks_quiet": "on",
}  # fmt: skip


@pytest.fixture
def console(client: Client, db: Any) -> Client:
    client.force_login(User.objects.create_superuser("root", "root@example.com", "x" * 16))
    return client


def saved(console: Client, **fields: str) -> AlertRule:
    answer = console.post(reverse("admin:operations_alertrule_add"), RULE | fields)
    assert answer.status_code == 302, re.findall(r"<li>([^<]+)</li>|errorlist[^>]*>(.*?)</", answer.content.decode(), re.S)[:10]
    return AlertRule.objects.get(name=fields.get("name", RULE["name"]))


def refused(console: Client, **fields: str) -> str:
    answer = console.post(reverse("admin:operations_alertrule_add"), RULE | fields)
    assert answer.status_code == 200
    return answer.content.decode().replace("&#x27;", "'")


def test_every_metric_of_the_product_has_words_and_a_unit() -> None:
    named = {name for source in metrics._sources for name in re.findall(r'yield "(payos_\w+)"', inspect.getsource(source))}
    assert len(named) > 20
    assert named <= set(metrics.catalogue())
    assert all(title and unit for title, unit in metrics.catalogue().values())


def test_a_rule_of_each_kind_is_written_and_reads_back_in_words(console: Client) -> None:
    form = console.get(reverse("admin:operations_alertrule_add")).content.decode()
    assert "Age of the oldest event not handled yet [seconds]" in form and "Silence of a process [seconds]" in form
    saved(console, name="Threshold")
    saved(console, name="Rate", metric="payos_outbox_unhandled", condition="rises", threshold="100", window_minutes="10")
    saved(
        console,
        name="Absence",
        metric="payos_heartbeat_age_seconds",
        condition="absent",
        window_minutes="30",
        **{"labels-1-name": "name", "labels-1-value": "beat"},
    )
    saved(console, name="Cases", source="cases", metric="", case_kind="unmatched_line", threshold="5")
    assert AlertRule.objects.get(name="Absence").labels == {"name": "beat"}
    listed = console.get(reverse("admin:operations_alertrule_changelist")).content.decode()
    for said in (
        "is above 60 s",
        "rises by more than 100 in 10 min",
        "is absent for 30 min",
        "Silence of a process (name = beat)",
        "unresolved cases of unmatched line",
    ):
        assert said in listed, said
    page = console.get(reverse("admin:operations_alertrule_change", args=[AlertRule.objects.get(name="Threshold").pk])).content.decode()
    assert "everywhere: <strong>0 s</strong>" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"metric": ""}, "Choose what to watch."),
        ({"source": "cases", "condition": "rises"}, "Cases are counted: choose above or below."),
        ({"timezone": "Mars/Olympus"}, "There is no time zone 'Mars/Olympus'"),
        ({"quiet_from": "22:00"}, "Quiet hours need both ends"),
        ({"escalate_minutes": "30"}, "Name a channel to escalate to"),
        ({"condition": "absent", "window_minutes": "0"}, "needs a window of at least one minute"),
        ({"labels-0-name": "rail", "labels-0-value": "ach"}, "has no label rail: it has none"),
        ({"labels-2-name": "rail"}, "Row 1: the value is missing."),
        ({"metric": "payos_nonsense"}, "Select a valid choice"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_with_what_to_write(console: Client, fields: dict[str, str], said: str) -> None:
    assert said in refused(console, **fields)
    assert not AlertRule.objects.filter(name="Desk").exists()


def test_fewer_cases_than_wanted_is_seen_when_there_is_none(console: Client) -> None:
    AlertRule.objects.update(enabled=False)
    rule = saved(console, source="cases", metric="", case_kind="unmatched_line", condition="below", threshold="1")
    alerts.evaluate()
    with tenancy.platform_scope():
        assert "0 cases of kind unmatched line" in Alert.objects.get(rule=rule).summary


def test_an_alert_says_the_metric_in_words_with_its_unit(monkeypatch: pytest.MonkeyPatch, console: Client) -> None:
    AlertRule.objects.update(enabled=False)
    rule = saved(console)
    monkeypatch.setattr(metrics, "_sources", [lambda: [("payos_outbox_lag_seconds", "help", {}, 90.0)]])
    alerts.evaluate()
    with tenancy.platform_scope():
        assert Alert.objects.get(rule=rule).summary == "Desk: Age of the oldest event not handled yet is 90 s, above 60 s"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("payos_outbox_lag_seconds", 38.148123, "38.15 s"), ("payos_outbox_lag_seconds", 0.126883, "0.13 s"), ("payos_staging_backlog", 1_234_567, "1,234,567"), ("payos_publish_failure_ratio", 0.0125, "1.25 %"),
        ("payos_breaker_open", 0, "0"), ("unknown_metric", 0.125, "0.125"), ("payos_payment_partition_days_left", 42, "42 days"),
    ],
)  # fmt: skip
def test_a_reading_is_written_as_a_person_reads_it(name: str, value: float, said: str) -> None:
    assert metrics.reading(name, value) == said


CHANNELS = [
    ("email", "desk@example.com, night@example.com", "desk", "x, desk is no e-mail address"),
    ("slack", "https://hooks.slack.com/services/T0/B0/verysecret", "hooks.slack.com", "Write the whole address"),
    ("webhook", "http://127.0.0.1:9/hook-with-secret", "ftp://x/y", "Write the whole address"),
    ("pagerduty", "R" * 28 + "last", "short", "32 letters and digits"),
    ("sns", "arn:aws:sns:us-east-1:123456789012:alerts", "alerts", "Write the topic"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "target", "wrong", "said"), CHANNELS)
def test_a_channel_of_each_kind_takes_its_own_target(console: Client, kind: str, target: str, wrong: str, said: str) -> None:
    add = reverse("admin:operations_alertchannel_add")
    form = {"name": "Desk", "kind": kind, "new_target": target, "enabled": "on"}
    for bad in (wrong, ""):
        answer = console.post(add, form | {"new_target": bad})
        assert answer.status_code == 200
        assert (said.partition(", ")[2] or said if bad else "Say where the messages go.") in answer.content.decode()
    assert console.post(add, form).status_code == 302
    channel = AlertChannel.objects.get()
    assert channel.target == target
    # Left empty it stays; another kind asks for another target.
    change = reverse("admin:operations_alertchannel_change", args=[channel.pk])
    assert console.post(change, form | {"name": "Night", "new_target": ""}).status_code == 302
    channel.refresh_from_db()
    assert (channel.name, channel.target) == ("Night", target)
    other = "webhook" if kind == "email" else "email"
    assert "Another kind needs its own target" in console.post(change, form | {"kind": other, "new_target": ""}).content.decode()


@pytest.mark.parametrize("role", ["operator", "auditor", "administrator"])
@pytest.mark.parametrize("kind", ["slack", "webhook", "pagerduty"])
def test_nobody_reads_a_secret_target_off_the_page(kind: str, role: str) -> None:
    target = next(target for name, target, _, _ in CHANNELS if name == kind)
    channel = AlertChannel.objects.create(name="Desk", kind=kind, target=target)
    browser = login(role)
    for address in (
        reverse("admin:operations_alertchannel_change", args=[channel.pk]),
        reverse("admin:operations_alertchannel_changelist"),
    ):
        page = browser.get(address).content.decode()
        assert "Goes to" in page and target not in page
        assert "verysecret" not in page and "hook-with-secret" not in page and "R" * 20 not in page


@pytest.mark.parametrize(
    ("kind", "target", "endpoint", "said"),
    [
        ("webhook", "http://127.0.0.1:1/secret-path", "", "the test did not arrive. 127.0.0.1:1 cannot be reached: connection refused."),
        (
            "pagerduty",
            "R" * 32,
            "http://127.0.0.1:1/v2/enqueue",
            "the test did not arrive. 127.0.0.1:1 cannot be reached: connection refused.",
        ),
        (
            "sns",
            "arn:aws:sns:us-east-1:123456789012:alerts",
            "http://127.0.0.1:1/",
            "the test did not arrive. This machine has no AWS credentials",
        ),
        ("email", "desk@example.com", "", "the test was taken. Handed to the mail server for 1."),
    ],
)
def test_the_test_button_says_in_words_how_it_went(
    monkeypatch: pytest.MonkeyPatch, console: Client, kind: str, target: str, endpoint: str, said: str
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    channel = AlertChannel.objects.create(name="Desk", kind=kind, target=target, endpoint=endpoint)
    address = reverse("admin:operations_alertchannel_send_test", args=[channel.pk])
    assert console.get(address).status_code == 200
    console.post(address, {"_form_submitted": "True"}, headers={"HX-Request": "true"})
    page = console.get(reverse("admin:operations_alertchannel_change", args=[channel.pk])).content.decode()
    assert said in page and "secret-path" not in page


def test_a_refusal_of_the_receiver_is_told_with_its_words(console: Client) -> None:
    with served(500, b"no space left") as url:
        channel = AlertChannel.objects.create(name="Desk", kind="webhook", target=url)
        console.post(
            reverse("admin:operations_alertchannel_send_test", args=[channel.pk]),
            {"_form_submitted": "True"},
            headers={"HX-Request": "true"},
        )
    page = console.get(reverse("admin:operations_alertchannel_change", args=[channel.pk])).content.decode()
    assert "the test did not arrive. Answered 500 no space left." in page


@contextmanager
def served(status: int, body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def test_the_page_of_an_alert_says_who_was_told_and_ends_its_button(console: Client) -> None:
    AlertRule.objects.update(enabled=False)
    with served(200, b"ok") as url, tenancy.platform_scope():
        rule = saved(console, source="cases", metric="", threshold="0", case_severity="1")
        rule.channels.add(AlertChannel.objects.create(name="Desk", kind="webhook", target=url))
        services.open_case(kind="unmatched_line", cause_key="a:1", title="Break")
        alerts.evaluate()
        alerts.deliver()
    with tenancy.platform_scope():
        alert = Alert.objects.get(rule=rule)
    change, acknowledge = (reverse(f"admin:operations_alert_{name}", args=[alert.pk]) for name in ("change", "acknowledge"))
    page = console.get(change).content.decode()
    for said in ("It fires", "Desk (Webhook)", "answered 200 ok", "The cases of kind unmatched line", acknowledge):
        assert said in page, said
    console.post(acknowledge, {"_form_submitted": "True"}, headers={"HX-Request": "true"})
    page = console.get(change).content.decode()
    assert "Acknowledged" in page and acknowledge not in page
    # A second person whose page is older presses it all the same: words, and no error page.
    late = console.post(acknowledge, {"_form_submitted": "True"}, headers={"HX-Request": "true"})
    assert late.status_code < 500
