"""Alerts reach real receivers in the form they take, once per cause and period."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.core import mail

from operations import alerts, services
from operations.models import Alert, AlertChannel, AlertNotice, AlertRule, Case
from partners.models import User
from payos.kernel import clock, metrics
from payos.kernel.errors import Problem

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("platform")]


class Receiver:
    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[tuple[int, dict[str, str], str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.path, json.loads(body)))
                status, headers, text = outer.answers.pop(0) if outer.answers else (200, {}, "ok")
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture(autouse=True)
def _no_rules(db: Any) -> None:
    AlertRule.objects.update(enabled=False)


@pytest.fixture
def gauge(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """A metric source whose samples a test sets: {label: value}."""
    values: dict[str, float] = {}

    def source() -> Iterator[metrics.Sample]:
        for rail, value in values.items():
            yield "test_lag", "help", {"rail": rail}, value

    monkeypatch.setattr(metrics, "_sources", [source])
    return values


def rule(*channels: AlertChannel, **extra: Any) -> AlertRule:
    made = AlertRule.objects.create(**({"name": "Lag", "metric": "test_lag", "threshold": 10, "severity": 3} | extra))
    made.channels.set(channels)
    return made


def channel(kind: str, target: str, **extra: Any) -> AlertChannel:
    return AlertChannel.objects.create(name=f"{kind} {AlertChannel.objects.count()}", kind=kind, target=target, **extra)


def tick(minutes: float = 0) -> None:
    with clock.travel(clock.now() + timedelta(minutes=minutes)):
        alerts.evaluate()
        alerts.deliver()


def test_slack_pagerduty_webhook_and_mail_get_their_own_form(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(
        channel("slack", receiver.url + "/services/T/B/X"),
        channel("pagerduty", "R" * 32, endpoint=receiver.url + "/v2/enqueue"),
        channel("webhook", receiver.url + "/hook"),
        channel("email", "desk@example.com, night@example.com"),
    )
    gauge["ach"] = 99
    tick()
    got = dict(receiver.got)
    slack, pager, hook = got["/services/T/B/X"], got["/v2/enqueue"], got["/hook"]
    assert "Lag: test_lag (rail=ach) is 99, above 10" in slack["text"] and slack["blocks"][0]["text"]["type"] == "mrkdwn"
    assert (pager["event_action"], pager["routing_key"], pager["payload"]["severity"]) == ("trigger", "R" * 32, "error")
    assert set(pager["payload"]) >= {"summary", "source", "severity", "timestamp"}
    assert (hook["event"], hook["severity"], hook["value"]) == ("trigger", "high", 99)
    (letter,) = mail.outbox
    assert letter.to == ["desk@example.com", "night@example.com"] and letter.subject.startswith("[High] Lag")
    # When it is over, those who were told are told; PagerDuty by the same key.
    gauge["ach"] = 0
    tick()
    over = dict(receiver.got[3:])
    assert over["/v2/enqueue"] == {"routing_key": "R" * 32, "event_action": "resolve", "dedup_key": pager["dedup_key"]}
    assert over["/hook"]["event"] == "resolve"


def test_sns(gauge: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3
    from moto import mock_aws

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        topic = boto3.client("sns", region_name="us-east-1").create_topic(Name="alerts")["TopicArn"]
        rule(channel("sns", topic))
        gauge["ach"] = 50
        tick()
        notice = AlertNotice.objects.get()
        assert notice.state == "sent" and notice.answer.startswith("message ")
        lost = channel("sns", topic + "-missing")
        assert not alerts.test_channel(channel=lost).ok
        assert "no ARN" in alerts.test_channel(channel=channel("sns", "nonsense")).text


def test_told_once_per_cause_and_period(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url), repeat_minutes=60)
    gauge |= {"ach": 99, "wire": 99}
    for _ in range(5):
        tick()
    assert len(receiver.got) == 2
    tick(30)
    assert len(receiver.got) == 2
    tick(61)
    assert len(receiver.got) == 4
    assert Alert.objects.count() == 2


def test_it_must_hold_long_enough(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url), for_minutes=5)
    gauge["ach"] = 99
    tick()
    assert receiver.got == [] and Alert.objects.get().state == "pending"
    gauge["ach"] = 1
    tick(3)
    gauge["ach"] = 99
    tick(4)
    tick(6)
    assert receiver.got == []
    tick(10)
    assert len(receiver.got) == 1


def test_quiet_hours_hold_back_and_drop_nothing(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url), quiet_from=time(22), quiet_to=time(6), timezone="America/Mexico_City")
    gauge["ach"] = 99
    with clock.frozen(datetime(2026, 3, 3, 5, 30, tzinfo=UTC)):  # 23:30 in Mexico City
        alerts.evaluate()
        alerts.deliver()
        assert receiver.got == []
    with clock.frozen(datetime(2026, 3, 3, 12, 1, tzinfo=UTC)):  # 06:01
        alerts.deliver()
    assert len(receiver.got) == 1


def test_critical_breaks_quiet_hours(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url), quiet_from=time(0), quiet_to=time(23, 59), severity=4)
    gauge["ach"] = 99
    with clock.frozen(datetime(2026, 3, 3, 5, 30, tzinfo=UTC)):
        alerts.evaluate()
        alerts.deliver()
    assert len(receiver.got) == 1


def test_escalation_unless_acknowledged(receiver: Receiver, gauge: dict[str, float]) -> None:
    watch = rule(channel("webhook", receiver.url + "/first"), escalate_minutes=30, repeat_minutes=0)
    watch.escalation.set([channel("webhook", receiver.url + "/boss")])
    gauge["ach"] = 99
    tick()
    tick(31)
    assert [path for path, _ in receiver.got] == ["/first", "/boss"]
    gauge["wire"] = 99
    tick()
    user = User.objects.create_user("ann")
    alert = Alert.objects.get(cause="rail=wire")
    alerts.acknowledge(alert=alert, user=user)
    tick(40)
    assert [path for path, _ in receiver.got] == ["/first", "/boss", "/first"]
    with pytest.raises(Problem):
        alerts.acknowledge(alert=alert, user=user)


def test_a_busy_receiver_is_asked_again_and_a_refusing_one_becomes_a_case(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url))
    gauge["ach"] = 99
    receiver.answers = [(429, {"Retry-After": "120"}, "slow down")]
    tick()
    assert AlertNotice.objects.get().state == "waiting"
    tick(1)
    assert len(receiver.got) == 1
    tick(3)
    assert AlertNotice.objects.get().state == "sent" and len(receiver.got) == 2
    gauge["wire"] = 99
    receiver.answers = [(404, {}, "no_service")]
    tick()
    assert AlertNotice.objects.get(alert__cause="rail=wire").state == "failed"
    assert "404 no_service" in Case.objects.get(kind="alert_undelivered").detail


def test_rise_and_absence(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url + "/rise"), name="Rise", condition="rises", threshold=100, window_minutes=10)
    rule(channel("webhook", receiver.url + "/gone"), name="Gone", condition="absent", window_minutes=10)
    gauge["ach"] = 1000
    tick()
    gauge["ach"] = 1090
    tick(5)
    assert receiver.got == []
    gauge["ach"] = 1101
    tick(8)
    assert [path for path, _ in receiver.got] == ["/rise"]
    gauge.clear()
    tick(15)
    assert "/gone" not in [path for path, _ in receiver.got]
    tick(20)
    assert "/gone" in [path for path, _ in receiver.got]


def test_cases_are_grouped_by_kind(receiver: Receiver) -> None:
    rule(channel("webhook", receiver.url), source="cases", threshold=0, case_severity=3)
    services.open_cases([{"kind": "unmatched", "cause_key": f"a{n}", "title": "t", "severity": 4} for n in range(300)])
    services.open_case(kind="minor", cause_key="m", title="t", severity=1)
    tick()
    assert len(receiver.got) == 1
    assert "300 cases of kind unmatched" in receiver.got[0][1]["summary"]
    services.resolve_by_cause([f"a{n}" for n in range(300)], resolution="gone")
    tick()
    assert receiver.got[-1][1]["event"] == "resolve" and Alert.objects.get().state == "resolved"


def test_a_storm_is_cut_short(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", receiver.url))
    gauge |= {f"rail{n}": 100 + n for n in range(500)}
    tick()
    assert len(receiver.got) == 21
    assert Alert.objects.filter(cause="and more", summary__contains="480 more").exists()


def test_a_dead_receiver_does_not_hold_up_the_others(receiver: Receiver, gauge: dict[str, float]) -> None:
    rule(channel("webhook", "http://127.0.0.1:9/"), channel("webhook", receiver.url))
    gauge["ach"] = 99
    tick()
    assert len(receiver.got) == 1
    assert set(AlertNotice.objects.values_list("state", flat=True)) == {"waiting", "sent"}
