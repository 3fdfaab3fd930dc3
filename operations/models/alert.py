"""Tables of alerts: what to watch, whom to tell, what fired and what was sent."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from operations.models.case import Severity
from payos.kernel import clock
from payos.kernel.crypto import EncryptedTextField
from payos.kernel.fsm import AuditedState
from payos.kernel.models import BaseModel


class ChannelKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    PAGERDUTY = "pagerduty", "PagerDuty"
    SNS = "sns", "AWS SNS"
    WEBHOOK = "webhook", "Webhook"


class AlertChannel(BaseModel):
    """Where alerts go. The target is a secret (an address that whoever knows it may post to)."""

    audit = "all"

    name = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=20, choices=ChannelKind.choices)
    target = EncryptedTextField(
        help_text="E-mail: addresses by commas. Slack and webhook: the address to post to. PagerDuty: the routing key. SNS: the topic's ARN."
    )
    endpoint = models.CharField(
        max_length=300, blank=True, help_text="PagerDuty and SNS: another service address, for example that of the EU region."
    )
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["name"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return f"{self.name} ({self.get_kind_display()})"


class RuleSource(models.TextChoices):
    METRIC = "metric", "A metric"
    CASES = "cases", "Unresolved cases"


class Condition(models.TextChoices):
    ABOVE = "above", "is above the threshold"
    BELOW = "below", "is below the threshold"
    RISES = "rises", "rises by more than the threshold in the window"
    ABSENT = "absent", "is absent for the whole window"


class AlertRule(BaseModel):
    """What to watch, for how long it must hold, and whom to tell how often."""

    audit = "all"

    name = models.CharField(max_length=120, unique=True)
    enabled = models.BooleanField(default=True)
    source = models.CharField(max_length=10, choices=RuleSource.choices, default=RuleSource.METRIC)
    metric = models.CharField(max_length=120, blank=True, help_text="As /metrics names it, for example payos_outbox_lag_seconds.")
    labels = models.JSONField(default=dict, blank=True, help_text='Only samples with these labels, for example {"rail": "ach"}.')
    case_kind = models.CharField(max_length=60, blank=True, help_text="Empty: every kind.")
    case_severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.HIGH, help_text="From this severity on.")
    overdue_only = models.BooleanField(default=False, help_text="Only cases past their due time.")
    condition = models.CharField(max_length=10, choices=Condition.choices, default=Condition.ABOVE)
    threshold = models.FloatField(default=0)
    window_minutes = models.PositiveIntegerField(default=15, help_text="For a rise and for an absence.")
    for_minutes = models.PositiveIntegerField(default=0, help_text="How long it must hold before it fires.")
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.HIGH)
    channels = models.ManyToManyField(AlertChannel, blank=True, related_name="rules")
    repeat_minutes = models.PositiveIntegerField(default=240, help_text="Tell again at most this often while it lasts; 0: only once.")
    escalate_minutes = models.PositiveIntegerField(default=0, help_text="Tell the escalation too when nobody acknowledges; 0: never.")
    escalation = models.ManyToManyField(AlertChannel, blank=True, related_name="escalations")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC", help_text="Of the quiet hours.")
    critical_breaks_quiet = models.BooleanField(default=True, help_text="A critical alert is told in quiet hours too.")

    class Meta:
        ordering = ["name"]
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name


class AlertState(models.TextChoices):
    PENDING = "pending", "Pending (does not hold long enough yet)"
    FIRING = "firing", "Firing"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    RESOLVED = "resolved", "Resolved"


class Alert(AuditedState, BaseModel):
    """One cause that a rule sees. It counts, it does not multiply."""

    rule = models.ForeignKey(AlertRule, on_delete=models.PROTECT, related_name="alerts")
    cause = models.CharField(max_length=200)
    summary = models.CharField(max_length=300)
    value = models.FloatField(default=0)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    state = FSMField(default=AlertState.PENDING, choices=AlertState.choices, protected=True)
    since = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now)
    fired_at = models.DateTimeField(null=True, blank=True)
    told_at = models.DateTimeField(null=True, blank=True)
    escalated_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("manage_alert", "May acknowledge alerts and test channels")]
        constraints = [
            models.UniqueConstraint(fields=["rule", "cause"], condition=~Q(state="resolved"), name="operations_alert_once"),
        ]
        indexes = [models.Index(fields=["-id"], name="operations_alert_open", condition=~Q(state="resolved"))]

    def __str__(self) -> str:
        return self.summary

    @transition(field=state, source="pending", target="firing")
    def fire(self) -> None:
        self.fired_at = clock.now()

    @transition(field=state, source="firing", target="acknowledged")
    def acknowledge(self, *, user: object) -> None:
        self.acknowledged_by = user  # type: ignore[assignment]
        self.acknowledged_at = clock.now()

    @transition(field=state, source=["pending", "firing", "acknowledged"], target="resolved")
    def resolve(self) -> None:
        self.resolved_at = clock.now()


class NoticeState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"


class AlertNotice(BaseModel):
    """One message to one channel. The unique row is what keeps an alert from being told twice."""

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="notices")
    channel = models.ForeignKey(AlertChannel, on_delete=models.PROTECT, related_name="notices")
    event = models.CharField(max_length=20, help_text="trigger, repeat, escalate, acknowledge or resolve")
    period = models.PositiveIntegerField(default=0, help_text="Which repetition this is.")
    state = models.CharField(max_length=10, choices=NoticeState.choices, default=NoticeState.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["alert", "channel", "event", "period"], name="operations_notice_once"),
        ]
        indexes = [models.Index(fields=["due_at"], name="operations_notice_due", condition=Q(state="waiting"))]

    def __str__(self) -> str:
        return f"{self.event} to {self.channel_id}"


class MetricSample(BaseModel):
    """What a watched metric read at a tick; kept as long as a rule's window looks back."""

    rule = models.ForeignKey(AlertRule, on_delete=models.CASCADE, related_name="samples")
    cause = models.CharField(max_length=200)
    value = models.FloatField()
    at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["rule", "cause", "at"], name="operations_sample_window")]

    def __str__(self) -> str:
        return f"{self.cause}: {self.value}"
