"""Rails: how they are set up, their switches and their circuits. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display

from operations.services import request_approval
from payos.kernel import tenancy
from payos.kernel.admin import PayosModelAdmin, needs, pretty
from payos.kernel.breaker import Breaker
from payos.kernel.forms import ReasonForm
from payos.kernel.models import Circuit
from payos.kernel.money import to_decimal_str
from settlement import secrets, selectors, services
from settlement.admin.rail_form import AMOUNTS, RailForm, shown_amount
from settlement.models import Halt, Rail


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _ask(request: HttpRequest, action_name: str, subject: Any, params: dict[str, Any], reason: str, **more: Any) -> HttpResponse:
    approval = request_approval(action=action_name, subject=subject, params=params, reason=reason, requested_by=request.user, **more)
    messages.success(request, f"Asked for: {approval.title}. A second person decides.")
    return redirect(reverse("admin:operations_approval_change", args=[approval.pk]))


@admin.register(Rail)
class RailAdmin(PayosModelAdmin):
    empty_words = "A rail is a way for money to leave: add one, give it window rules, and transfers can take it."
    form = RailForm
    list_display = ["name", "code", "adapter", "show_state", "show_circuit", "show_measured", "show_currencies", "show_cost", "show_speed"]
    list_filter = ["enabled", "adapter"]
    search_fields = ["name", "code"]
    search_help_text = "Name or code"
    actions_list = ["halt_all", "resume_all"]
    actions_detail = ["switch_off", "switch_on", "reset_circuit"]
    has_switch_permission = needs("settlement.manage_rail")
    has_circuit_permission = needs("kernel.reset_circuit")
    readonly_fields = [
        "show_state",
        "off_reason",
        "show_circuit",
        "show_measured",
        "show_secrets",
        "show_config",
        "show_minimum",
        "show_maximum",
        "show_daily_limit",
        "show_cost_fixed",
    ]
    fieldsets = [
        (None, {"fields": ["name", "code", "adapter", "show_state", "off_reason", "show_circuit", "show_measured"]}),
        ("What it carries", {"fields": ["currencies", "destination_types", "protocols", "minimum", "maximum", "daily_limit"]}),
        (
            "Cost and speed",
            {"fields": ["cost_fixed", "cost_basis_points", "speed_minutes", "settle_business_days", "calendar", "timezone", "load_share"]},
        ),
        ("Sending", {"fields": ["per_second", "max_attempts", "fallback", "config", "show_secrets", "new_key", "new_webhook_secret"]}),
    ]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            hidden = {"show_state", "off_reason", "show_circuit", "show_measured", "show_secrets"}
        elif self.has_change_permission(request, obj):
            hidden = set()
        else:
            hidden = {"config", "new_key", "new_webhook_secret"}
        sets = [(name, {"fields": [f for f in options["fields"] if f not in hidden]}) for name, options in self.fieldsets]
        if obj is not None and "config" in hidden:
            sets[-1][1]["fields"].append("show_config")
            words = {name: f"show_{name}" for name in AMOUNTS}
            sets = [(title, {"fields": [words.get(field, field) for field in options["fields"]]}) for title, options in sets]
        return sets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*self.readonly_fields, *(["code"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> Any:
        self._circuits = {row.name: row for row in Circuit.objects.filter(name__startswith="rail:")}
        self._measured = selectors.reliability()
        return super().get_queryset(request).defer("credentials")

    @display(description="State", label={"On": "success", "Off": "danger", "Halted": "danger"})
    def show_state(self, rail: Rail) -> str:
        return "Off" if not rail.enabled else "Halted" if Halt.objects.exists() else "On"

    @display(description="Circuit", label={"Closed": "success", "Open": "danger", "Trying": "warning"})
    def show_circuit(self, rail: Rail) -> str:
        return {"closed": "Closed", "open": "Open", "half_open": "Trying"}[Breaker(f"rail:{rail.code}").state()]

    @display(description="Settled of the last day's tries")
    def show_measured(self, rail: Rail) -> str:
        good, total = self._measured.get(rail.pk, (0, 0))
        return f"{good * 100 / total:.1f} % of {total}" if total else "nothing sent"

    @display(description="Currencies")
    def show_currencies(self, rail: Rail) -> str:
        return ", ".join(rail.currencies)

    @display(description="Cost")
    def show_cost(self, rail: Rail) -> str:
        fixed = to_decimal_str(rail.cost_fixed_minor, rail.currencies[0] if rail.currencies else "USD")
        return f"{fixed} + {rail.cost_basis_points / 100:g} %" if rail.cost_basis_points else fixed

    @display(description="Fixed cost")
    def show_cost_fixed(self, rail: Rail) -> str:
        return shown_amount(rail, "cost_fixed")

    @display(description="Smallest amount")
    def show_minimum(self, rail: Rail) -> str:
        return shown_amount(rail, "minimum")

    @display(description="Largest amount")
    def show_maximum(self, rail: Rail) -> str:
        return shown_amount(rail, "maximum")

    @display(description="Limit per day")
    def show_daily_limit(self, rail: Rail) -> str:
        return shown_amount(rail, "daily_limit")

    @display(description="Settles after")
    def show_speed(self, rail: Rail) -> str:
        return _counted(rail.settle_business_days, "banking day") if rail.settle_business_days else _counted(rail.speed_minutes, "minute")

    @display(description="Secrets")
    def show_secrets(self, rail: Rail) -> str:
        known = secrets.of(rail)
        return ", ".join(f"{name.replace('_', ' ')} is set" for name in sorted(known)) or "none is set"

    @display(description="Settings")
    def show_config(self, rail: Rail) -> Any:
        return pretty(secrets.masked(rail.config))

    def save_model(self, request: HttpRequest, obj: Rail, form: Any, change: bool) -> None:
        entered = {"key": form.cleaned_data.get("new_key"), "webhook_secret": form.cleaned_data.get("new_webhook_secret")}
        if any(entered.values()):
            known = secrets.of(Rail.objects.get(pk=obj.pk)) if change else {}
            obj.credentials = secrets.packed(known | {name: value for name, value in entered.items() if value})
        super().save_model(request, obj, form, change)

    @action(
        description="Switch off",
        icon="power_settings_new",
        permissions=["switch"],
        dialog={
            "title": "Switch the rail off now",
            "description": "Nothing new is sent from this moment; what was sent is still asked about. Switching on again needs a second person.",
            "form_class": ReasonForm,
            "form_submit_text": "Switch off",
        },
    )
    def switch_off(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        rail = services.rail_off(rail=Rail.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.warning(request, f"{rail.name} is off.")
        return redirect(reverse("admin:settlement_rail_change", args=[object_id]))

    @action(
        description="Ask to switch on",
        icon="power",
        permissions=["switch"],
        dialog={
            "title": "Ask to switch the rail on",
            "description": "A second person decides; until then nothing is sent.",
            "form_class": ReasonForm,
            "form_submit_text": "Ask",
        },
    )
    def switch_on(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        rail = Rail.objects.get(pk=object_id)
        if rail.enabled:
            messages.info(request, f"{rail.name} is on.")
            return redirect(reverse("admin:settlement_rail_change", args=[object_id]))
        return _ask(request, "settlement.rail_on", rail, {"rail": str(rail.pk)}, form.cleaned_data["reason"])

    @action(
        description="Close the circuit",
        icon="restart_alt",
        permissions=["circuit"],
        dialog={
            "title": "Close the circuit by hand",
            "description": "The next transfers are sent at once. If the other side still fails, it opens again.",
            "form_class": ReasonForm,
            "form_submit_text": "Close it",
        },
    )
    def reset_circuit(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        rail = Rail.objects.get(pk=object_id)
        Breaker(f"rail:{rail.code}").reset(reason=form.cleaned_data["reason"])
        messages.success(request, f"The circuit of {rail.name} is closed.")
        return redirect(reverse("admin:settlement_rail_change", args=[object_id]))

    @action(
        description="Halt all rails",
        icon="front_hand",
        permissions=["switch"],
        dialog={
            "title": "Halt all rails now",
            "description": "Nothing is sent and no window closes until a second person lets them go on.",
            "form_class": ReasonForm,
            "form_submit_text": "Halt all",
        },
    )
    def halt_all(self, request: HttpRequest, form: ReasonForm) -> HttpResponse:
        services.halt_all(reason=form.cleaned_data["reason"])
        messages.warning(request, "All rails are halted.")
        return redirect(reverse("admin:settlement_rail_changelist"))

    @action(
        description="Ask to go on",
        icon="play_arrow",
        permissions=["switch"],
        dialog={
            "title": "Ask to let all rails send again",
            "description": "A second person decides; until then nothing is sent.",
            "form_class": ReasonForm,
            "form_submit_text": "Ask",
        },
    )
    def resume_all(self, request: HttpRequest, form: ReasonForm) -> HttpResponse:
        halt = Halt.objects.first()
        if halt is None:
            messages.info(request, "The rails are not halted.")
            return redirect(reverse("admin:settlement_rail_changelist"))
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            return _ask(request, "settlement.resume_all", halt, {}, form.cleaned_data["reason"])
