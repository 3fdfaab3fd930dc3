"""From what the rules watch to alerts and to messages that are due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q

from operations.models import Alert, AlertNotice, AlertRule, MetricSample
from operations.models.alert import AlertState, Condition, RuleSource
from operations.models.case import Severity
from operations.templatetags.payos import spoken
from payos.kernel import clock, locks, metrics, sqlfile, tenancy
from payos.kernel.fsm import take

# A rule tells of this many causes at most; the worst come first, and one line says how many more there are.
MOST_CAUSES = 20


@dataclass(frozen=True, slots=True)
class Seen:
    cause: str
    summary: str
    value: float


def evaluate() -> int:
    """One tick over all rules; returns how many alerts are open now."""
    with tenancy.platform_scope(actor="clock:alerts"), transaction.atomic():
        if not locks.try_advisory_xact_lock("alerts:evaluate"):
            return 0
        rules = list(AlertRule.objects.filter(enabled=True).prefetch_related("channels", "escalation"))
        read = samples() if any(rule.source == RuleSource.METRIC for rule in rules) else []
        for rule in rules:
            _judge(rule, list(_seen(rule, read)))
        _resolve_disabled()
        _forget_samples()
        return Alert.objects.exclude(state=AlertState.RESOLVED).count()


def samples() -> list[metrics.Sample]:
    found: list[metrics.Sample] = []
    for function in metrics._sources:
        with transaction.atomic():
            found += list(function())
    return found


def matching(samples: list[metrics.Sample], metric: str, labels: dict[str, Any]) -> list[metrics.Sample]:
    """The samples of a metric that carry the labels."""
    wanted = {str(key): str(value) for key, value in labels.items()}
    return [one for one in samples if one[0] == metric and all(one[2].get(key) == text for key, text in wanted.items())]


def _seen(rule: AlertRule, samples: list[metrics.Sample]) -> Iterator[Seen]:
    if rule.source == RuleSource.CASES:
        yield from _cases(rule)
        return
    now, title = clock.now(), metrics.title(rule.metric)
    found = matching(samples, rule.metric, rule.labels or {})
    for name, _, labels, value in found:
        cause = ",".join(f"{key}={labels[key]}" for key in sorted(labels))[:200]
        where = f" ({cause})" if cause else ""
        if rule.condition == Condition.ABOVE and value > rule.threshold:
            yield Seen(
                cause,
                f"{rule.name}: {title}{where} is {metrics.reading(name, value)}, above {metrics.reading(name, rule.threshold)}",
                value,
            )
        elif rule.condition == Condition.BELOW and value < rule.threshold:
            yield Seen(
                cause,
                f"{rule.name}: {title}{where} is {metrics.reading(name, value)}, below {metrics.reading(name, rule.threshold)}",
                value,
            )
        elif rule.condition in {Condition.RISES, Condition.ABSENT}:
            MetricSample.objects.create(rule=rule, cause=cause, value=value, at=now)
            start = MetricSample.objects.filter(rule=rule, cause=cause, at__gte=now - timedelta(minutes=rule.window_minutes))
            first = start.order_by("at").values_list("value", flat=True).first()
            risen = value - (value if first is None else first)
            if rule.condition == Condition.RISES and risen > rule.threshold:
                yield Seen(
                    cause,
                    f"{rule.name}: {title}{where} rose by {metrics.reading(name, risen)} in {rule.window_minutes} min",
                    risen,
                )
    if rule.condition == Condition.ABSENT and not found:
        last = MetricSample.objects.filter(rule=rule).order_by("-at").values_list("at", flat=True).first() or rule.created_at
        if last <= now - timedelta(minutes=rule.window_minutes):
            yield Seen("", f"{rule.name}: {title} was not seen for {rule.window_minutes} min", 0)


def _cases(rule: AlertRule) -> Iterator[Seen]:
    with connection.cursor() as cursor:
        cursor.execute(
            sqlfile.load(__file__, "alert_cases.sql"),
            {
                "kind": rule.case_kind,
                "severity": rule.case_severity,
                "overdue": rule.overdue_only,
                "now": clock.now(),
            },
        )
        rows = cursor.fetchall()
    if rule.condition == Condition.BELOW and not rows:
        rows = [(rule.case_kind, 0, None)]  # no case at all is the fewest there can be
    for kind, count, oldest in rows:
        what = f"{'overdue ' if rule.overdue_only else ''}{'case' if count == 1 else 'cases'}{' of kind ' + spoken(kind) if kind else ''}"
        since = f", the oldest since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else ""
        if count < rule.threshold if rule.condition == Condition.BELOW else count > rule.threshold:
            yield Seen(
                f"cases:{kind}",
                f"{rule.name}: {count:,} {what} of severity {Severity(rule.case_severity).label} or graver{since}",
                count,
            )


def _judge(rule: AlertRule, seen: list[Seen]) -> None:
    now = clock.now()
    seen.sort(key=lambda one: -one.value)
    if len(seen) > MOST_CAUSES:
        rest = len(seen) - MOST_CAUSES
        seen = [*seen[:MOST_CAUSES], Seen("and more", f"{rule.name}: {rest} more causes", rest)]
    known = {
        alert.cause: alert for alert in Alert.objects.select_for_update(of=("self",)).filter(rule=rule).exclude(state=AlertState.RESOLVED)
    }
    for one in seen:
        alert = known.pop(one.cause, None) or Alert(rule=rule, cause=one.cause, severity=rule.severity, since=now)
        alert.summary, alert.value, alert.severity, alert.last_seen_at = (
            one.summary[:300],
            one.value,
            rule.severity,
            now,
        )
        if alert.state == AlertState.PENDING and now - alert.since >= timedelta(minutes=rule.for_minutes):
            take(alert, "fire")
        alert.save()
        if alert.state in {AlertState.FIRING, AlertState.ACKNOWLEDGED}:
            _tell(rule, alert, now)
    for alert in known.values():
        _over(rule, alert)


def _tell(rule: AlertRule, alert: Alert, now: datetime) -> None:
    if alert.told_at is None:
        _notice(rule, alert, "trigger", rule.channels.all(), 0)
        alert.told_at = now
    elif alert.state == AlertState.FIRING and rule.repeat_minutes and now - alert.told_at >= timedelta(minutes=rule.repeat_minutes):
        assert alert.fired_at is not None
        period = int((now - alert.fired_at).total_seconds() // (rule.repeat_minutes * 60))
        _notice(rule, alert, "repeat", rule.channels.all(), period)
        alert.told_at = now
    if (
        alert.state == AlertState.FIRING
        and alert.escalated_at is None
        and rule.escalate_minutes
        and alert.fired_at is not None
        and now - alert.fired_at >= timedelta(minutes=rule.escalate_minutes)
    ):
        _notice(rule, alert, "escalate", rule.escalation.all(), 0)
        alert.escalated_at = now
    alert.save()


def _over(rule: AlertRule, alert: Alert) -> None:
    """The cause is gone. Whoever was told is told that, too."""
    told = alert.told_at is not None
    take(alert, "resolve")
    alert.save()
    # What still waits in quiet hours has lost its point.
    AlertNotice.objects.filter(alert=alert, state="waiting", attempts=0).delete()
    if told:
        reached = [notice.channel for notice in alert.notices.select_related("channel").distinct("channel_id").order_by("channel_id")]
        _notice(rule, alert, "resolve", reached, 0)


def _notice(rule: AlertRule, alert: Alert, event: str, channels: Any, period: int) -> None:
    due = _after_quiet(rule, clock.now())
    AlertNotice.objects.bulk_create(
        [AlertNotice(alert=alert, channel=channel, event=event, period=period, due_at=due) for channel in channels if channel.enabled],
        ignore_conflicts=True,
    )


def _after_quiet(rule: AlertRule, now: datetime) -> datetime:
    """Now, or the end of the quiet hours that now falls into."""
    if rule.quiet_from is None or rule.quiet_to is None or rule.quiet_from == rule.quiet_to:
        return now
    if rule.critical_breaks_quiet and rule.severity == Severity.CRITICAL:
        return now
    local = now.astimezone(clock.tz(rule.timezone))
    at, start, end = local.time().replace(tzinfo=None), rule.quiet_from, rule.quiet_to
    quiet = start <= at < end if start < end else (at >= start or at < end)
    if not quiet:
        return now
    day = local.date() + timedelta(days=1 if start > end and at >= start else 0)
    return clock.instant(day, end.hour, end.minute, rule.timezone)


@transaction.atomic
def acknowledge(*, alert: Alert, user: Any) -> Alert:
    """Somebody has seen it: no repeats, no escalation, and the channels that keep states are told."""
    alert = Alert.objects.select_for_update(of=("self",)).select_related("rule").get(pk=alert.pk)
    take(alert, "acknowledge", user=user)
    alert.save()
    pagers = [notice.channel for notice in alert.notices.select_related("channel").filter(channel__kind="pagerduty")]
    _notice(alert.rule, alert, "acknowledge", pagers, 0)
    return alert


def _resolve_disabled() -> None:
    for alert in Alert.objects.filter(~Q(state=AlertState.RESOLVED), rule__enabled=False).select_related("rule")[:500]:
        _over(alert.rule, alert)


def _forget_samples() -> None:
    MetricSample.objects.filter(at__lt=clock.now() - timedelta(days=2)).delete()
