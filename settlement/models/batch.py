"""When a rail settles, what one window closed, and the files that were sent."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django_fsm import FSMField, transition

from payos.kernel import calendars
from payos.kernel.crypto import EncryptedTextField
from payos.kernel.fsm import AuditedState
from payos.kernel.models import BaseModel, OptionalTenantModel, TenantModel
from settlement.models.rail import Rail

FREQUENCIES = [
    ("continuous", "Continuous"),
    ("hourly", "Every hour"),
    ("times", "At given times"),
    ("end_of_day", "Once, at the end of the day"),
]


class WindowRule(OptionalTenantModel):
    """When windows of a rail close, by the clock on a wall; for one partner or (without one) for all others."""

    audit = "all"

    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="window_rules")
    frequency = models.CharField(max_length=20, choices=FREQUENCIES, default="hourly")
    times = ArrayField(models.CharField(max_length=5), default=list, blank=True, help_text="HH:MM, for given times and the end of the day.")
    first_hour = models.PositiveSmallIntegerField(default=0, help_text="Hourly: the first closing of the day.")
    cutoff_hour = models.PositiveSmallIntegerField(default=23, help_text="Hourly: the last closing of the day.")
    timezone = models.CharField(max_length=64, default="UTC")
    calendar = models.CharField(max_length=20, choices=list(calendars.CODES.items()), default="NONE")
    bank_deadline_minutes = models.PositiveIntegerField(default=30, help_text="After our closing, when the bank's own deadline falls.")
    active = models.BooleanField(default=True)
    run_until = models.DateTimeField(null=True, blank=True, editable=False, help_text="Windows up to here were closed.")

    class Meta:
        verbose_name = "window rule"
        default_permissions = ("add", "change", "view")
        ordering = ["rail", "partner"]
        constraints = [
            models.UniqueConstraint(fields=["rail", "partner"], name="settlement_rule_once", nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.rail}: {self.get_frequency_display().lower()}"


class SettlementWindow(BaseModel):
    """One closing of one rule. Its unique row is what makes two clocks and five workers close it once."""

    public_prefix = "win"

    rule = models.ForeignKey(WindowRule, on_delete=models.PROTECT, related_name="windows")
    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="windows")
    closes_at = models.DateTimeField()
    closed_at = models.DateTimeField()
    transfers = models.IntegerField(default=0)
    override_reason = models.CharField(max_length=300, blank=True, default="")

    class Meta:
        default_permissions = ("view",)
        ordering = ["-closes_at"]
        constraints = [models.UniqueConstraint(fields=["rule", "closes_at"], name="settlement_window_once")]

    def __str__(self) -> str:
        return f"{self.rail} {self.closes_at:%Y-%m-%d %H:%M}"


class SettlementBatch(AuditedState, TenantModel):
    """What one window closed for one partner, rail and currency."""

    public_prefix = "stl"

    window = models.ForeignKey(SettlementWindow, on_delete=models.PROTECT, related_name="batches")
    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="batches")
    currency = models.CharField(max_length=4)
    account = models.CharField(max_length=80, help_text="The cash account that it will be seen on.")
    count = models.IntegerField()
    amount_minor = models.BigIntegerField()
    settled_count = models.IntegerField(default=0)
    failed_count = models.IntegerField(default=0)
    actual_minor = models.BigIntegerField(default=0, help_text="What the rail really moved.")
    returned_count = models.IntegerField(default=0, db_default=0, help_text="Where the rail nets: what came back since the closing before.")
    returned_minor = models.BigIntegerField(default=0, db_default=0)
    expected_at = models.DateTimeField()
    late_since = models.DateTimeField(null=True, blank=True)
    state = FSMField(
        default="closed",
        choices=[(s, s.replace("_", " ").capitalize()) for s in ("open", "closed", "submitted", "settled", "partly_settled", "failed")],
        protected=True,
    )

    class Meta:
        verbose_name_plural = "settlement batches"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["window", "partner", "livemode", "currency"], name="settlement_batch_once"),
        ]
        indexes = [
            models.Index(fields=["expected_at"], name="settlement_batch_open", condition=models.Q(state__in=["closed", "submitted"])),
        ]

    def __str__(self) -> str:
        return f"{self.rail} {self.currency} {self.public_id}"

    @property
    def variance_minor(self) -> int:
        return self.actual_minor - self.amount_minor

    @property
    def net_minor(self) -> int:
        """What moves in one sum where the rail nets; negative when more came back than goes out."""
        return self.amount_minor - self.returned_minor

    @transition(field=state, source="closed", target="submitted")
    def submit(self) -> None:
        """Its first transfer or its file went out."""


class Correction(TenantModel):
    """What a receiving bank asked us to use instead (a notice of change); the next transfer to this place uses it."""

    audit = "all"

    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="corrections")
    destination_key = models.CharField(max_length=64)
    destination = EncryptedTextField(help_text="The whole corrected destination, as JSON.")
    code = models.CharField(max_length=10)
    trace = models.CharField(max_length=40)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["partner", "livemode", "rail", "destination_key"], name="settlement_correction_once"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.trace}"


class AchFile(BaseModel):
    """A file sent to a bank, byte for byte; written and committed before it leaves."""

    public_prefix = "bfl"

    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="files")
    batch = models.ForeignKey(SettlementBatch, on_delete=models.PROTECT, related_name="files", null=True)
    direction = models.CharField(max_length=3, choices=[("out", "Sent"), ("in", "Received")])
    name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    content = models.BinaryField()
    effective_on = models.DateField(null=True)
    first_trace = models.PositiveIntegerField(default=0)
    entries = models.PositiveIntegerField(default=0)
    state = models.CharField(max_length=20, default="intent")
    note = models.TextField(blank=True, default="")
    sent_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "bank file"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["rail", "direction", "name"], name="settlement_file_name_once"),
            models.UniqueConstraint(fields=["rail", "direction", "sha256"], name="settlement_file_content_once"),
        ]

    def __str__(self) -> str:
        return self.name
