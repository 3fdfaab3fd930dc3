"""Alerts: rules, channels with their test button, and what fires."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display

from operations import alerts
from operations.models import Alert, AlertChannel, AlertNotice, AlertRule
from operations.templatetags.payos import span, spoken
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.forms import DialogForm

SEVERITY = {"Critical": "danger", "High": "warning", "Medium": "info", "Low": "default"}
STATE = {"Firing": "danger", "Acknowledged": "warning", "Resolved": "success"}


@admin.register(AlertRule)
class AlertRuleAdmin(PayosModelAdmin):
    list_display = ["name", "show_watched", "show_fires", "show_severity", "show_repeat", "enabled"]
    list_filter = ["enabled", "source", "severity"]
    search_fields = ["name", "metric", "case_kind"]
    search_help_text = "Name, metric or kind of case"
    autocomplete_fields = ["channels", "escalation"]
    fieldsets = (
        (None, {"fields": ("name", "enabled", "severity")}),
        ("What to watch", {"fields": ("source", "metric", "labels", "case_kind", "case_severity", "overdue_only")}),
        ("When it fires", {"fields": ("condition", "threshold", "window_minutes", "for_minutes")}),
        ("Whom to tell", {"fields": ("channels", "repeat_minutes", "escalate_minutes", "escalation")}),
        ("Quiet hours", {"fields": ("quiet_from", "quiet_to", "timezone", "critical_breaks_quiet")}),
    )
    conditional_fields = {
        "metric": "source == 'metric'",
        "labels": "source == 'metric'",
        "case_kind": "source == 'cases'",
        "case_severity": "source == 'cases'",
        "overdue_only": "source == 'cases'",
    }

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Watches", ordering="metric")
    def show_watched(self, rule: AlertRule) -> str:
        if rule.source == "metric":
            return rule.metric
        return f"unresolved cases{' of ' + spoken(rule.case_kind) if rule.case_kind else ''}{', overdue' if rule.overdue_only else ''}"

    @display(description="Fires when it")
    def show_fires(self, rule: AlertRule) -> str:
        held = f" for {rule.for_minutes} min" if rule.for_minutes else ""
        return f"{rule.get_condition_display().replace('the threshold', format(rule.threshold, ',g'))}{held}"

    @display(description="Told again after", ordering="repeat_minutes")
    def show_repeat(self, rule: AlertRule) -> str:
        return span(timedelta(minutes=rule.repeat_minutes)) if rule.repeat_minutes else "never"

    @display(description="Severity", label=SEVERITY)
    def show_severity(self, rule: AlertRule) -> str:
        return rule.get_severity_display()


@admin.register(AlertChannel)
class AlertChannelAdmin(PayosModelAdmin):
    empty_words = "Rules tell people through channels: e-mail, Slack, PagerDuty, AWS SNS or a webhook. Add one, then send a test."
    list_display = ["name", "kind", "enabled"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name"]
    actions_detail = ["send_test"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_test_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("operations.manage_alert")  # type: ignore[union-attr]

    @action(
        description="Send a test",
        icon="send",
        permissions=["test"],
        dialog={"title": "Send a test", "description": "One message goes to this channel now.", "form_class": DialogForm, "form_submit_text": "Send"},
    )
    def send_test(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        channel = AlertChannel.objects.get(pk=object_id)
        answer = alerts.test_channel(channel=channel)
        (messages.success if answer.ok else messages.error)(request, f"{channel}: {answer.text}")
        return redirect(reverse("admin:operations_alertchannel_change", args=[object_id]))


@admin.register(Alert)
class AlertAdmin(ReadOnlyModelAdmin):
    empty_words = "Nothing fires. What should fire is set under Alert rules."
    list_display = ["summary", "show_severity", "show_state", "since", "told_at", "acknowledged_by"]
    list_filter = ["state", "severity", "rule"]
    list_select_related = ["rule", "acknowledged_by"]
    search_fields = ["summary", "cause"]
    ordering = ["-id"]
    actions_detail = ["acknowledge"]

    @display(description="Severity", label=SEVERITY)
    def show_severity(self, alert: Alert) -> str:
        return alert.get_severity_display()

    @display(description="State", label=STATE)
    def show_state(self, alert: Alert) -> str:
        return alert.get_state_display()

    def has_acknowledge_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("operations.work_case") or request.user.has_perm("operations.manage_alert")  # type: ignore[union-attr]

    @action(
        description="Acknowledge",
        icon="done",
        permissions=["acknowledge"],
        dialog={"title": "Acknowledge", "description": "You have seen it: it is not escalated.", "form_class": DialogForm, "form_submit_text": "Acknowledge"},
    )
    def acknowledge(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        alerts.acknowledge(alert=Alert.objects.get(pk=object_id), user=request.user)
        messages.success(request, "Acknowledged.")
        return redirect(reverse("admin:operations_alert_change", args=[object_id]))


@admin.register(AlertNotice)
class AlertNoticeAdmin(ReadOnlyModelAdmin):
    list_display = ["alert", "channel", "event", "state", "attempts", "sent_at", "answer"]
    list_filter = ["state", "event", "channel"]
    list_select_related = ["alert", "channel"]
    ordering = ["-id"]
