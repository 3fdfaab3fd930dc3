"""Transfers out, what partners submitted together, and every promise made to a rail."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django_fsm import FSMField, transition

from payos.kernel.crypto import EncryptedTextField
from payos.kernel.fsm import AuditedState
from payos.kernel.models import TenantModel
from settlement.models.batch import SettlementBatch
from settlement.models.rail import Rail

STATES = [
    "accepted", "held", "queued", "submitted", "unknown", "settled", "reconciled", "failed", "returned", "cancelled",
]  # fmt: skip
OPEN_STATES = ["accepted", "held", "queued", "submitted", "unknown"]


class TransferBatch(AuditedState, TenantModel):
    """What a partner submitted together; one file or list is one batch."""

    public_prefix = "bat"

    name = models.CharField(max_length=120, blank=True, default="")
    content_hash = models.CharField(max_length=64, help_text="The same list twice is caught by it.")
    count = models.IntegerField()
    amounts = models.JSONField(default=dict, help_text="Per currency, in minor units.")
    done_count = models.IntegerField(default=0)
    failed_count = models.IntegerField(default=0)
    completed_at = models.DateTimeField(null=True)
    state = FSMField(
        default="accepted",
        choices=[
            (s, s.replace("_", " ").capitalize())
            for s in ("validating", "accepted", "processing", "completed", "completed_with_errors", "rejected")
        ],
        protected=True,
    )

    class Meta:
        verbose_name_plural = "transfer batches"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["partner", "livemode", "content_hash"], name="settlement_transferbatch_once"),
        ]

    def __str__(self) -> str:
        return self.name or self.public_id


class Transfer(AuditedState, TenantModel):
    """Money out to one destination, exactly once."""

    public_prefix = "trf"

    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=4)
    destination = EncryptedTextField(help_text="The checked destination, as JSON.")
    destination_type = models.CharField(max_length=20)
    destination_label = models.CharField(max_length=200, help_text="Masked, for people.")
    destination_key = models.CharField(max_length=64, help_text="Keyed hash: finds other transfers to the same place.")
    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="transfers", db_index=False)
    protocol = models.CharField(max_length=20, default="api")
    protocol_metadata = models.JSONField(default=dict, blank=True)
    urgency = models.CharField(max_length=10, default="standard")
    reference = models.CharField(max_length=120, blank=True, default="")
    description = models.CharField(max_length=140, blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    branch = models.ForeignKey("partners.Branch", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    batch = models.ForeignKey(TransferBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="transfers")
    batch_row = models.IntegerField(null=True, blank=True)
    decision = models.ForeignKey(
        "RoutingDecision", on_delete=models.PROTECT, null=True, related_name="+", db_index=False, help_text="Why it was accepted for its rail.",
    )  # fmt: skip
    hold_id = models.UUIDField(null=True)
    settled_transaction_id = models.UUIDField(null=True)
    window_at = models.DateTimeField(help_text="It waits for the first window closing at or after this.")
    expected_at = models.DateTimeField(null=True)
    settlement_batch = models.ForeignKey(
        SettlementBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="transfers", db_index=False
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    executed_minor = models.BigIntegerField(null=True, blank=True)
    bank_reference = models.CharField(max_length=120, blank=True, default="")
    failure_code = models.CharField(max_length=40, blank=True, default="")
    failure_detail = models.CharField(max_length=300, blank=True, default="")
    late_since = models.DateTimeField(null=True, blank=True)
    state = FSMField(default="accepted", choices=[(s, s.capitalize()) for s in STATES], protected=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("work_transfer", "May cancel and retry transfers"),
            ("manage_settlement", "May override windows and limits, with a second person"),
        ]
        ordering = ["-id"]
        constraints = [models.CheckConstraint(condition=Q(amount_minor__gt=0), name="settlement_transfer_positive")]
        indexes = [
            models.Index(
                fields=["rail", "window_at"], name="settlement_transfer_queue", condition=Q(state="queued", settlement_batch=None)
            ),
            models.Index(
                fields=["next_attempt_at", "id"],
                name="settlement_transfer_send",
                condition=Q(state="queued", settlement_batch__isnull=False),
            ),
            models.Index(fields=["expected_at"], name="settlement_transfer_open", condition=Q(state__in=["submitted", "unknown"])),
            models.Index(fields=["partner", "livemode", "-id"], name="settlement_transfer_partner"),
            models.Index(fields=["reference"], name="settlement_transfer_reference", condition=~Q(reference="")),
            models.Index(fields=["destination_key"], name="settlement_transfer_dest"),
            models.Index(fields=["settlement_batch", "state"], name="settlement_transfer_batch"),
            models.Index(fields=["rail", "created_at"], name="settlement_transfer_day"),
        ]

    def __str__(self) -> str:
        return self.reference or self.public_id

    # What a rail's word does. The database refuses every other change (sql/transfer_states.sql); a test holds both together.

    @transition(field=state, source=["queued", "unknown"], target="submitted")
    def submit(self) -> None:
        """Taken to be sent; or heard of again after nothing was known."""

    @transition(field=state, source=["submitted"], target="unknown")
    def lose_sight(self) -> None:
        """Nobody knows whether it was executed: it is asked about."""

    @transition(field=state, source=["submitted", "unknown"], target="queued")
    def put_back(self) -> None:
        """It certainly was not executed, and goes again."""

    @transition(field=state, source=["submitted", "unknown", "queued"], target="settled")
    def settle(self) -> None:
        """Executed. Also one that was put back because the rail had not known it in time."""

    @transition(field=state, source=["submitted", "unknown", "queued"], target="failed")
    def fail(self) -> None:
        """Known not to have been executed, and not tried again by itself."""

    @transition(field=state, source=["submitted", "unknown", "queued", "settled", "reconciled"], target="returned")
    def come_back(self) -> None:
        """Executed and sent back, perhaps before we heard of the first."""

    @transition(field=state, source=["accepted", "held", "queued"], target="cancelled")
    def cancel(self) -> None:
        """Before anything was sent."""

    @transition(field=state, source=["failed", "returned"], target="queued")
    def queue_again(self) -> None:
        """After a known failure or return only."""

    @transition(field=state, source=["settled"], target="reconciled")
    def reconcile(self) -> None:
        """Its line on a statement was found."""

    @transition(field=state, source=["reconciled"], target="settled")
    def unreconcile(self) -> None:
        """The match was taken back."""


class Submission(TenantModel):
    """One promise: the intent is committed before the rail is called, under a reference that never changes."""

    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="submissions", db_index=False)
    number = models.PositiveSmallIntegerField()
    rail = models.ForeignKey(Rail, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=80)
    rail_reference = models.CharField(max_length=120, blank=True, default="", help_text="The rail's own id or trace number.")
    outcome = models.CharField(max_length=20, default="intent", help_text="intent, sent, unknown, settled, failed, not_sent or returned")
    code = models.CharField(max_length=40, blank=True, default="")
    detail = models.CharField(max_length=300, blank=True, default="")
    sends = models.PositiveSmallIntegerField(
        default=1, help_text="How often it was taken to be sent: more than once only after it certainly was not."
    )
    asked = models.PositiveIntegerField(default=0)
    ask_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    returned_minor = models.BigIntegerField(null=True, help_text="What came back of it.")
    netted_in = models.ForeignKey(
        SettlementBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="netted", db_index=False,
        help_text="The batch whose sum was less by what came back.",
    )  # fmt: skip

    class Meta:
        default_permissions = ("view",)
        ordering = ["transfer", "number"]
        constraints = [
            models.UniqueConstraint(fields=["transfer", "number"], name="settlement_submission_once"),
            models.UniqueConstraint(fields=["rail", "reference"], name="settlement_submission_reference_once"),
        ]
        indexes = [
            models.Index(fields=["ask_at"], name="settlement_submission_ask", condition=Q(outcome__in=["intent", "sent", "unknown"])),
            models.Index(fields=["rail"], name="settlement_submission_to_net", condition=Q(returned_minor__isnull=False, netted_in=None)),
            models.Index(fields=["rail_reference"], name="settlement_submission_trace", condition=~Q(rail_reference="")),
        ]

    def __str__(self) -> str:
        return self.reference


class RoutingDecision(TenantModel):
    """Why this rail and not another, as data.

    Transfers that were accepted together on the same facts share one, which they name; a later decision about one transfer
    alone names it.
    """

    append_only = True
    public_prefix = "rte"

    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    rail_code = models.CharField(max_length=40)
    chosen = models.JSONField(default=dict)
    rejected = models.JSONField(default=list)

    class Meta:
        verbose_name = "routing decision"
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [models.Index(fields=["transfer"], name="settlement_decision_transfer")]

    def __str__(self) -> str:
        return f"{self.rail_code} {self.public_id}"


class RailCallback(models.Model):
    """A message that a rail sent us; its id makes it count once."""

    append_only = True

    id = models.BigAutoField(primary_key=True)
    rail_code = models.CharField(max_length=40)
    message_id = models.CharField(max_length=120)
    received_at = models.DateTimeField()
    body = models.JSONField()

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["rail_code", "message_id"], name="settlement_callback_once")]

    def __str__(self) -> str:
        return self.message_id
