"""The page of matching rules: a draft is tried on what is open, and activated by a second person."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from operations.services import request_approval
from payos.kernel.admin import PayosModelAdmin
from payos.kernel.errors import Problem
from payos.kernel.forms import DialogForm, ReasonForm
from reconciliation import services
from reconciliation.models import Rule


class RuleForm(forms.ModelForm):
    class Meta:
        model = Rule
        fields = ["partner", "account", "name", "priority", "side", "action", "conditions", "reason"]
        widgets = {"name": UnfoldAdminTextInputWidget}

    def clean_conditions(self) -> Any:
        from reconciliation.matching.spec import Condition, SpecError

        conditions = self.cleaned_data["conditions"]
        try:
            for condition in conditions:
                Condition(condition["field"], condition["operator"], str(condition["value"]))
        except (KeyError, TypeError) as error:
            raise forms.ValidationError(f"Each condition has field, operator and value ({error} is missing).") from error
        except SpecError as error:
            raise forms.ValidationError(str(error)) from error
        if not conditions:
            raise forms.ValidationError("A rule needs at least one condition, or it would meet every line.")
        return conditions


@admin.register(Rule)
class RuleAdmin(PayosModelAdmin):
    form = RuleForm
    list_display = ["name", "version", "show_state", "priority", "action", "side", "account", "partner"]
    list_filter = ["state", "action"]
    list_select_related = ["account", "partner"]
    search_fields = ["name"]
    readonly_fields = ["show_trial"]
    fields = ["partner", "account", "name", "priority", "side", "action", "conditions", "reason", "show_trial"]
    actions_detail = ["dry_run", "ask_activation"]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # What was active is history: a change is a new version.
        return super().has_change_permission(request, obj) and (obj is None or obj.state == "draft")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_manage_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("reconciliation.change_rule") or request.user.has_perm("reconciliation.work_reconciliation")  # type: ignore[union-attr]

    def save_model(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> None:
        if not change:
            obj.version = Rule.objects.filter(partner=obj.partner, name=obj.name).count() + 1
        super().save_model(request, obj, form, change)

    @display(description="State", label={"draft": "info", "active": "success", "retired": "warning"})
    def show_state(self, rule: Rule) -> str:
        return rule.state

    @display(description="Last dry run")
    def show_trial(self, rule: Rule) -> str:
        trial = rule.trials.order_by("-id").first() if rule.pk else None
        return "not tried yet" if trial is None else json.dumps(trial.result)[:2000]

    @action(
        description="Dry run", icon="science", permissions=["manage"],
        dialog={"title": "Dry run", "description": "Runs over what is open with and without the rule; nothing changes.", "form_class": DialogForm, "form_submit_text": "Try it"},
    )  # fmt: skip
    def dry_run(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        found = services.try_rule(rule=Rule.objects.select_related("account").get(pk=object_id)).result
        messages.success(request, f"Matches before {found['matched_before']}, after {found['matched_after']}; {len(found['samples'])} samples below.")
        return redirect(reverse("admin:reconciliation_rule_change", args=[object_id]))

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
        return redirect(reverse("admin:reconciliation_rule_change", args=[object_id]))
