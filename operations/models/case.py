"""Tables of the exception queue."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django_fsm import FSMField, transition

from payos.kernel import clock
from payos.kernel.fsm import AuditedState
from payos.kernel.models import BaseModel, OptionalTenantModel


class Severity(models.IntegerChoices):
    LOW = 1, "Low"
    MEDIUM = 2, "Medium"
    HIGH = 3, "High"
    CRITICAL = 4, "Critical"


class CaseState(models.TextChoices):
    OPEN = "open", "Open"
    CLAIMED = "claimed", "Claimed"
    SNOOZED = "snoozed", "Snoozed"
    AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
    RESOLVED = "resolved", "Resolved"


UNRESOLVED = ["open", "claimed", "snoozed", "awaiting_approval"]


class Case(AuditedState, OptionalTenantModel):
    """Anything a person must look at."""

    public_prefix = "cas"

    kind = models.CharField(max_length=60)
    cause_key = models.CharField(max_length=200, help_text="The same cause is the same case.")
    title = models.CharField(max_length=200)
    detail = models.TextField(blank=True)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    branch = models.ForeignKey("partners.Branch", on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    rail = models.CharField(max_length=40, blank=True)
    amount_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=4, blank=True)
    severity = models.PositiveSmallIntegerField(choices=Severity.choices, default=Severity.MEDIUM)
    reason_code = models.CharField(max_length=60, blank=True)
    suggested_actions = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    references = ArrayField(models.CharField(max_length=120), default=list, blank=True)
    data = models.JSONField(default=dict, blank=True)
    state = FSMField(default=CaseState.OPEN, choices=CaseState.choices, protected=True)
    occurrences = models.PositiveIntegerField(default=1)
    last_seen_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(null=True, blank=True)
    assignee = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="cases")
    lease_until = models.DateTimeField(null=True, blank=True)
    snoozed_until = models.DateTimeField(null=True, blank=True)
    resolution = models.CharField(max_length=60, blank=True)
    resolution_note = models.TextField(blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        permissions = [("work_case", "May work cases: claim, comment, snooze, resolve")]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["cause_key"], condition=~Q(state="resolved"), name="operations_case_one_open_per_cause"),
        ]
        indexes = [
            # The queue is read by due time among what is unresolved; each index holds only that.
            models.Index(fields=["due_at", "id"], name="operations_case_due", condition=~Q(state="resolved")),
            models.Index(fields=["kind", "due_at"], name="operations_case_kind", condition=~Q(state="resolved")),
            models.Index(fields=["assignee", "due_at"], name="operations_case_mine", condition=~Q(state="resolved")),
            models.Index(fields=["rail", "due_at"], name="operations_case_rail", condition=~Q(state="resolved")),
            models.Index(fields=["-amount_minor"], name="operations_case_amount", condition=~Q(state="resolved")),
            models.Index(fields=["severity", "due_at"], name="operations_case_severity", condition=~Q(state="resolved")),
            models.Index(fields=["severity", "created_at"], name="operations_case_age", condition=~Q(state="resolved")),
            models.Index(fields=["due_at"], name="operations_case_waiting", condition=Q(state="awaiting_approval")),
            models.Index(fields=["resolved_at"], name="operations_case_resolved", condition=Q(state="resolved")),
            models.Index(fields=["partner", "-id"], name="operations_case_partner"),
            models.Index(fields=["subject_type", "subject_id"], name="operations_case_subject"),
            models.Index(fields=["snoozed_until"], name="operations_case_snoozed", condition=Q(state="snoozed")),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def subject(self) -> str:
        return f"{self.subject_type} {self.subject_id}".strip()

    @transition(field=state, source=["open", "claimed", "snoozed"], target="claimed")
    def claim(self, *, user: object, until: object) -> None:
        self.assignee = user  # type: ignore[assignment]
        self.lease_until = until  # type: ignore[assignment]
        self.snoozed_until = None

    @transition(field=state, source=["claimed", "snoozed"], target="open")
    def reopen(self) -> None:
        self.lease_until = None
        self.snoozed_until = None

    @transition(field=state, source=["open", "claimed"], target="snoozed")
    def snooze(self, *, until: object) -> None:
        self.snoozed_until = until  # type: ignore[assignment]
        self.lease_until = None

    @transition(field=state, source=["open", "claimed", "snoozed"], target="awaiting_approval")
    def await_approval(self) -> None:
        self.lease_until = None

    @transition(field=state, source="awaiting_approval", target="open")
    def approval_refused(self) -> None:
        self.lease_until = None

    @transition(field=state, source=["open", "claimed", "snoozed", "awaiting_approval"], target="resolved")
    def resolve(self, *, resolution: str, note: str = "", user: object = None) -> None:
        self.resolution, self.resolution_note = resolution, note
        self.resolved_at = clock.now()
        self.resolved_by = user  # type: ignore[assignment]
        self.lease_until = None

    @transition(field=state, source="resolved", target="open")
    def undo_resolution(self) -> None:
        self.resolution = self.resolution_note = ""
        self.resolved_at = self.resolved_by = None


class CaseEvent(OptionalTenantModel):
    """One line of a case's timeline: every event, comment, view and change. Never edited."""

    append_only = True

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=40)
    actor = models.CharField(max_length=200, blank=True)
    text = models.TextField(blank=True)
    data = models.JSONField(default=dict, blank=True)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ("view",)
        indexes = [models.Index(fields=["case", "id"], name="operations_event_case")]

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor or 'the system'}"


class CaseReference(OptionalTenantModel):
    """A word that finds a case: its references, subject and cause, in lower case. Row-level security lets only
    comparisons use an index, so that search is by how a reference begins and not by what it contains."""

    append_only = True

    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="words", db_index=False)
    text = models.CharField(max_length=200, db_collation="C")

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["text", "case"], name="operations_reference_find")]

    def __str__(self) -> str:
        return self.text


class Sla(BaseModel):
    """By when a case of a kind is due, from its amount. The first matching row by order wins."""

    audit = "all"

    order = models.PositiveIntegerField(default=100)
    kind = models.CharField(max_length=60, blank=True, help_text="Empty: every kind.")
    currency = models.CharField(max_length=4, blank=True, help_text="Empty: every currency.")
    minimum_minor = models.BigIntegerField(default=0, help_text="Applies from this amount on, in minor units.")
    severity = models.PositiveSmallIntegerField(choices=Severity.choices)
    minutes = models.PositiveIntegerField(help_text="Minutes from opening to due.")

    class Meta:
        verbose_name = "SLA rule"
        ordering = ["order", "-minimum_minor"]

    def __str__(self) -> str:
        return f"{self.kind or 'any kind'} from {self.minimum_minor}: {self.minutes} min"


class SavedView(BaseModel):
    """A person's own filter of the queue."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.TextField(help_text="The filters as the queue's address carries them.")
    shared = models.BooleanField(default=False)
    opens = models.BooleanField(default=False, help_text="The queue opens with it.")

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="operations_view_once")]

    def __str__(self) -> str:
        return self.name
