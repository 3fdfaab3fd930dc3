"""Rules that tenants write for the engine; a version is never edited once it was active."""

from __future__ import annotations

from django.db import models

from payos.kernel.models import OptionalTenantModel
from reconciliation.models.statement import BankAccount


class Rule(OptionalTenantModel):
    public_prefix = "rul"
    audit = "all"

    account = models.ForeignKey(BankAccount, on_delete=models.PROTECT, null=True, blank=True, related_name="rules")
    name = models.CharField(max_length=120)
    priority = models.PositiveIntegerField(default=100)
    version = models.PositiveIntegerField(default=1)
    side = models.CharField(max_length=10, default="both", choices=[("internal", "Internal"), ("external", "External"), ("both", "Both")])
    action = models.CharField(max_length=10, choices=[("ignore", "Ignore with a reason"), ("suggest", "Suggest only"), ("label", "Label")])
    conditions = models.JSONField(default=list, help_text='[{"field": "description", "operator": "contains", "value": "INTEREST"}]')
    reason = models.CharField(max_length=200, blank=True, default="")
    state = models.CharField(max_length=10, default="draft", choices=[("draft", "Draft"), ("active", "Active"), ("retired", "Retired")])
    proposed_from = models.JSONField(default=dict, blank=True)

    class Meta:
        default_permissions = ("add", "change", "view")
        ordering = ["priority", "name"]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class RuleTrial(OptionalTenantModel):
    """A dry run of a rule over history: what would have changed."""

    append_only = True

    rule = models.ForeignKey(Rule, on_delete=models.PROTECT, related_name="trials")
    result = models.JSONField()

    class Meta:
        default_permissions = ("view",)
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"trial of {self.rule_id}"
