"""Window rules: edited with the next ten windows beside them, imported and exported as JSON."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from operations.pages import needs as page_needs
from operations.services import request_approval
from partners.models import Partner
from payos.kernel import clock
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs
from payos.kernel.errors import Problem
from payos.kernel.forms import DialogForm, ReasonForm
from settlement import services, snapshot, windows
from settlement.admin.html import link, table
from settlement.admin.rail_form import ListField
from settlement.models import SettlementWindow, WindowRule

EXAMPLE = '{"pix": {"frequency": "hourly", "cutoff_hour": 17, "timezone": "America/Sao_Paulo"}}'


class RuleForm(forms.ModelForm):
    times = ListField(required=False, help_text="HH:MM separated by commas, by the clock of the time zone.")

    class Meta:
        model = WindowRule
        fields = [
            "rail",
            "partner",
            "frequency",
            "times",
            "first_hour",
            "cutoff_hour",
            "timezone",
            "calendar",
            "bank_deadline_minutes",
            "active",
        ]

    def clean_times(self) -> list[str]:
        times = self.cleaned_data["times"]
        try:
            return [f"{hour:02}:{minute:02}" for hour, minute in sorted({windows.parse_time(text) for text in times})]
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None

    def clean_timezone(self) -> str:
        try:
            clock.tz(self.cleaned_data["timezone"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None
        return self.cleaned_data["timezone"]

    def clean(self) -> Any:
        data = super().clean() or {}
        if data.get("frequency") == "times" and not data.get("times"):
            self.add_error("times", "Name at least one time.")
        first, last = data.get("first_hour"), data.get("cutoff_hour")
        if first is not None and last is not None and not 0 <= first <= last <= 23:
            self.add_error("cutoff_hour", "The hours lie between 0 and 23, the first before the last.")
        if not self.errors:
            try:
                services.check_rule(WindowRule(**{name: data[name] for name in data if name != "partner"}))
            except Problem as problem:
                raise forms.ValidationError(problem.detail) from None
        return data


class ImportForm(DialogForm):
    partner = forms.ModelChoiceField(
        queryset=Partner.objects.filter(active=True), required=False, widget=UnfoldAdminSelectWidget, help_text="Empty: for all partners."
    )
    rules = forms.JSONField(widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}), help_text=f"For example {EXAMPLE}")


@admin.register(WindowRule)
class WindowRuleAdmin(PayosModelAdmin):
    empty_words = (
        "A rule says when a rail settles: at once, every hour, at given times or at the end of the day. Without one, nothing leaves."
    )
    form = RuleForm
    list_display = ["rail", "show_partner", "frequency", "show_times", "timezone", "calendar", "show_next", "active"]
    list_filter = ["active", "frequency", "rail"]
    list_select_related = ["rail", "partner"]
    search_fields = ["rail__code", "rail__name", "partner__name"]
    readonly_fields = ["show_windows"]
    actions_list = ["import_json", "export_json"]
    actions_detail = ["close_now"]
    has_edit_permission = needs("settlement.change_windowrule")
    has_look_permission = needs("settlement.view_windowrule")
    has_override_permission = needs("settlement.manage_settlement")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*RuleForm.Meta.fields, "show_windows"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["show_windows", *(["rail", "partner"] if obj else [])]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [
            path("preview/", site(require_GET(self.preview)), name="settlement_windowrule_preview"),
            path("export/", site(require_GET(self.export)), name="settlement_windowrule_export"),
            *super().get_urls(),
        ]

    @display(description="Partner")
    def show_partner(self, rule: WindowRule) -> str:
        return str(rule.partner) if rule.partner_id else "all partners"

    @display(description="Closes")
    def show_times(self, rule: WindowRule) -> str:
        if rule.frequency == "hourly":
            return f"{rule.first_hour:02}:00 to {rule.cutoff_hour:02}:00"
        return ", ".join(rule.times) or ("23:59" if rule.frequency == "end_of_day" else "at once")

    @display(description="Next window")
    def show_next(self, rule: WindowRule) -> str:
        if rule.frequency == "continuous":
            return "at once"
        return f"{services.next_window(rule).astimezone(clock.tz(rule.timezone)):%a %Y-%m-%d %H:%M}"

    @display(description="Next ten windows")
    def show_windows(self, rule: WindowRule) -> Any:
        # Fetched again with every change of the form, so that it shows the rule as it would be kept.
        return format_html(
            '<div hx-get="{}" hx-trigger="change from:closest form delay:200ms" hx-include="closest form">{}</div>',
            reverse("admin:settlement_windowrule_preview"),
            _windows(rule) if rule and rule.rail_id else "Choose a rail and a frequency.",
        )

    @page_needs("settlement.view_windowrule")
    def preview(self, request: HttpRequest) -> HttpResponse:
        get = request.GET
        times = [part.strip() for part in get.get("times", "").split(",") if part.strip()]
        try:
            rule = WindowRule(
                frequency=get.get("frequency", "hourly"), times=[":".join(f"{n:02}" for n in windows.parse_time(t)) for t in times],
                first_hour=int(get.get("first_hour") or 0), cutoff_hour=int(get.get("cutoff_hour") or 23), timezone=get.get("timezone", "UTC"),
                calendar=get.get("calendar", "NONE"), bank_deadline_minutes=int(get.get("bank_deadline_minutes") or 0),
            )  # fmt: skip
            if rule.frequency not in dict(WindowRule._meta.get_field("frequency").choices or []):
                raise ValueError(f"{rule.frequency!r} is no frequency")
            if rule.calendar not in dict(WindowRule._meta.get_field("calendar").choices or []):
                raise ValueError(f"{rule.calendar!r} is no calendar")
            if not 0 <= rule.first_hour <= rule.cutoff_hour <= 23:
                raise ValueError("the hours lie between 0 and 23, the first before the last")
            return HttpResponse(str(_windows(rule)))
        except (ValueError, OverflowError) as error:
            return HttpResponse(format_html("<p>No preview: {}.</p>", error))

    def save_model(self, request: HttpRequest, obj: WindowRule, form: Any, change: bool) -> None:
        services.rule_save(rule=obj)

    @action(
        description="Import JSON",
        icon="upload",
        permissions=["edit"],
        dialog={
            "title": "Import window rules",
            "description": "One rule per rail. Rails that are not named keep theirs; nothing is kept if any rule has a fault.",
            "form_class": ImportForm,
            "form_submit_text": "Import",
        },
    )
    def import_json(self, request: HttpRequest, form: ImportForm) -> HttpResponse:
        rules = services.import_rules(config=form.cleaned_data["rules"], partner=form.cleaned_data["partner"])
        messages.success(request, f"{len(rules)} rules imported: {', '.join(rule.rail.code for rule in rules)}.")
        return redirect(reverse("admin:settlement_windowrule_changelist"))

    @action(description="Export JSON", icon="download", permissions=["look"])
    def export_json(self, request: HttpRequest) -> HttpResponse:
        return redirect(reverse("admin:settlement_windowrule_export"))

    @page_needs("settlement.view_windowrule")
    def export(self, request: HttpRequest) -> HttpResponse:
        partner = Partner.objects.filter(slug=request.GET["partner"]).first() if request.GET.get("partner") else None
        response = JsonResponse(services.export_rules(partner=partner), json_dumps_params={"indent": 2})
        response["Content-Disposition"] = 'attachment; filename="window-rules.json"'
        return response

    @action(
        description="Ask to close now",
        icon="bolt",
        permissions=["override"],
        dialog={
            "title": "Close the window now, out of turn",
            "description": "What waits for this rule is sent as soon as a second person agrees.",
            "form_class": ReasonForm,
            "form_submit_text": "Ask",
        },
    )
    def close_now(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        rule = WindowRule.objects.get(pk=object_id)
        approval = request_approval(
            action="settlement.window_override", subject=rule, params={"rule": str(rule.pk)}, reason=form.cleaned_data["reason"],
            requested_by=request.user, partner_id=rule.partner_id,
        )  # fmt: skip
        messages.success(request, "Asked for. A second person decides.")
        return redirect(reverse("admin:operations_approval_change", args=[approval.pk]))


def _windows(rule: WindowRule) -> Any:
    zone = clock.tz(rule.timezone)
    closings = services.preview(rule)
    if not closings:
        return "Every transfer goes at once."
    from datetime import timedelta

    deadline = timedelta(minutes=rule.bank_deadline_minutes)
    return table(
        [f"Closes ({rule.timezone})", "UTC", "Deadline of the bank"],
        (
            [f"{at.astimezone(zone):%a %Y-%m-%d %H:%M %Z}", f"{at:%Y-%m-%d %H:%M}", f"{(at + deadline).astimezone(zone):%H:%M}"]
            for at in closings
        ),
    )


@admin.register(SettlementWindow)
class SettlementWindowAdmin(ReadOnlyModelAdmin):
    empty_words = "Windows are listed here once they have closed; the calendar shows those to come."
    list_display = ["public_id", "rail", "closes_at", "closed_at", "transfers", "override_reason"]
    list_filter = ["rail"]
    list_select_related = ["rail"]
    date_hierarchy = "closes_at"
    search_fields = ["rail__code"]
    fields = ["public_id", "rail", "show_rule", "closes_at", "closed_at", "transfers", "override_reason", "show_batches"]

    @display(description="Rule")
    def show_rule(self, window: SettlementWindow) -> Any:
        rule = snapshot.rule_of(window.rule)
        return link(reverse("admin:settlement_windowrule_change", args=[window.rule_id]), f"{rule.frequency}, {rule.timezone}")

    @display(description="Settlement batches")
    def show_batches(self, window: SettlementWindow) -> Any:
        from payos.kernel.money import display as money

        return table(
            ["Batch", "Partner", "Transfers", "Amount", "State"],
            (
                [
                    link(reverse("admin:settlement_settlementbatch_change", args=[b.pk]), b.public_id),
                    b.partner,
                    b.count,
                    money(b.amount_minor, b.currency),
                    b.get_state_display(),
                ]
                for b in window.batches.select_related("partner")[:200]
            ),  # fmt: skip
        )
