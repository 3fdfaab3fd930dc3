"""One message to one channel, in the form that channel takes."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.mail import send_mail

from operations.models import AlertChannel
from operations.models.alert import ChannelKind
from payos.kernel import clock, http

ERRNO = re.compile(r"\[Errno -?\d+\] ")
PAGERDUTY = "https://events.pagerduty.com/v2/enqueue"
PAGERDUTY_SEVERITY = {4: "critical", 3: "error", 2: "warning", 1: "info"}
PAGERDUTY_ACTION = {"acknowledge": "acknowledge", "resolve": "resolve"}


@dataclass(frozen=True, slots=True)
class Message:
    event: str  # trigger, repeat, escalate, acknowledge, resolve or test
    cause: str
    summary: str
    severity: int
    severity_name: str
    rule: str
    value: float
    since: str
    link: str

    @property
    def headline(self) -> str:
        lead = {"resolve": "Resolved", "acknowledge": "Acknowledged", "test": "Test", "escalate": "Escalated"}.get(
            self.event, self.severity_name
        )
        return f"[{lead}] {self.summary}"


@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    text: str
    retry: bool = False
    retry_after: int | None = None


def send(channel: AlertChannel, message: Message) -> Answer:
    try:
        return SENDERS[channel.kind](channel, message)  # type: ignore[index]
    except httpx.TimeoutException:
        return Answer(False, f"no answer in time from {_where(channel)}", retry=True)
    except (httpx.HTTPError, OSError) as error:
        return Answer(False, f"{_where(channel)} cannot be reached: {ERRNO.sub('', str(error)).lower()}"[:300], retry=True)


def _where(channel: AlertChannel) -> str:
    """Whom a message did not reach, without what is secret in the address."""
    if channel.kind == ChannelKind.EMAIL:
        return f"the mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    address = channel.target if channel.kind in {ChannelKind.SLACK, ChannelKind.WEBHOOK} else channel.endpoint or PAGERDUTY
    return urlsplit(address).netloc.rpartition("@")[2] or "the receiver"


def _email(channel: AlertChannel, message: Message) -> Answer:
    to = [part.strip() for part in channel.target.split(",") if part.strip()]
    text = f"{message.summary}\n\nRule: {message.rule}\nValue: {message.value:g}\nSince: {message.since}\n{message.link}\n"
    send_mail(message.headline.replace("\n", " ")[:200], text, settings.DEFAULT_FROM_EMAIL, to)
    return Answer(True, f"handed to the mail server for {len(to)}")


def _slack(channel: AlertChannel, message: Message) -> Answer:
    body = {
        "text": message.headline,
        "blocks": [
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": f"*{_escape(message.headline)}*\n{_escape(message.rule)}: {message.value:g}, since {message.since}\n<{message.link}|Open>",
                },
            }
        ],
    }
    return _post(channel.target, body)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _pagerduty(channel: AlertChannel, message: Message) -> Answer:
    body: dict[str, Any] = {
        "routing_key": channel.target.strip(),
        "event_action": PAGERDUTY_ACTION.get(message.event, "trigger"),
        "dedup_key": message.cause[:255],
    }
    if body["event_action"] == "trigger":
        body |= {
            "client": "PayOS",
            "client_url": message.link,
            "payload": {
                "summary": message.headline[:1024],
                "source": settings.PUBLIC_URL,
                "severity": PAGERDUTY_SEVERITY.get(message.severity, "error"),
                "timestamp": clock.now().isoformat(),
                "component": "payos",
                "class": message.rule,
                "custom_details": {"value": message.value, "since": message.since},
            },
            "links": [{"href": message.link, "text": "Open"}],
        }
    return _post(channel.endpoint or PAGERDUTY, body)


def _webhook(channel: AlertChannel, message: Message) -> Answer:
    return _post(
        channel.target,
        {
            "event": message.event,
            "cause": message.cause,
            "summary": message.summary,
            "severity": message.severity_name.lower(),
            "rule": message.rule,
            "value": message.value,
            "since": message.since,
            "link": message.link,
        },
    )


def _sns(channel: AlertChannel, message: Message) -> Answer:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    arn = channel.target.strip()
    parts = arn.split(":")
    if len(parts) < 6 or parts[2] != "sns":
        return Answer(False, "The target is no ARN of an SNS topic: write arn:aws:sns:REGION:ACCOUNT:TOPIC.")
    client = boto3.client(
        "sns",
        region_name=parts[3],
        endpoint_url=channel.endpoint or None,
        config=Config(connect_timeout=5, read_timeout=10, retries={"max_attempts": 1}),
    )
    subject = message.headline.encode("ascii", "replace").decode()[:100].replace("\n", " ")
    body = json.dumps(
        {"event": message.event, "cause": message.cause, "summary": message.summary, "value": message.value, "link": message.link}
    )
    extra: dict[str, Any] = {}
    if arn.endswith(".fifo"):
        key = hashlib.sha256(f"{message.cause}:{message.event}:{clock.now():%Y%m%d%H}".encode()).hexdigest()
        extra = {"MessageGroupId": hashlib.sha256(message.cause.encode()).hexdigest()[:64], "MessageDeduplicationId": key}
    try:
        told = client.publish(
            TopicArn=arn,
            Subject=subject,
            Message=body[: 256 * 1024],
            MessageAttributes={"severity": {"DataType": "String", "StringValue": message.severity_name.lower()}},
            **extra,
        )
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return Answer(False, str(error)[:300], retry=status >= 500 or status == 429)
    except NoCredentialsError:
        return Answer(
            False, "this machine has no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give it a role", retry=True
        )
    except BotoCoreError as error:
        return Answer(False, str(error)[:300], retry=True)
    return Answer(True, f"message {told['MessageId']}")


def _post(url: str, body: dict[str, Any]) -> Answer:
    with http.client() as client:
        answer = client.post(url, json=body)
    if answer.is_success:
        return Answer(True, f"answered {answer.status_code} {answer.text[:100]}".strip())
    wait = answer.headers.get("Retry-After", "")
    return Answer(
        False,
        f"answered {answer.status_code} {answer.text[:200]}".strip(),
        retry=answer.status_code == 429 or answer.status_code >= 500,
        retry_after=int(wait[:5]) if wait.isascii() and wait.isdigit() else None,
    )


SENDERS = {
    ChannelKind.EMAIL: _email,
    ChannelKind.SLACK: _slack,
    ChannelKind.PAGERDUTY: _pagerduty,
    ChannelKind.SNS: _sns,
    ChannelKind.WEBHOOK: _webhook,
}
