"""What the outside says: accounts, statements and their lines."""

from __future__ import annotations

from django.db import models
from django_fsm import FSMField, transition

from payos.kernel.fsm import AuditedState
from payos.kernel.models import OptionalTenantModel


class BankAccount(OptionalTenantModel):
    """An account at a bank or processor. Without a partner it is the platform's, and carries many partners' money."""

    public_prefix = "bka"
    audit = "all"

    name = models.CharField(max_length=120)
    identifier = models.CharField(max_length=80, help_text="As statements write it; blanks and dashes do not matter.")
    currency = models.CharField(max_length=4)
    rail_code = models.CharField(max_length=40, help_text="Names its ledger account: cash:<rail>.")
    channels = models.JSONField(default=list, blank=True, help_text="Payment channels that are paid out to it.")
    spec = models.JSONField(default=dict, blank=True, help_text="Tolerances and windows that differ from the default.")
    grace_days = models.PositiveSmallIntegerField(default=1, help_text="Days before an item without a line is called missing.")
    active = models.BooleanField(default=True)

    class Meta:
        verbose_name = "bank account"
        default_permissions = ("add", "change", "view")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "livemode", "identifier", "currency"], name="reconciliation_account_once", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.currency})"

    @property
    def cash_code(self) -> str:
        return f"cash:{self.rail_code}"


class Statement(AuditedState, OptionalTenantModel):
    """One statement as it was imported, with what its own totals say."""

    public_prefix = "stm"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="statements")
    number = models.CharField(max_length=60, blank=True, default="")
    on = models.DateField(help_text="The statement's day, or the last day of its lines.")
    currency = models.CharField(max_length=4)
    opening_minor = models.BigIntegerField(null=True)
    closing_minor = models.BigIntegerField(null=True)
    line_count = models.IntegerField(default=0)
    new_lines = models.IntegerField(default=0)
    sum_minor = models.BigIntegerField(default=0)
    balances_ok = models.BooleanField(null=True)
    controls = models.JSONField(default=dict, blank=True)
    rejects = models.JSONField(default=list, blank=True)
    file_name = models.CharField(max_length=200, blank=True, default="")
    file_sha256 = models.CharField(max_length=64, blank=True, default="")
    parser = models.CharField(max_length=60, blank=True, default="")
    state = FSMField(
        default="imported",
        choices=[(s, s.replace("_", " ").capitalize()) for s in ("imported", "balanced", "out_of_balance", "reconciled")],
        protected=True,
    )

    class Meta:
        default_permissions = ("view",)
        ordering = ["-on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "file_sha256", "number", "on", "currency"], name="reconciliation_statement_once"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.on}"

    @transition(field=state, source="imported", target="balanced")
    def balance(self) -> None:
        """Opening and lines make its closing, and its opening is the closing before."""

    @transition(field=state, source=["imported", "balanced"], target="out_of_balance")
    def unbalance(self) -> None:
        """Its totals lie, or a statement before it is missing."""

    @transition(field=state, source="out_of_balance", target="balanced")
    def rebalance(self) -> None:
        """What was missing came."""

    @transition(field=state, source=["balanced", "out_of_balance"], target="reconciled")
    def reconcile(self) -> None:
        """Every line is matched or explained."""

    @transition(field=state, source="reconciled", target="balanced")
    def reopen(self) -> None:
        """One of its lines is open again, or it is read anew."""


class StatementLine(OptionalTenantModel):
    """One movement as the bank tells it. The same movement in two statements is one line."""

    public_prefix = "lin"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, related_name="lines")
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="lines")
    value_on = models.DateField()
    booked_on = models.DateField(null=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=4)
    reference = models.TextField(blank=True, default="")
    references = models.JSONField(default=dict, blank=True)
    counterparty = models.TextField(blank=True, default="")
    description = models.TextField(blank=True, default="")
    type_code = models.CharField(max_length=40, blank=True, default="")
    batch_id = models.TextField(blank=True, default="")
    fee_minor = models.BigIntegerField(null=True)
    raw = models.TextField(blank=True, default="")
    position = models.CharField(max_length=60, blank=True, default="")
    content = models.UUIDField(help_text="Hash of what the bank said.")
    occurrence = models.IntegerField(help_text="The how-manieth of equal lines on its day.")
    part_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="parts", help_text="The line that this is a part of."
    )
    state = models.CharField(
        max_length=10,
        default="open",
        choices=[
            ("open", "Open"),
            ("matched", "Matched"),
            ("ignored", "Ignored"),
            ("booked", "Booked"),
            ("split", "Split"),
            ("replaced", "Replaced"),
        ],
    )

    audit = "state"

    class Meta:
        verbose_name = "statement line"
        default_permissions = ("view",)
        ordering = ["-value_on", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["account", "content", "occurrence"], name="reconciliation_line_once"),
        ]
        indexes = [
            models.Index(fields=["account", "value_on"], name="reconciliation_line_open", condition=models.Q(state="open")),
            models.Index(fields=["account", "value_on", "id"], name="reconciliation_line_day"),
            models.Index(fields=["reference"], name="reconciliation_line_reference", condition=~models.Q(reference="")),
            models.Index(fields=["statement"], name="reconciliation_line_statement"),
        ]

    def __str__(self) -> str:
        return self.reference or self.description[:60] or self.public_id


class LineRepeat(models.Model):
    """A movement that a second statement brought too: it stays when the first one turns out not to say it."""

    rls = "partner_id"

    id = models.BigAutoField(primary_key=True)
    partner_id = models.UUIDField(null=True)
    line = models.ForeignKey(StatementLine, on_delete=models.PROTECT, related_name="repeats", db_constraint=False, db_index=False)
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="+", db_constraint=False)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["line", "statement"], name="reconciliation_repeat_once")]

    def __str__(self) -> str:
        return f"{self.line_id} in {self.statement_id}"
