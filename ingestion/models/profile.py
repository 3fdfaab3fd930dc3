"""Mapping profiles as people keep them: every change is a new version, so what once read a file can be looked up."""

from __future__ import annotations

from django.db import models

from ingestion.parsers.profiles import Profile
from payos.kernel.models import BaseModel

KINDS = [("csv", "CSV or other delimited text"), ("xlsx", "Excel workbook"), ("json", "JSON or NDJSON")]


class MappingProfile(BaseModel):
    """One version of a profile. Without a partner it is the platform's, and every partner may name it."""

    public_prefix = "prf"
    rls = "partner_id"
    audit = "all"

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False)
    name = models.SlugField(max_length=60, help_text="What connectors, uploads and parse_file call it by.")
    version = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=10, choices=KINDS, default="csv")
    title = models.CharField(max_length=120, blank=True, default="")
    definition = models.JSONField(default=dict, help_text="The profile without its name and version.")
    note = models.CharField(max_length=300, blank=True, default="", help_text="Why this version was made.")
    current = models.BooleanField(default=True, help_text="The version that is used; older ones are kept.")
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name = "mapping profile"
        default_permissions = ("add", "change", "view")
        ordering = ["name", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "name", "version"], name="ingestion_profile_once", nulls_distinct=False),
            models.UniqueConstraint(
                fields=["partner", "name"], condition=models.Q(current=True), name="ingestion_profile_current", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} version {self.version}"

    def as_profile(self) -> Profile:
        return Profile.from_dict({**self.definition, "name": self.name, "title": self.title, "version": str(self.version)})
