"""What a PayOS table is: UUIDv7 keys shown as prefixed ids, a tenant, and declarations the database enforces.

Declarations on the class are turned into grants, policies and triggers by `payos.kernel.security` after each
migrate: `rls` (the column that names the tenant), `append_only` (the application role may only read and add),
`audit` ("state" records state changes, "all" every change, None nothing).
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models.functions import Now

from payos.kernel import calendars, clock, ids


class BaseModel(models.Model):
    public_prefix: ClassVar[str] = ""
    append_only: ClassVar[bool] = False
    rls: ClassVar[str | None] = None
    audit: ClassVar[str | None] = None

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    @property
    def public_id(self) -> str:
        return ids.encode(self.public_prefix, self.id) if self.public_prefix else str(self.id)

    def __str__(self) -> str:
        return self.public_id

    @classmethod
    def by_public_id(cls, text: str, **filters: Any) -> Any:
        return cls._default_manager.get(pk=ids.decode(cls.public_prefix, text), **filters)


class TenantModel(BaseModel):
    """A row that belongs to one partner. Row-level security follows from being one."""

    rls = "partner_id"

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+", db_index=False)
    livemode = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True


class OptionalTenantModel(BaseModel):
    """Like TenantModel, but the platform itself may own rows (partner is null: only the platform sees them)."""

    rls = "partner_id"

    partner = models.ForeignKey("partners.Partner", on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False)
    livemode = models.BooleanField(default=False, editable=False)

    class Meta:
        abstract = True


class AuditEvent(models.Model):
    """One line of the audit trail. The application role can add lines and read them, never change them."""

    append_only = True
    rls = "partner_id"
    rls_open_insert = True  # whoever acts leaves a trace, also where no tenant is set

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_default=Now(), editable=False)
    partner_id = models.UUIDField(null=True, blank=True)
    actor = models.TextField(blank=True)
    ip = models.TextField(blank=True)
    request_id = models.TextField(blank=True)
    reason = models.TextField(blank=True)
    action = models.TextField()
    subject_table = models.TextField(blank=True)
    subject_id = models.TextField(blank=True)
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)

    class Meta:
        db_table = "kernel_audit_event"
        verbose_name = "audit event"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["at"], name="kernel_audit_at"),
            models.Index(fields=["actor", "id"], name="kernel_audit_actor"),
            models.Index(fields=["subject_table", "subject_id", "id"], name="kernel_audit_subject"),
            models.Index(fields=["partner_id", "id"], name="kernel_audit_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.subject_table} {self.subject_id}".strip()


class IdempotencyKey(TenantModel):
    """A write of the API that took effect, and the answer it gave. Committed with the effect."""

    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True)
    headers = models.JSONField(default=dict)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["partner", "livemode", "key"], name="kernel_idempotency_once"),
        ]


class Heartbeat(models.Model):
    """When a kind of process last said that it lives."""

    name = models.CharField(max_length=64, primary_key=True)
    beat_at = models.DateTimeField()
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["name"]
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class CalendarDay(BaseModel):
    """A day that an operator closes or opens in a banking calendar, against what the calendar knows."""

    audit = "all"

    calendar = models.CharField(max_length=20, choices=[(code, name) for code, name in calendars.CODES.items() if code != "NONE"])
    day = models.DateField()
    closed = models.BooleanField(default=True, help_text="Unticked: the bank works on this day although the calendar says otherwise.")
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "bank holiday"
        ordering = ["-day"]
        constraints = [models.UniqueConstraint(fields=["calendar", "day"], name="kernel_calendarday_once")]

    def __str__(self) -> str:
        return f"{self.get_calendar_display()}, {self.day}: {'closed' if self.closed else 'open'}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        self._tell()

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        gone = super().delete(*args, **kwargs)
        self._tell()
        return gone

    def _tell(self) -> None:
        # At once for what follows in this transaction, and again when it ends: others may have asked in between.
        calendars.forget()
        transaction.on_commit(calendars.forget)


class OutboxEvent(models.Model):
    """An event, written in the transaction of what it tells. See `outbox.py`."""

    public_prefix = "evt"
    rls = "partner_id"

    id = models.UUIDField(primary_key=True, default=ids.uuid7, editable=False)
    seq = models.BigIntegerField(db_default=models.Func(models.Value("kernel_outbox_seq"), function="nextval"), editable=False)
    topic = models.CharField(max_length=80)
    event_type = models.CharField(max_length=80)
    aggregate_id = models.CharField(max_length=80)
    partner_id = models.UUIDField(null=True, blank=True)
    livemode = models.BooleanField(default=False)
    payload = models.JSONField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    handled_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    parked_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    error = models.TextField(db_default="", blank=True)

    class Meta:
        db_table = "kernel_outbox_event"
        verbose_name = "event"
        default_permissions = ("view",)
        permissions = [("retry_outboxevent", "May have a parked event tried again")]
        constraints = [models.UniqueConstraint(fields=["seq"], name="kernel_outbox_seq_once")]
        indexes = [
            models.Index(fields=["seq"], name="kernel_outbox_unhandled", condition=models.Q(handled_at=None, parked_at=None)),
            models.Index(fields=["seq"], name="kernel_outbox_unpublished", condition=models.Q(published_at=None, parked_at=None)),
            models.Index(fields=["seq"], name="kernel_outbox_parked", condition=models.Q(parked_at__isnull=False)),
            models.Index(
                fields=["aggregate_id", "seq"],
                name="kernel_outbox_retrying",
                condition=models.Q(handled_at=None, parked_at=None, retry_at__isnull=False),
            ),
            models.Index(fields=["aggregate_id", "seq"], name="kernel_outbox_aggregate"),
            models.Index(fields=["partner_id", "livemode", "-id"], name="kernel_outbox_partner"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.aggregate_id}"

    @property
    def public_id(self) -> str:
        return ids.encode(self.public_prefix, self.id)


class Circuit(models.Model):
    """The state of a circuit breaker, shared by every process. See `breaker.py`."""

    name = models.CharField(max_length=120, primary_key=True)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "circuit breaker"
        ordering = ["name"]
        default_permissions = ("view",)
        permissions = [("reset_circuit", "May close an open circuit by hand")]

    def __str__(self) -> str:
        return self.name


def new_request_id() -> str:
    return f"req_{uuid.uuid4().hex}"
