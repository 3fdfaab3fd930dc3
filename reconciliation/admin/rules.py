"""The page of matching rules: a draft is tried on what is open, and activated by a second person."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from operations.services import request_approval
from payos.kernel import ids
from payos.kernel.admin import PayosModelAdmin
from payos.kernel.errors import Problem
from payos.kernel.forms import DialogForm, ReasonForm
from reconciliation import selectors, services
from reconciliation.admin.parts import back_to, may_work
from reconciliation.admin.rule_form import RuleForm, condition_words
from reconciliation.models import Rule
from settlement.admin.html import table


@admin.register(Rule)
class RuleAdmin(PayosModelAdmin):
    form = RuleForm
    list_display = ["name", "version", "show_state", "priority", "action", "side", "account", "partner"]
    list_filter = ["state", "action"]
    list_select_related = ["account", "partner"]
    search_fields = ["name"]
    search_help_text = "Name of the rule"
    empty_words = "Write one here, or let the workbench propose one from a match made by hand."
    readonly_fields = ["show_trial", "show_conditions"]
    fields = ["partner", "account", "name", "priority", "side", "action", "conditions", "reason", "show_trial"]
    actions_detail = ["dry_run", "ask_activation"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None or self.has_change_permission(request, obj):
            return self.fields
        return ["show_conditions" if name == "conditions" else name for name in self.fields]

    @display(description="All of these hold")
    def show_conditions(self, rule: Rule) -> Any:
        return format_html_join("", "<div>{}</div>", [(condition_words(one, rule),) for one in rule.conditions])

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was active is history: a change is a new version.
        return super().has_change_permission(request, obj) and (obj is None or obj.state == "draft")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_manage_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("reconciliation.change_rule") or may_work(self, request)

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        if not change:
            obj.version = Rule.objects.filter(partner=obj.partner, name=obj.name).count() + 1
        super().save_model(request, obj, form, change)

    @display(description="State", label={"Draft": "info", "Active": "success", "Retired": "warning"})
    def show_state(self, rule: Rule) -> str:
        return rule.get_state_display()

    @display(description="Last dry run")
    def show_trial(self, rule: Rule) -> Any:
        trial = rule.trials.order_by("-id").first() if rule.pk else None
        if trial is None:
            return "Not tried yet: save it, then choose Dry run."
        counts = [(row["account"], row["before"], row["after"], row["gained"], row["lost"]) for row in trial.result["accounts"]]
        samples = [(row["change"], selectors.public_item(row["item"]), ids.encode("lin", row["line"])) for row in trial.result["samples"]]
        return format_html(
            "{}{}", table(["Account", "Matches without it", "With it", "New", "Lost"], counts, "No account is concerned."),
            table(["Change", "Item of ours", "Line of the bank"], samples, "No single match changes."),
        )  # fmt: skip

    @action(
        description="Dry run", icon="science", permissions=["manage"],
        dialog={"title": "Dry run", "description": "Runs over what is open with and without the rule; nothing changes.", "form_class": DialogForm, "form_submit_text": "Try it"},
    )  # fmt: skip
    def dry_run(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        found = services.try_rule(rule=Rule.objects.select_related("account").get(pk=object_id)).result
        messages.success(
            request,
            f"Matches without the rule: {found['matched_before']:,}, with it: {found['matched_after']:,}. What changes is listed below.",
        )
        return back_to(request, "reconciliation_rule_change", object_id)

    @action(
        description="Ask to activate", icon="verified_user", permissions=["manage"],
        dialog={"title": "Ask to activate", "description": "A second person sees the dry run and decides.", "form_class": ReasonForm, "form_submit_text": "Ask"},
    )  # fmt: skip
    def ask_activation(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        rule = Rule.objects.get(pk=object_id)
        if not rule.trials.exists():
            raise Problem("invalid_state", "Run the dry run first: the approver decides on what it shows.")
        approval = request_approval(
            action="reconciliation.rule_activate", subject=rule, params={"rule": str(rule.pk)}, reason=form.cleaned_data["reason"],
            requested_by=request.user, partner_id=rule.partner_id, title=f"Activate the rule {rule.name}",
        )  # fmt: skip
        messages.success(request, f"Asked as {approval.public_id}.")
        return back_to(request, "reconciliation_rule_change", object_id)
