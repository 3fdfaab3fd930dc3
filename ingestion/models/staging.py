"""The table that an ETL fills, and the log of what became of each batch."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class PaymentStaging(models.Model):
    """Raw rows of payments made elsewhere. Only `processed`, `outcome` and their like are written here."""

    rls = "partner_id"

    id = models.BigAutoField(primary_key=True)
    partner_id = models.UUIDField()
    livemode = models.BooleanField(db_default=False)
    source = models.CharField(max_length=60, db_default="staging")
    reference_number = models.TextField(null=True)
    loan_account_number = models.TextField(null=True)
    cif = models.TextField(null=True)
    amount = models.DecimalField(max_digits=40, decimal_places=12, null=True)
    currency = models.TextField(db_default="USD", null=True)
    payment_date = models.DateTimeField(null=True)
    payment_channel = models.TextField(db_default="staging", null=True)
    branch_code = models.TextField(null=True)
    metadata = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    processed = models.BooleanField(db_default=False)
    processed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=20, null=True)
    error = models.TextField(null=True)
    payment_id = models.UUIDField(null=True)

    class Meta:
        db_table = "payment_staging"
        verbose_name = "staging row"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["id"], name="payment_staging_waiting", condition=Q(processed=False)),
            models.Index(fields=["processed_at"], name="payment_staging_done", condition=Q(processed=True)),
        ]

    def __str__(self) -> str:
        return f"{self.reference_number} (row {self.pk})"


class StagingProcessLog(models.Model):
    """One batch of the staging processor."""

    id = models.BigAutoField(primary_key=True)
    first_row = models.BigIntegerField(null=True)
    last_row = models.BigIntegerField(null=True)
    total = models.IntegerField(default=0)
    processed = models.IntegerField(default=0)
    duplicates = models.IntegerField(default=0)
    conflicts = models.IntegerField(default=0)
    errors = models.IntegerField(default=0)
    status = models.CharField(max_length=20)
    error = models.TextField(blank=True, default="")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    milliseconds = models.FloatField(default=0)

    class Meta:
        db_table = "staging_process_log"
        verbose_name = "staging batch"
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["started_at"], name="staging_log_started")]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Currency(models.Model):
    """The currency table of `payos.kernel.currencies`, for SQL; filled by migrations."""

    grants = "SELECT"

    code = models.CharField(max_length=4, primary_key=True)
    factor = models.DecimalField(max_digits=12, decimal_places=0)

    class Meta:
        default_permissions = ()
        db_table_comment = "reference: filled from payos.kernel.currencies"

    def __str__(self) -> str:
        return self.code
