"""Tables of the ledger. What Postgres enforces on them stands in `sql/ledger.sql`."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from payos.kernel.models import OptionalTenantModel


class Kind(models.TextChoices):
    ASSET = "asset", "Asset"
    LIABILITY = "liability", "Liability"
    EQUITY = "equity", "Equity"
    INCOME = "income", "Income"
    EXPENSE = "expense", "Expense"


DEBIT_NORMAL = frozenset({Kind.ASSET, Kind.EXPENSE})


class Layer(models.IntegerChoices):
    POSTED = 0, "posted"
    PENDING = 1, "pending"
    RELEASED = 2, "released"


class Account(OptionalTenantModel):
    """Where money is: one code, one currency, one kind, of one partner (or the platform), perhaps of one branch."""

    public_prefix = "acc"
    audit = "all"
    grants = "SELECT, INSERT, UPDATE (name, parent_id, closed_at)"

    code = models.CharField(max_length=80)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    currency = models.CharField(max_length=4)
    branch = models.ForeignKey("partners.Branch", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False)
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    no_overdraft = models.BooleanField(default=False, help_text="What is available may never fall below zero.")
    slots = models.PositiveSmallIntegerField(
        default=16, help_text="Rows that share the balance, so that many writers do not wait for one; 1 where a limit holds."
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        ordering = ["code", "currency"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "livemode", "code", "currency", "branch"],
                name="ledger_account_once",
                nulls_distinct=False,
            ),
            # A limit can only be checked where the whole balance is one row.
            models.CheckConstraint(condition=Q(no_overdraft=False) | Q(slots=1), name="ledger_account_limit_one_slot"),
            models.CheckConstraint(condition=Q(slots__gte=1) & Q(slots__lte=64), name="ledger_account_slots"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.currency}"

    @property
    def sign(self) -> int:
        """What turns a debit-positive sum into the balance as people read it."""
        return 1 if self.kind in DEBIT_NORMAL else -1


class Transaction(OptionalTenantModel):
    """One business fact: entries that sum to zero. Never changed."""

    public_prefix = "txn"
    append_only = True

    created_at = None  # type: ignore[assignment]  # recorded_at says it
    # No key check a row: every transaction has entries, theirs are checked against accounts, and those have the key.
    partner = models.ForeignKey(
        "partners.Partner", on_delete=models.PROTECT, related_name="+", null=True, blank=True, db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=60)
    external_id = models.CharField(max_length=200, null=True, blank=True)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    description = models.TextField(blank=True, default="")
    metadata = models.JSONField(default=dict, blank=True)
    subject_type = models.CharField(max_length=60, blank=True, default="")
    subject_id = models.CharField(max_length=64, blank=True, default="")
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversals", db_constraint=False, db_index=False
    )
    hold = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="resolutions", db_constraint=False, db_index=False
    )
    hold_expires_at = models.DateTimeField(null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "livemode", "external_id"],
                name="ledger_transaction_external_once",
                nulls_distinct=False,
                condition=Q(external_id__isnull=False),
            ),
            models.UniqueConstraint(fields=["reverses"], name="ledger_transaction_reversed_once", condition=Q(reverses__isnull=False)),
        ]
        indexes = [
            models.Index(fields=["subject_id"], name="ledger_transaction_subject", condition=~Q(subject_id="")),
            models.Index(fields=["hold"], name="ledger_transaction_hold", condition=Q(hold__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id}"


class Entry(models.Model):
    """One leg. Checked against its account and transaction by the set-based trigger, not by a key check per row."""

    append_only = True
    rls = "partner_id"

    pk = models.CompositePrimaryKey("transaction_id", "line")
    transaction = models.ForeignKey(Transaction, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False)
    line = models.SmallIntegerField()
    partner_id = models.UUIDField(null=True)
    livemode = models.BooleanField()
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="entries", db_constraint=False, db_index=False)
    currency = models.CharField(max_length=4)
    amount_minor = models.BigIntegerField(help_text="Debit positive, credit negative.")
    layer = models.SmallIntegerField(choices=Layer.choices, default=Layer.POSTED)
    effective_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        ordering = ["transaction_id", "line"]
        verbose_name_plural = "entries"
        constraints = [
            models.CheckConstraint(condition=~Q(amount_minor=0), name="ledger_entry_not_zero"),
            models.CheckConstraint(condition=Q(layer__in=[0, 1, 2]), name="ledger_entry_layer"),
        ]
        indexes = [
            models.Index(fields=["account", "effective_at"], name="ledger_entry_effective"),
            models.Index(fields=["account", "recorded_at"], name="ledger_entry_recorded"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} {self.currency}"


class Balance(models.Model):
    """The running sums of an account, in as many slots as it has. Written by the entries' trigger only."""

    rls = "partner_id"
    grants = "SELECT"

    pk = models.CompositePrimaryKey("account_id", "slot")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="balances", db_constraint=False, db_index=False)
    slot = models.SmallIntegerField()
    partner_id = models.UUIDField(null=True)
    livemode = models.BooleanField()
    debits_posted = models.BigIntegerField(default=0)
    credits_posted = models.BigIntegerField(default=0)
    debits_pending = models.BigIntegerField(default=0)
    credits_pending = models.BigIntegerField(default=0)
    limit_side = models.SmallIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [
            # 1: debit-normal, -1: credit-normal, 0: no limit. What is pending against the account counts as gone.
            models.CheckConstraint(
                name="ledger_balance_not_overdrawn",
                condition=Q(limit_side=0)
                | Q(limit_side=1, debits_posted__gte=models.F("credits_posted") + models.F("credits_pending"))
                | Q(limit_side=-1, credits_posted__gte=models.F("debits_posted") + models.F("debits_pending")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account_id} slot {self.slot}"


class Hold(models.Model):
    """How much of a pending transaction is still held. Written by the entries' trigger only."""

    rls = "partner_id"
    grants = "SELECT"

    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, primary_key=True, related_name="held", db_constraint=False)
    partner_id = models.UUIDField(null=True)
    livemode = models.BooleanField()
    amount_minor = models.BigIntegerField()
    remaining_minor = models.BigIntegerField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                name="ledger_hold_never_more_than_held",
                condition=Q(remaining_minor__gte=0) & Q(remaining_minor__lte=models.F("amount_minor")),
            ),
        ]
        indexes = [models.Index(fields=["expires_at"], name="ledger_hold_open", condition=Q(remaining_minor__gt=0))]

    def __str__(self) -> str:
        return f"{self.remaining_minor} of {self.amount_minor}"


class Period(OptionalTenantModel):
    """A span of effective time that is closed: nothing effective in it can be posted any more."""

    public_prefix = "per"
    audit = "all"

    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="The first instant after the period.")
    closed_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [("manage_period", "May close a period and ask to reopen one")]
        ordering = ["-ends_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=models.F("starts_at")), name="ledger_period_span"),
            models.UniqueConstraint(
                fields=["partner", "livemode", "starts_at", "ends_at"], name="ledger_period_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%Y-%m-%d} to {self.ends_at:%Y-%m-%d}"


class Chain(models.Model):
    """The head of a partner's hash chain (the platform's own has the nil key)."""

    rls = "partner_id"
    grants = "SELECT"

    partner_id = models.UUIDField(primary_key=True)
    position = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.partner_id} at {self.position}"


class Seal(models.Model):
    """The place of a transaction in the chain, and the hash over it and everything before."""

    grants = "SELECT"  # the sealer runs inside the database, with the owner's rights
    rls = "partner_id"

    transaction = models.OneToOneField(Transaction, on_delete=models.PROTECT, primary_key=True, related_name="seal", db_constraint=False)
    partner_id = models.UUIDField()
    position = models.BigIntegerField()
    hash = models.BinaryField()
    sealed_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["partner_id", "position"], name="ledger_seal_position_once")]

    def __str__(self) -> str:
        return f"#{self.position}"


class Checkpoint(models.Model):
    """The sums of an account's sealed entries up to an instant, so that a balance in the past reads a few rows."""

    rls = "partner_id"
    grants = "SELECT"

    pk = models.CompositePrimaryKey("account_id", "axis", "at")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    axis = models.CharField(max_length=1, choices=[("e", "effective"), ("r", "recorded")])
    at = models.DateTimeField()
    partner_id = models.UUIDField(null=True)
    posted_minor = models.BigIntegerField()
    debits_pending = models.BigIntegerField()
    credits_pending = models.BigIntegerField()
    entries = models.IntegerField(default=0, help_text="Sealed entries between the checkpoint before and this one.")
    until = models.DateTimeField(null=True, help_text="Not before the latest of them.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.account_id} {self.axis} {self.at}"


class SealMark(models.Model):
    """Up to where transactions are sealed: everything the database had finished before this transaction number."""

    grants = "SELECT"

    id = models.SmallIntegerField(primary_key=True, default=1)
    xid = models.CharField(max_length=20, default="0")
    transaction_id = models.UUIDField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.xid)
