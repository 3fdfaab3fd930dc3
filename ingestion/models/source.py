"""Where payments come from: sources with their secrets, and what could not be read from them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from payos.kernel.crypto import EncryptedTextField
from payos.kernel.models import OptionalTenantModel, TenantModel


class Source(TenantModel):
    """One system that sends payments of one partner by webhook."""

    public_prefix = "src"
    audit = "all"

    name = models.SlugField(max_length=60, help_text="Part of the key that makes a reference unique.")
    adapter = models.CharField(max_length=40, default="generic", help_text="How its messages are signed and read.")
    secret = EncryptedTextField(blank=True)
    old_secret = EncryptedTextField(blank=True)
    old_secret_until = models.DateTimeField(null=True, blank=True)
    tolerance_seconds = models.PositiveIntegerField(default=300)
    allowed_networks = ArrayField(models.CharField(max_length=50), default=list, blank=True, help_text="Empty: any address.")
    rate_per_minute = models.PositiveIntegerField(default=60_000)
    currency = models.CharField(max_length=4, default="USD", help_text="Where the message names none.")
    channel = models.CharField(max_length=40, default="webhook", help_text="Where the message names none.")
    branch = models.ForeignKey("partners.Branch", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name = "payment source"
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["partner", "livemode", "name"], name="ingestion_source_once")]

    def __str__(self) -> str:
        return self.name


class RawMessage(OptionalTenantModel):
    """A message that could not be read or that contradicts what is recorded, kept as it came."""

    append_only = True

    source = models.CharField(max_length=60, blank=True)
    reason = models.TextField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.reason[:80]


class WebhookLatency(models.Model):
    """How long answers took, counted by minute and bucket, so that a share of them can be told. For the whole platform."""

    id = models.BigAutoField(primary_key=True)
    minute = models.DateTimeField()
    at_most_ms = models.PositiveIntegerField(help_text="Upper bound of the bucket; the last one has none.")
    count = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["minute", "at_most_ms"], name="ingestion_latency_once")]

    def __str__(self) -> str:
        return f"{self.minute:%H:%M} up to {self.at_most_ms} ms: {self.count}"


class WebhookStat(models.Model):
    """What came in per day, source and outcome. Added up in the process and written every few seconds."""

    rls = "partner_id"

    id = models.BigAutoField(primary_key=True)
    partner_id = models.UUIDField(null=True)
    day = models.DateField()
    source = models.CharField(max_length=60)
    outcome = models.CharField(max_length=20)
    count = models.BigIntegerField(default=0)
    milliseconds = models.FloatField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["day", "partner_id", "source", "outcome"], name="ingestion_stat_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.source} {self.outcome}"
