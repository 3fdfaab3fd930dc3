"""What came of matching: runs, matches with their evidence, suggestions, discrepancies, and the proof of balances."""

from __future__ import annotations

from django.db import models

from payos.kernel.models import OptionalTenantModel
from reconciliation.models.statement import BankAccount, StatementLine


class Run(OptionalTenantModel):
    """One pass of the engine over one account, with everything needed to replay it."""

    public_prefix = "run"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="runs")
    trigger = models.CharField(max_length=20, default="manual", help_text="daily, arrival, manual or replay")
    spec = models.JSONField(default=dict)
    spec_hash = models.CharField(max_length=64)
    internal = models.IntegerField(default=0)
    external = models.IntegerField(default=0)
    matched_internal = models.IntegerField(default=0)
    matched_external = models.IntegerField(default=0)
    matches_made = models.IntegerField(default=0)
    suggestions_made = models.IntegerField(default=0)
    discrepancies_found = models.JSONField(default=dict)
    seconds = models.JSONField(default=dict)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ("view",)
        permissions = [
            ("work_reconciliation", "May run, match, unmatch and book lines"),
            ("manage_rules", "May write rules and ask to activate them"),
        ]
        ordering = ["-id"]
        indexes = [models.Index(fields=["account", "-id"], name="reconciliation_run_account")]

    def __str__(self) -> str:
        return f"{self.account} {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def match_rate(self) -> float:
        total = self.internal + self.external
        return (self.matched_internal + self.matched_external) / total if total else 1.0


class Match(OptionalTenantModel):
    """Lines and items that are the same money, and why we say so."""

    public_prefix = "mat"
    audit = "state"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="matches")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="matches")
    level = models.SmallIntegerField(help_text="1 to 4 by the engine, 0 by a person.")
    method = models.CharField(max_length=60)
    confidence = models.SmallIntegerField()
    reason = models.JSONField(default=dict)
    difference_minor = models.BigIntegerField(default=0)
    fee_minor = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=4)
    amount_minor = models.BigIntegerField(help_text="What the lines sum to.")
    state = models.CharField(max_length=10, default="active", choices=[("active", "Active"), ("undone", "Undone")])
    made_by = models.CharField(max_length=200, blank=True, default="")
    note = models.TextField(blank=True, default="")
    undone_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "matches"
        default_permissions = ("view",)
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["account", "-id"], name="reconciliation_match_account"),
            models.Index(fields=["run"], name="reconciliation_match_run"),
        ]

    def __str__(self) -> str:
        return f"{self.method} ({self.confidence})"


class MatchItem(models.Model):
    """One end of a match. While the match stands, no other match can claim the same end: the indexes say so."""

    rls = "partner_id"

    id = models.BigAutoField(primary_key=True)
    partner_id = models.UUIDField(null=True)
    match = models.ForeignKey(Match, on_delete=models.PROTECT, related_name="items", db_constraint=False)
    line = models.ForeignKey(StatementLine, on_delete=models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False)
    item_type = models.CharField(max_length=20, blank=True, default="", help_text="transfer, transfer_return or payment")
    item_id = models.UUIDField(null=True)
    amount_minor = models.BigIntegerField()
    active = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["line"], name="reconciliation_line_in_one_match", condition=models.Q(active=True, line__isnull=False)
            ),
            models.UniqueConstraint(
                fields=["item_type", "item_id"],
                name="reconciliation_item_in_one_match",
                condition=models.Q(active=True, item_id__isnull=False),
            ),
        ]
        indexes = [models.Index(fields=["item_id"], name="reconciliation_match_item", condition=models.Q(item_id__isnull=False))]

    def __str__(self) -> str:
        return f"{self.item_type or 'line'} {self.item_id or self.line_id}"


class Suggestion(OptionalTenantModel):
    """What may belong together; a person decides. Replaced by every run over the account."""

    public_prefix = "sug"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="suggestions")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="suggestions")
    items = models.JSONField(default=list, help_text='["transfer:<id>", ...]')
    lines = models.JSONField(default=list)
    confidence = models.SmallIntegerField()
    reason = models.JSONField(default=dict)

    class Meta:
        default_permissions = ("view",)
        ordering = ["-confidence", "id"]
        indexes = [models.Index(fields=["account", "-confidence"], name="reconciliation_sug_best")]

    def __str__(self) -> str:
        return f"{self.confidence}: {len(self.items)} to {len(self.lines)}"


class Discrepancy(OptionalTenantModel):
    """What does not agree, of one cause; open until a later run or a person explains it."""

    public_prefix = "dis"
    audit = "state"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="discrepancies")
    run = models.ForeignKey(Run, on_delete=models.PROTECT, related_name="discrepancies")
    cause_key = models.CharField(max_length=200)
    type = models.CharField(max_length=30)
    items = models.JSONField(default=list)
    lines = models.JSONField(default=list)
    expected_minor = models.BigIntegerField(default=0)
    actual_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=4)
    reason = models.JSONField(default=dict)
    first_on = models.DateField()
    state = models.CharField(max_length=10, default="open", choices=[("open", "Open"), ("resolved", "Resolved")])
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "discrepancies"
        default_permissions = ("view",)
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["cause_key"], name="reconciliation_discrepancy_once", condition=models.Q(state="open")),
        ]
        indexes = [models.Index(fields=["account", "type"], name="reconciliation_dis_open", condition=models.Q(state="open"))]

    def __str__(self) -> str:
        return f"{self.type.replace('_', ' ')} {self.public_id}"


class BalanceProof(OptionalTenantModel):
    """One account and day: bank closing = ledger cash + in transit - not booked, each term a list."""

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="proofs")
    on = models.DateField()
    closing_minor = models.BigIntegerField(null=True)
    ledger_minor = models.BigIntegerField()
    in_transit_minor = models.BigIntegerField()
    not_booked_minor = models.BigIntegerField()
    difference_minor = models.BigIntegerField(null=True)
    terms = models.JSONField(default=dict)
    made_at = models.DateTimeField()

    class Meta:
        default_permissions = ("view",)
        verbose_name = "balance proof"
        ordering = ["-on"]
        constraints = [models.UniqueConstraint(fields=["account", "on"], name="reconciliation_proof_once")]

    def __str__(self) -> str:
        return f"{self.account} {self.on}"

    @property
    def green(self) -> bool:
        return self.difference_minor == 0
