"""Configured connectors, what each of their runs did, and which things they have seen."""

from __future__ import annotations

from django.db import models

from payos.kernel.crypto import EncryptedTextField
from payos.kernel.models import OptionalTenantModel


class Connector(OptionalTenantModel):
    public_prefix = "con"
    audit = "all"

    name = models.CharField(max_length=60)
    kind = models.CharField(max_length=10, choices=[("folder", "Folder"), ("sftp", "SFTP"), ("imap", "Mailbox"), ("http", "HTTP")])
    config = models.JSONField(default=dict, help_text="Host, path, pattern and the like; no secrets.")
    secret = EncryptedTextField(blank=True, default="", help_text="Password, key or token; shown to nobody.")
    format = models.CharField(max_length=40, blank=True, default="", help_text="Forced format; empty: found by looking.")
    profile_name = models.CharField(
        "mapping profile",
        max_length=60,
        blank=True,
        default="",
        help_text="For CSV, XLSX and JSON: a mapping profile by its name; its version of the day is used.",
    )
    profile = models.JSONField(
        null=True, blank=True, editable=False, help_text="A mapping from before profiles had names; used where none is named."
    )
    every_minutes = models.PositiveIntegerField(default=60)
    alert_after = models.PositiveSmallIntegerField(default=3, help_text="Failures in a row before a case is opened.")
    active = models.BooleanField(default=True)
    checkpoint = models.JSONField(default=dict, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    next_run_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_run_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        default_permissions = ("add", "change", "view")
        permissions = [("work_connector", "May test and run connectors")]
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "livemode", "name"], name="ingestion_connector_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name


class ConnectorRun(OptionalTenantModel):
    append_only = True

    connector = models.ForeignKey(Connector, on_delete=models.PROTECT, related_name="runs")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    found = models.IntegerField(default=0)
    fresh = models.IntegerField(default=0)
    quarantined = models.IntegerField(default=0)
    error = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "connector run"
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["connector", "-id"], name="ingestion_conrun")]

    def __str__(self) -> str:
        return self.error[:60] or f"{self.fresh} of {self.found} files new"


class ConnectorSeen(models.Model):
    """What a connector has fetched, so that it is not fetched again for nothing. A hint: the file's hash decides."""

    rls = "partner_id"

    id = models.BigAutoField(primary_key=True)
    partner_id = models.UUIDField(null=True)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="seen")
    key = models.CharField(max_length=300)
    version = models.CharField(max_length=120)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["connector", "key", "version"], name="ingestion_seen_once")]

    def __str__(self) -> str:
        return self.key
