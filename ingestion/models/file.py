"""Files as they came: kept whole and unchanged, known by their bytes."""

from __future__ import annotations

from django.db import models

from payos.kernel.models import OptionalTenantModel


class SourceFile(OptionalTenantModel):
    """One file from outside. Its bytes lie under RAW_STORE by their hash; the same bytes twice are one file."""

    public_prefix = "fil"
    audit = "state"

    name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    came_by = models.CharField(max_length=60, default="upload", help_text="upload, api, or the connector's name")
    format = models.CharField(max_length=40, blank=True, default="", help_text="Forced by an operator; empty: found by looking.")
    profile = models.JSONField(null=True, blank=True, help_text="The mapping profile it is read with, as it was then.")
    facts = models.JSONField(default=dict, blank=True, help_text="What was made of it.")
    times_seen = models.PositiveIntegerField(default=1)
    processed_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=12,
        default="received",
        choices=[(s, s.capitalize()) for s in ("received", "processed", "flagged", "quarantined")],
    )

    class Meta:
        verbose_name = "file"
        default_permissions = ("view",)
        permissions = [("work_file", "May upload files and read them again")]
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "livemode", "sha256"], name="ingestion_file_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return self.name
