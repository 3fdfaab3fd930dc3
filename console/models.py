"""Tables of the console: hourly sums for the dashboards, and the reports that were made."""

from __future__ import annotations

from django.db import models

from payos.kernel import clock
from payos.kernel.models import BaseModel, OptionalTenantModel


class Rollup(models.Model):
    """Sums of one hour. Made anew as a whole from its source, so that running twice changes nothing."""

    rls = "partner_id"

    source = models.CharField(max_length=40, help_text="What was counted, for example transfers.")
    hour = models.DateTimeField()
    partner_id = models.UUIDField(null=True)
    livemode = models.BooleanField(default=False)
    branch_id = models.UUIDField(null=True)
    key = models.CharField(max_length=80, help_text="What it is split by, for example the rail.")
    state = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=4, blank=True)
    count = models.BigIntegerField()
    amount_minor = models.DecimalField(
        max_digits=30, decimal_places=0, default=0, help_text="Minor units; wider than a bigint, because it is a sum."
    )

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["source", "hour"], name="console_rollup_hour"),
            models.Index(fields=["branch_id", "source", "hour"], name="console_rollup_branch", condition=models.Q(branch_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.hour:%Y-%m-%d %H}h {self.key}: {self.count}"


class RollupState(models.Model):
    """Up to where a source has been summed."""

    source = models.CharField(max_length=40, primary_key=True)
    done_to = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.source


class ReportKind(models.TextChoices):
    SETTLEMENT = "settlement", "Settlement"
    RECONCILIATION = "reconciliation", "Reconciliation"
    EXCEPTIONS = "exceptions", "Exceptions"
    STATEMENT = "statement", "Partner statement"


class ReportSpan(models.TextChoices):
    DAILY = "daily", "Daily"
    MONTHLY = "monthly", "Monthly"


class Report(OptionalTenantModel):
    """A report of a closed span. Made once; making it again gives a new version beside the old one."""

    public_prefix = "rep"

    kind = models.CharField(max_length=20, choices=ReportKind.choices)
    span = models.CharField(max_length=10, choices=ReportSpan.choices)
    day = models.DateField(help_text="The day, or the first day of the month.")
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=200)
    data = models.JSONField(help_text="The figures, as every format shows them.")
    mailed_to = models.TextField(blank=True)
    mailed_at = models.DateTimeField(null=True, blank=True)
    made_at = models.DateTimeField(default=clock.now)

    class Meta:
        default_permissions = ("view",)
        permissions = [("work_report", "May make and mail reports")]
        ordering = ["-day", "kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "span", "day", "partner", "livemode", "version"], name="console_report_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ReportFile(OptionalTenantModel):
    """A report in one format, with the hash of its bytes."""

    append_only = True

    report = models.ForeignKey(Report, on_delete=models.PROTECT, related_name="files")
    format = models.CharField(max_length=5)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["report", "format"], name="console_report_file_once")]

    def __str__(self) -> str:
        return f"{self.report_id} {self.format}"


class ReportSubscription(BaseModel):
    """To whom a report is mailed when it is made."""

    audit = "all"
    rls = "partner_id"

    kind = models.CharField(max_length=20, choices=ReportKind.choices)
    span = models.CharField(max_length=10, choices=ReportSpan.choices)
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, null=True, blank=True, help_text="Of a partner statement: whose."
    )
    emails = models.TextField(help_text="Addresses, separated by commas.")
    formats = models.CharField(max_length=40, default="pdf,xlsx", help_text="pdf, csv or xlsx, separated by commas.")
    enabled = models.BooleanField(default=True)

    class Meta:
        default_permissions = ("add", "change", "delete", "view")
        verbose_name = "report subscription"

    def __str__(self) -> str:
        return f"{self.get_span_display()} {self.get_kind_display()} to {self.emails}"
