"""Payments in, partitioned by month through their ids, and the references that make each of them happen once."""

from __future__ import annotations

from django.db import models
from django_fsm import FSMField, transition

from payos.kernel.fsm import AuditedState
from payos.kernel.models import TenantModel


class PaymentState(models.TextChoices):
    RECORDED = "recorded", "Recorded"
    SETTLED = "settled", "Settled"
    RECONCILED = "reconciled", "Reconciled"
    REVERSED = "reversed", "Reversed"
    DISPUTED = "disputed", "Disputed"


class Payment(AuditedState, TenantModel):
    """Money that came in somewhere else. The time part of its id is its payment date, so the id alone names the
    monthly partition it lies in (see `sql/payments.sql`)."""

    public_prefix = "pay"

    reference_number = models.CharField(max_length=120)
    loan_account_number = models.CharField(max_length=64, blank=True, default="")
    cif = models.CharField("CIF", max_length=64, blank=True, default="")
    payer = models.JSONField(null=True, blank=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=4)
    payment_date = models.DateTimeField()
    payment_channel = models.CharField(max_length=40)
    source = models.CharField(max_length=60)
    branch = models.ForeignKey(
        "partners.Branch", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False, db_constraint=False
    )
    metadata = models.JSONField(default=dict, blank=True)
    hold_days = models.PositiveSmallIntegerField(default=0)
    released_at = models.DateTimeField(null=True, blank=True)
    state = FSMField(default=PaymentState.RECORDED, choices=PaymentState.choices, protected=True)
    reversal_reason = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        managed = False  # partitioned tables are made by sql/payments.sql
        default_permissions = ("view",)
        permissions = [("work_payment", "May reverse payments and work their conflicts")]

    def __str__(self) -> str:
        return f"{self.reference_number} ({self.public_id})"

    @transition(field=state, source=["recorded"], target="settled")
    def settle(self) -> None:
        """The bank or processor has paid it out."""

    @transition(field=state, source=["recorded", "settled"], target="reconciled")
    def reconcile(self) -> None:
        """Its line on a statement was found."""

    @transition(field=state, source=["reconciled"], target="settled")
    def unreconcile(self) -> None:
        """The match was taken back."""

    @transition(field=state, source=["recorded", "settled", "reconciled", "disputed"], target="reversed")
    def reverse(self, *, reason: str) -> None:
        self.reversal_reason = reason

    @transition(field=state, source=["recorded", "settled", "reconciled"], target="disputed")
    def dispute(self) -> None:
        """The payer contests it."""


class PaymentReference(models.Model):
    """One row per reference, source and partner: the unique constraint that makes a payment happen once."""

    rls = "partner_id"

    id = models.BigAutoField(primary_key=True)
    partner_id = models.UUIDField()
    livemode = models.BooleanField()
    source = models.CharField(max_length=60)
    reference_number = models.CharField(max_length=120)
    payment_id = models.UUIDField()
    content = models.UUIDField(help_text="Hash of amount, currency and account: tells a repeat from a conflict.")
    seen_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["partner_id", "livemode", "source", "reference_number"], name="ingestion_reference_once")
        ]

    def __str__(self) -> str:
        return self.reference_number
