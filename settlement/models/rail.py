"""How money moves, as configured: one row a rail, and the switch that stops them all."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from payos.kernel import calendars
from payos.kernel.crypto import EncryptedTextField
from payos.kernel.models import BaseModel


class Rail(BaseModel):
    public_prefix = "ral"
    audit = "all"

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    adapter = models.CharField(max_length=40, help_text="The module under settlement/rails that speaks to it.")
    currencies = ArrayField(models.CharField(max_length=4), default=list)
    destination_types = ArrayField(models.CharField(max_length=20), default=list)
    protocols = ArrayField(models.CharField(max_length=20), default=list, blank=True, help_text="Empty: any.")
    config = models.JSONField(default=dict, blank=True)
    credentials = EncryptedTextField(blank=True, default="")
    enabled = models.BooleanField(default=True, help_text="The kill switch: off, nothing new is sent.")
    off_reason = models.CharField(max_length=300, blank=True, default="")
    calendar = models.CharField(max_length=20, choices=list(calendars.CODES.items()), default="NONE")
    timezone = models.CharField(max_length=64, default="UTC")
    cost_fixed_minor = models.BigIntegerField(default=0)
    cost_basis_points = models.PositiveIntegerField(default=0)
    speed_minutes = models.PositiveIntegerField(default=60, help_text="From submission to settlement, as promised.")
    settle_business_days = models.PositiveSmallIntegerField(default=0, help_text="Banking days until settled; 0: the minutes above.")
    minimum_minor = models.BigIntegerField(default=1)
    maximum_minor = models.BigIntegerField(null=True, blank=True)
    daily_limit_minor = models.BigIntegerField(null=True, blank=True)
    load_share = models.PositiveSmallIntegerField(default=100, help_text="Weight among rails that are otherwise equal.")
    per_second = models.PositiveIntegerField(default=1000, help_text="Calls a second, over all workers.")
    max_attempts = models.PositiveSmallIntegerField(default=3)
    fallback = models.BooleanField(default=True, help_text="A transfer that failed here for good may go by another rail.")

    class Meta:
        ordering = ["code"]
        default_permissions = ("add", "change", "view")
        permissions = [("manage_rail", "May switch rails off and ask to switch them on")]

    def __str__(self) -> str:
        return self.name


class RailCursor(models.Model):
    """How far a rail's own list of movements was read, so that what no message told is found all the same."""

    rail = models.OneToOneField(Rail, on_delete=models.CASCADE, primary_key=True, related_name="cursor")
    since = models.CharField(max_length=120, blank=True, default="")
    swept_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.since


class Halt(models.Model):
    """The switch for all rails: one row while everything is halted."""

    audit = "all"

    id = models.SmallIntegerField(primary_key=True, default=1)
    reason = models.CharField(max_length=300)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.reason
