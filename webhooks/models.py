"""Tables: endpoints, their lanes (what changes with every send), deliveries and the log of attempts."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from payos.kernel import clock
from payos.kernel.crypto import EncryptedTextField
from payos.kernel.models import TenantModel


class DisabledReason(models.TextChoices):
    NONE = "", "Enabled"
    MANUAL = "manual", "Switched off by hand"
    GONE = "gone", "The endpoint answered 410 Gone"
    FAILING = "failing", "It failed for five days"


class Endpoint(TenantModel):
    """Where a partner wants to be told, and about what."""

    public_prefix = "whe"
    audit = "all"

    url = models.CharField("URL", max_length=2000)
    description = models.CharField(max_length=200, blank=True)
    event_types = ArrayField(models.CharField(max_length=80), help_text="Event types; * stands for any text.")
    # The same as SQL patterns, so that fan-out is one statement.
    like_patterns = ArrayField(models.CharField(max_length=170), editable=False)
    secret = EncryptedTextField(editable=False)
    secret_created_at = models.DateTimeField(default=clock.now, editable=False)
    previous_secret = EncryptedTextField(blank=True, default="", editable=False)
    previous_secret_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Sealed as a whole: they often carry a password of the partner's gateway.
    headers_json = EncryptedTextField(blank=True, default="", editable=False)
    api_version = models.CharField("API version", max_length=10)
    rate_limit = models.PositiveIntegerField(null=True, blank=True, help_text="Requests a second; empty: no limit.")
    max_in_flight = models.PositiveSmallIntegerField(default=16, help_text="Requests under way at the same time.")
    ordered = models.BooleanField(
        default=False, help_text="Send the events of one subject in order: a later one waits for the earlier one."
    )
    retry_seconds = ArrayField(
        models.PositiveIntegerField(), default=list, blank=True, help_text="Waits between attempts; empty: the default."
    )
    notify_emails = ArrayField(
        models.EmailField(), default=list, blank=True, help_text="Who is written to when it is switched off because it fails."
    )
    enabled = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=10, blank=True, default="", choices=DisabledReason.choices)
    disabled_at = models.DateTimeField(null=True, blank=True)
    # From when on events were missed; set when it was disabled, and forgotten when they were replayed.
    missed_since = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "webhook endpoint"
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["partner", "livemode", "-id"], name="webhooks_endpoint_list")]
        constraints = [
            models.CheckConstraint(
                condition=Q(enabled=True, disabled_at=None, deleted_at=None) | Q(enabled=False, disabled_at__isnull=False),
                name="webhooks_endpoint_enabled_or_dated",
            ),
            models.CheckConstraint(condition=Q(max_in_flight__range=(1, 100)), name="webhooks_endpoint_in_flight"),
            models.CheckConstraint(condition=Q(rate_limit=None) | Q(rate_limit__range=(1, 10_000)), name="webhooks_endpoint_rate"),
        ]

    def __str__(self) -> str:
        return self.url

    @property
    def headers(self) -> dict[str, str]:
        return json.loads(self.headers_json) if self.headers_json else {}

    @property
    def secrets(self) -> list[str]:
        """Every secret that signs now, the newest first."""
        old = self.previous_secret_until is not None and self.previous_secret_until > clock.now()
        return [self.secret, self.previous_secret] if old and self.previous_secret else [self.secret]


class Lane(models.Model):
    """The hot half of an endpoint: its token bucket and its health. Locked while deliveries are claimed or finished."""

    rls = "partner_id"

    endpoint = models.OneToOneField(Endpoint, on_delete=models.PROTECT, primary_key=True, related_name="lane")
    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+", db_index=False)
    tokens = models.FloatField(default=0)
    refilled_at = models.DateTimeField(default=clock.now)
    served_at = models.DateTimeField(default=clock.now)
    not_before = models.DateTimeField(null=True, blank=True, help_text="It asked to be left alone until then.")
    consecutive_failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "webhook lane"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return str(self.endpoint_id)


class DeliveryState(models.TextChoices):
    """pending -> delivered; pending -> retrying -> delivered or dead; dead or delivered -> pending by a replay;
    discarded: the endpoint was removed, or switched on again without replay."""

    PENDING = "pending", "Pending"
    RETRYING = "retrying", "Retrying"
    DELIVERED = "delivered", "Delivered"
    DEAD = "dead", "Dead"
    DISCARDED = "discarded", "Discarded"


OUTSTANDING = (DeliveryState.PENDING.value, DeliveryState.RETRYING.value)
IS_OUTSTANDING = Q(state__in=OUTSTANDING)


class Delivery(TenantModel):
    """One event owed to one endpoint. The event itself stays in the outbox; a sample carries its own body."""

    public_prefix = "dlv"

    endpoint = models.ForeignKey(Endpoint, on_delete=models.PROTECT, related_name="deliveries", db_index=False)
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=80)
    subject = models.CharField(max_length=80, help_text="What the event is about, for example a transfer.")
    seq = models.BigIntegerField(default=0)
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    replays = models.PositiveSmallIntegerField(default=0, db_default=0)
    # When it is due; while it is claimed, when the claim ends.
    next_attempt_at = models.DateTimeField(default=clock.now)
    lease = models.UUIDField(null=True, blank=True, editable=False)
    lost_leases = models.PositiveSmallIntegerField(default=0, db_default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, default="", db_default="")
    sample_body = models.TextField(blank=True, default="", db_default="")

    class Meta:
        verbose_name = "delivery"
        verbose_name_plural = "deliveries"
        ordering = ["-id"]
        permissions = [("work_delivery", "Can replay deliveries, and enable and test endpoints")]
        constraints = [
            # The wall behind "once per endpoint": fan-out may run twice, the second time adds nothing.
            models.UniqueConstraint(fields=["event_id", "endpoint"], name="webhooks_delivery_once"),
            models.CheckConstraint(condition=Q(state__in=DeliveryState.values), name="webhooks_delivery_state"),
            models.CheckConstraint(condition=Q(lease=None) | IS_OUTSTANDING, name="webhooks_delivery_lease"),
        ]
        indexes = [
            models.Index(fields=["endpoint", "next_attempt_at"], name="webhooks_delivery_due", condition=IS_OUTSTANDING),
            models.Index(fields=["endpoint", "subject", "seq"], name="webhooks_delivery_order", condition=IS_OUTSTANDING),
            models.Index(fields=["endpoint"], name="webhooks_delivery_leased", condition=Q(lease__isnull=False)),
            models.Index(fields=["partner", "livemode", "-id"], name="webhooks_delivery_list"),
            models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_endpoint"),
            models.Index(fields=["subject", "-id"], name="webhooks_delivery_subject"),
            models.Index(fields=["endpoint", "-id"], name="webhooks_delivery_dead", condition=Q(state="dead")),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def outstanding(self) -> bool:
        return self.state in OUTSTANDING


class Attempt(TenantModel):
    """One request and its answer. The application can add and read them; retention removes them after 30 days."""

    public_prefix = "att"
    append_only = True

    delivery = models.ForeignKey(Delivery, on_delete=models.DO_NOTHING, related_name="attempt_log", db_constraint=False, db_index=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    event_id = models.UUIDField()
    event_type = models.CharField(max_length=80)
    number = models.PositiveSmallIntegerField()
    succeeded = models.BooleanField()
    url = models.CharField(max_length=2000)
    address = models.CharField(max_length=60, blank=True, help_text="The checked address that was connected to.")
    request_headers = models.JSONField(default=dict)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    response_headers = models.JSONField(default=dict)
    response_body = models.TextField(blank=True)
    error_code = models.CharField(max_length=30, blank=True)
    error = models.CharField(max_length=300, blank=True)
    latency_ms = models.PositiveIntegerField()

    class Meta:
        verbose_name = "attempt"
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["delivery", "id"], name="webhooks_attempt_delivery"),
            models.Index(fields=["endpoint", "-id"], name="webhooks_attempt_endpoint"),
        ]

    def __str__(self) -> str:
        return self.public_id

    def headers_sent(self) -> dict[str, Any]:
        return dict(self.request_headers)
