"""Alerts: rules, channels with their test button, and what fires."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from operations import alerts
from operations.admin.alert_forms import AlertChannelForm, AlertRuleForm, masked_target, reads_now
from operations.models import Alert, AlertChannel, AlertNotice, AlertRule
from operations.templatetags.payos import span, spoken, stamp
from payos.kernel import metrics
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.forms import DialogForm


def sentence(text: str) -> str:
    """An answer of a receiver as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


SEVERITY = {"Critical": "danger", "High": "warning", "Medium": "info", "Low": "default"}
EVENTS = {
    "trigger": "It fires",
    "repeat": "It still fires",
    "escalate": "Escalated",
    "acknowledge": "Acknowledged",
    "resolve": "It is over",
}
MOST_TOLD = 40
STATE = {"Firing": "danger", "Acknowledged": "warning", "Resolved": "success"}


@admin.register(AlertRule)
class AlertRuleAdmin(PayosModelAdmin):
    form = AlertRuleForm
    empty_words = "A rule watches a metric or the cases and tells people through alert channels when it crosses a line."
    list_display = ["name", "show_watched", "show_fires", "show_severity", "show_repeat", "enabled"]
    list_filter = ["enabled", "source", "severity"]
    search_fields = ["name", "metric", "case_kind"]
    search_help_text = "Name, metric or kind of case"
    autocomplete_fields = ["channels", "escalation"]
    fieldsets = (
        (None, {"fields": ("name", "enabled", "severity")}),
        (
            "What to watch",
            {"fields": ("source", "metric", "labels", "case_kind", "case_severity", "overdue_only", "show_now")},
        ),
        ("When it fires", {"fields": ("condition", "threshold", "window_minutes", "for_minutes")}),
        ("Whom to tell", {"fields": ("channels", "repeat_minutes", "escalate_minutes", "escalation")}),
        ("Quiet hours", {"fields": ("quiet_from", "quiet_to", "timezone", "critical_breaks_quiet")}),
    )
    readonly_fields = ["show_now"]
    conditional_fields = {
        "metric": "source == 'metric'",
        "labels": "source == 'metric'",
        "case_kind": "source == 'cases'",
        "case_severity": "source == 'cases'",
        "overdue_only": "source == 'cases'",
        "window_minutes": "condition == 'rises' || condition == 'absent'",
        "threshold": "condition != 'absent'",
    }

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Who only reads sees words where the form has fields."""
        if obj is None:
            return [
                (title, {"fields": [name for name in options["fields"] if name != "show_now"]})
                for title, options in super().get_fieldsets(request, obj)
            ]
        if self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        words = {"metric": "show_watched", "labels": "show_labels"}
        return [
            (title, {"fields": [words.get(name, name) for name in options["fields"]]})
            for title, options in super().get_fieldsets(request, obj)
        ]

    @display(description="Reads now")
    def show_now(self, rule: AlertRule) -> Any:
        if rule.source != "metric":
            return "The exception queue shows its cases."
        rows = reads_now(rule)
        return (
            format_html_join("", "<div>{}: <strong>{}</strong></div>", rows)
            if rows
            else "No sample now: nothing of that kind happened lately."
        )

    @display(description="Only where")
    def show_labels(self, rule: AlertRule) -> str:
        return ", ".join(f"{name} = {value}" for name, value in (rule.labels or {}).items()) or "everywhere"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Watches", ordering="metric")
    def show_watched(self, rule: AlertRule) -> str:
        if rule.source == "metric":
            where = f" ({self.show_labels(rule)})" if rule.labels else ""
            return metrics.title(rule.metric) + where
        return f"unresolved cases{' of ' + spoken(rule.case_kind) if rule.case_kind else ''}{', overdue' if rule.overdue_only else ''}"

    @display(description="Fires when it")
    def show_fires(self, rule: AlertRule) -> str:
        held = f" for {rule.for_minutes} min" if rule.for_minutes else ""
        line = metrics.reading(rule.metric, rule.threshold) if rule.source == "metric" else format(rule.threshold, ",g")
        return f"{rule.get_condition_display().replace('the threshold', line).replace('the window', f'{rule.window_minutes} min').replace('the whole window', f'{rule.window_minutes} min')}{held}"

    @display(description="Told again after", ordering="repeat_minutes")
    def show_repeat(self, rule: AlertRule) -> str:
        return span(timedelta(minutes=rule.repeat_minutes)) if rule.repeat_minutes else "never"

    @display(description="Severity", label=SEVERITY)
    def show_severity(self, rule: AlertRule) -> str:
        return rule.get_severity_display()


@admin.register(AlertChannel)
class AlertChannelAdmin(PayosModelAdmin):
    empty_words = "Rules tell people through channels: e-mail, Slack, PagerDuty, AWS SNS or a webhook. Add one, then send a test."
    form = AlertChannelForm
    list_display = ["name", "kind", "show_target", "show_last", "enabled"]
    list_filter = ["kind", "enabled"]
    search_fields = ["name"]
    search_help_text = "Name"
    fields = ["name", "kind", "show_target", "new_target", "endpoint", "enabled", "show_last"]
    readonly_fields = ["show_target", "show_last"]
    actions_detail = ["send_test"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return ["name", "kind", "new_target", "endpoint", "enabled"]
        hidden = set() if self.has_change_permission(request, obj) else {"new_target"}
        return [name for name in self.fields if name not in hidden]

    @display(description="Goes to")
    def show_target(self, channel: AlertChannel) -> str:
        return masked_target(channel)

    @display(description="Last message")
    def show_last(self, channel: AlertChannel) -> str:
        last = channel.notices.exclude(attempts=0).order_by("-id").first()
        if last is None:
            return "none yet"
        return f"{last.get_state_display()} ({last.answer})" if last.answer else last.get_state_display()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_test_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("operations.manage_alert")  # type: ignore[union-attr]

    @action(
        description="Send a test",
        icon="send",
        permissions=["test"],
        dialog={
            "title": "Send a test",
            "description": "One message goes to this channel now.",
            "form_class": DialogForm,
            "form_submit_text": "Send",
        },
    )
    def send_test(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        channel = AlertChannel.objects.get(pk=object_id)
        answer = alerts.test_channel(channel=channel)
        (messages.success if answer.ok else messages.error)(
            request, f"{channel}: {'the test was taken' if answer.ok else 'the test did not arrive'}. {sentence(answer.text)}"
        )
        return redirect(reverse("admin:operations_alertchannel_change", args=[object_id]))


@admin.register(Alert)
class AlertAdmin(ReadOnlyModelAdmin):
    empty_words = "Nothing fires. What should fire is set under Alert rules."
    list_display = ["summary", "show_severity", "show_state", "since", "told_at", "acknowledged_by"]
    list_filter = ["state", "severity", "rule"]
    list_select_related = ["rule", "acknowledged_by"]
    search_fields = ["summary", "cause"]
    search_help_text = "Words of the summary"
    ordering = ["-id"]
    actions_detail = ["acknowledge"]
    fieldsets = (
        (None, {"fields": ("summary", "rule", "show_severity", "show_state", "show_value", "show_look")}),
        ("When", {"fields": ("since", "fired_at", "last_seen_at", "escalated_at", "acknowledged_at", "acknowledged_by", "resolved_at")}),
        ("Who was told", {"fields": ("show_told",)}),
    )
    readonly_fields = ("show_severity", "show_state", "show_value", "show_look", "show_told")

    @display(description="Last reading")
    def show_value(self, alert: Alert) -> str:
        return metrics.reading(alert.rule.metric, alert.value) if alert.rule.source == "metric" else f"{alert.value:,g}"

    @display(description="Where to look")
    def show_look(self, alert: Alert) -> Any:
        if alert.rule.source != "cases":
            return alert.cause.replace("=", " = ").replace(",", ", ") or "everywhere"
        kind = alert.cause.partition(":")[2]
        return format_html(
            '<a href="{}?kind={}" class="text-primary-600 underline">{}</a>',
            reverse("admin:operations_case_changelist"),
            kind,
            f"The cases of kind {spoken(kind)}" if kind else "The exception queue",
        )

    @display(description="Messages")
    def show_told(self, alert: Alert) -> Any:
        rows = [
            (
                EVENTS.get(one.event, one.event),
                str(one.channel),
                one.get_state_display(),
                stamp(one.sent_at or one.due_at),
                one.answer or "–",
            )
            for one in alert.notices.select_related("channel").order_by("-id")[:MOST_TOLD]
        ]
        if not rows:
            return "Nobody: the rule names no channel." if not alert.rule.channels.exists() else "Nobody yet."
        body = format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", rows)
        return format_html(
            '<table class="payos-facts"><thead><tr><th>Message</th><th>To</th><th>State</th><th>At</th><th>Answer</th></tr></thead><tbody>{}</tbody></table>',
            body,
        )

    @display(description="Severity", label=SEVERITY)
    def show_severity(self, alert: Alert) -> str:
        return alert.get_severity_display()

    @display(description="State", label=STATE)
    def show_state(self, alert: Alert) -> str:
        return alert.get_state_display()

    def has_acknowledge_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """What nobody has to see any more offers no button; who pressed one a second too late is told by the service."""
        if object_id is not None:
            there = Alert.objects.filter(pk=object_id)
            if not (there if request.method == "POST" else there.filter(state="firing")).exists():
                return False
        return request.user.has_perm("operations.work_case") or request.user.has_perm("operations.manage_alert")  # type: ignore[union-attr]

    @action(
        description="Acknowledge",
        icon="done",
        permissions=["acknowledge"],
        dialog={
            "title": "Acknowledge",
            "description": "You have seen it: it is not escalated.",
            "form_class": DialogForm,
            "form_submit_text": "Acknowledge",
        },
    )
    def acknowledge(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        alerts.acknowledge(alert=Alert.objects.get(pk=object_id), user=request.user)
        messages.success(request, "Acknowledged.")
        return redirect(reverse("admin:operations_alert_change", args=[object_id]))


@admin.register(AlertNotice)
class AlertNoticeAdmin(ReadOnlyModelAdmin):
    empty_words = "Messages about alerts are listed here as they are sent, each with what the receiver answered."
    list_display = ["alert", "channel", "show_event", "state", "attempts", "sent_at", "answer"]
    list_filter = ["state", "event", "channel"]
    list_select_related = ["alert", "channel"]
    ordering = ["-id"]

    @display(description="Message", ordering="event")
    def show_event(self, notice: AlertNotice) -> str:
        return EVENTS.get(notice.event, notice.event)
