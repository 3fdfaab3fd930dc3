"""Sends what is due. The call happens between two transactions: a crash in between sends again, and PagerDuty and SNS
are given the same deduplication key then."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from operations.alerts.channels import Answer, Message, send
from operations.models import Alert, AlertChannel, AlertNotice
from operations.models.alert import NoticeState
from payos.kernel import clock, tenancy

MAX_ATTEMPTS = 6
BATCH = 50
HOLD = timedelta(minutes=2)


def deliver() -> int:
    """One round; returns how many messages left."""
    sent = 0
    with tenancy.platform_scope(actor="clock:alerts"):
        for notice in _claim():
            answer = send(notice.channel, message_for(notice.alert, notice.event))
            _record(notice, answer)
            sent += answer.ok
    return sent


def _claim() -> list[AlertNotice]:
    """Take due messages by moving their due time: another worker leaves them alone, and a crash lets them come back."""
    with transaction.atomic():
        rows = list(
            AlertNotice.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("alert__rule", "channel")
            .filter(state=NoticeState.WAITING, due_at__lte=clock.now())
            .order_by("due_at")[:BATCH]
        )
        AlertNotice.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=clock.now() + HOLD)
    return rows


def _record(notice: AlertNotice, answer: Answer) -> None:
    notice.attempts += 1
    notice.answer = answer.text[:300]
    if answer.ok:
        notice.state, notice.sent_at = NoticeState.SENT, clock.now()
    elif not answer.retry or notice.attempts >= MAX_ATTEMPTS:
        notice.state = NoticeState.FAILED
    else:
        notice.due_at = clock.now() + timedelta(seconds=answer.retry_after or 15 * 2**notice.attempts)
    with transaction.atomic():
        notice.save()
        if notice.state == NoticeState.FAILED:
            from operations.services import open_case

            open_case(
                kind="alert_undelivered",
                cause_key=f"alert_channel:{notice.channel_id}:undelivered",
                title=f"Alerts do not reach {notice.channel.name}",
                detail=f"The last message was given up after {notice.attempts} attempts: {notice.answer}",
                subject=notice.channel,
                reason_code="channel_failed",
            )


def message_for(alert: Alert, event: str) -> Message:
    return Message(
        event=event,
        cause=f"payos:{alert.pk}",
        summary=alert.summary,
        severity=alert.severity,
        severity_name=alert.get_severity_display(),
        rule=alert.rule.name,
        value=alert.value,
        since=f"{alert.since:%Y-%m-%d %H:%M} UTC",
        link=settings.PUBLIC_URL.rstrip("/") + reverse("admin:operations_alert_change", args=[alert.pk]),
    )


def test_channel(*, channel: AlertChannel) -> Answer:
    """Send one message now, whatever the rules say."""
    return send(
        channel,
        Message(
            event="test",
            cause=f"payos:test:{channel.pk}",
            summary=f"This is a test of the channel {channel.name}.",
            severity=1,
            severity_name="Low",
            rule="test",
            value=0,
            since=f"{clock.now():%Y-%m-%d %H:%M} UTC",
            link=settings.PUBLIC_URL,
        ),
    )


test_channel.__test__ = False  # type: ignore[attr-defined]  # a button of the console, not a test case
