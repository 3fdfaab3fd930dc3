"""Tables of the second pair of eyes."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django_fsm import FSMField, transition

from payos.kernel import clock
from payos.kernel.fsm import AuditedState
from payos.kernel.models import BaseModel, OptionalTenantModel


class ApprovalState(models.TextChoices):
    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"
    EXPIRED = "expired", "Expired"
    VOID = "void", "Void (the subject changed)"


class Approval(AuditedState, OptionalTenantModel):
    """A request that a second person lets one exact act happen."""

    public_prefix = "apr"

    action = models.CharField(max_length=80)
    title = models.CharField(max_length=200)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    params = models.JSONField(default=dict)
    preview = models.JSONField(default=dict, help_text="What will happen: entries, calls, changes.")
    fingerprint = models.CharField(max_length=64, help_text="Of the subject when it was asked.")
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=4, blank=True)
    reason = models.TextField()
    case = models.ForeignKey("operations.Case", on_delete=models.PROTECT, null=True, blank=True, related_name="approvals")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="approvals_requested")
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="approvals_decided"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.TextField(blank=True)
    result = models.JSONField(null=True, blank=True)
    expires_at = models.DateTimeField()
    state = FSMField(default=ApprovalState.REQUESTED, choices=ApprovalState.choices, protected=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("decide_approval", "May approve or reject what others ask for"),
            ("request_approval", "May ask for an approval"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="operations_approval_four_eyes",
            ),
            models.CheckConstraint(condition=~Q(state="approved") | Q(decided_by__isnull=False), name="operations_approval_has_approver"),
            models.UniqueConstraint(
                fields=["action", "subject_type", "subject_id"],
                condition=Q(state="requested"),
                name="operations_approval_one_pending",
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="operations_approval_open", condition=Q(state="requested"))]

    def __str__(self) -> str:
        return self.title

    @transition(field=state, source="requested", target="approved")
    def approve(self, *, user: object, note: str, result: object) -> None:
        self._decided(user, note)
        self.result = result

    @transition(field=state, source="requested", target="rejected")
    def reject(self, *, user: object, note: str) -> None:
        self._decided(user, note)

    @transition(field=state, source="requested", target="expired")
    def expire(self) -> None:
        self.decided_at = clock.now()

    @transition(field=state, source="requested", target="void")
    def make_void(self, *, note: str) -> None:
        self.decided_at = clock.now()
        self.decision_note = note

    def _decided(self, user: object, note: str) -> None:
        self.decided_by = user  # type: ignore[assignment]
        self.decided_at = clock.now()
        self.decision_note = note


class ApprovalLimit(BaseModel):
    """Up to which amount a role may act alone. Above it, or without a row, a second person is needed."""

    audit = "all"

    action = models.CharField(max_length=80)
    role = models.CharField(max_length=80)
    currency = models.CharField(max_length=4)
    limit_minor = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["action", "role", "currency"], name="operations_limit_once"),
            models.CheckConstraint(condition=Q(limit_minor__gte=0), name="operations_limit_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.action} up to {self.limit_minor} {self.currency}"
