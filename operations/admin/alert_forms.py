"""The forms of alert rules and channels: metrics in words with their units, and refusals that say what to write instead."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import DatabaseError, transaction
from django.utils.html import format_html, format_html_join
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from operations import alerts, selectors
from operations.models import AlertChannel, AlertRule, Sla
from operations.models.alert import ChannelKind, Condition, RuleSource
from operations.templatetags.payos import words
from payos.kernel import metrics
from payos.kernel.formrows import FactsField

MOST_SHOWN = 8


def samples_now() -> list[metrics.Sample]:
    """What the metrics read now; a page of set-up must open also while one of them cannot be read."""
    try:
        with transaction.atomic():
            return alerts.samples()
    except DatabaseError:
        return []


def metric_choices(samples: list[metrics.Sample]) -> list[tuple[str, str]]:
    names = set(metrics.catalogue()) | {name for name, *_ in samples}
    shown = [(name, f"{metrics.title(name)} [{metrics.catalogue()[name][1]}]" if name in metrics.catalogue() else name) for name in names]
    return [("", "Choose a metric"), *sorted(shown, key=lambda one: one[1])]


def known_kinds() -> list[str]:
    named = set(Sla.objects.exclude(kind="").values_list("kind", flat=True)[:200])
    return sorted(named | {kind for kind, _ in selectors.facets("kind")})


class Offers(UnfoldAdminTextInputWidget):
    """Text with words to pick from."""

    def __init__(self, offers: list[tuple[str, str]], attrs: Any = None) -> None:
        super().__init__(attrs={"autocomplete": "off", **(attrs or {})})
        self.offers = offers

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        field = super().render(name, value, {**(attrs or {}), "list": f"{name}-offers"}, renderer)
        return format_html(
            '{}<datalist id="{}-offers">{}</datalist>',
            field,
            name,
            format_html_join("", '<option value="{}">{}</option>', self.offers),
        )


class AlertRuleForm(forms.ModelForm):
    metric = forms.ChoiceField(
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="In brackets its unit. What it reads now stands below once the rule is saved.",
    )
    labels = FactsField(
        required=False, label="Only where", label_name="Label", hint="such as name",
        help_text="Narrows the metric to samples with these labels, for example name = rail:ach. Empty: each sample is judged by itself.",
    )  # fmt: skip

    class Meta:
        model = AlertRule
        fields = [
            "name", "enabled", "severity", "source", "metric", "labels", "case_kind", "case_severity", "overdue_only", "condition", "threshold",
            "window_minutes", "for_minutes", "channels", "repeat_minutes", "escalate_minutes", "escalation", "quiet_from", "quiet_to", "timezone",
            "critical_breaks_quiet",
        ]  # fmt: skip
        labels = {
            "source": "Watch", "condition": "Fires when it", "window_minutes": "Window (minutes)", "for_minutes": "Must hold for (minutes)",
            "repeat_minutes": "Tell again after (minutes)", "escalate_minutes": "Escalate after (minutes)", "escalation": "Escalate to",
            "case_kind": "Kind of case", "case_severity": "From this severity on", "overdue_only": "Only overdue cases", "channels": "Tell",
            "quiet_from": "Quiet from", "quiet_to": "Quiet until", "timezone": "Time zone", "critical_breaks_quiet": "Critical breaks the quiet",
        }  # fmt: skip
        help_texts = {
            "threshold": "In the unit of the metric; a share goes from 0 to 1, so that 0.9 is 90 %. For cases: how many. Not used for an absence.",
            "window_minutes": "Only for a rise and for an absence: how far back it looks.",
            "for_minutes": "0: it fires at once.",
            "case_kind": "Empty: every kind, each told by itself. Kinds in use are offered.",
            "case_severity": "Less grave cases are not counted.",
            "channels": "Set up under Alert channels. Without one it still shows on the page of alerts.",
            "timezone": "Of the quiet hours, for example Africa/Nairobi.",
            "quiet_from": "From then on messages wait; none is dropped.",
            "quiet_to": "What waited is sent then, unless its cause is gone.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.samples = samples_now()
        kept = self.initial.get("threshold")
        if isinstance(kept, float) and kept.is_integer():
            self.initial["threshold"] = int(kept)
        if "metric" in self.fields:
            choices = metric_choices(self.samples)
            metric = self.instance.metric
            if metric and metric not in dict(choices):
                choices.append((metric, f"{metric} (not known here)"))
            self.fields["metric"].choices = choices  # type: ignore[attr-defined]
        if "case_kind" in self.fields:
            self.fields["case_kind"].widget = Offers([(kind, words(kind)) for kind in known_kinds()])

    def clean_timezone(self) -> str:
        name = self.cleaned_data["timezone"].strip()
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValidationError(
                f"There is no time zone {name!r}: write one such as UTC, Africa/Nairobi or America/Mexico_City."
            ) from error
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("source") == RuleSource.CASES:
            data |= {"metric": "", "labels": {}}
            if data.get("condition") in {Condition.RISES, Condition.ABSENT}:
                self.add_error("condition", "Cases are counted: choose above or below.")
        elif data.get("source") == RuleSource.METRIC:
            data |= {"case_kind": "", "overdue_only": False}
            self._clean_metric(data)
        if data.get("condition") in {Condition.RISES, Condition.ABSENT} and not data.get("window_minutes"):
            self.add_error("window_minutes", "A rise or an absence needs a window of at least one minute.")
        if (data.get("quiet_from") is None) != (data.get("quiet_to") is None):
            self.add_error("quiet_to" if data.get("quiet_to") is None else "quiet_from", "Quiet hours need both ends, or neither.")
        if data.get("escalate_minutes") and not data.get("escalation"):
            self.add_error("escalation", "Name a channel to escalate to, or set the minutes above to 0.")
        return data

    def _clean_metric(self, data: dict[str, Any]) -> None:
        metric = data.get("metric")
        if not metric:
            if "metric" not in self.errors:
                self.add_error("metric", "Choose what to watch.")
            return
        there = {key for name, _, labels, _ in self.samples if name == metric for key in labels}
        unknown = sorted(set(data.get("labels") or {}) - there)
        if unknown and any(name == metric for name, *_ in self.samples):
            has = f"it has {', '.join(sorted(there))}" if there else "it has none"
            self.add_error("labels", f"{metrics.title(metric)} has no label {', '.join(unknown)}: {has}.")


def reads_now(rule: AlertRule) -> list[tuple[str, str]]:
    """Where and what the rule's metric reads at this moment."""
    found = alerts.matching(samples_now(), rule.metric, rule.labels or {})
    return [
        (
            ", ".join(f"{key} = {text}" for key, text in sorted(labels.items())) or "everywhere",
            metrics.reading(name, value),
        )
        for name, _, labels, value in found[:MOST_SHOWN]
    ]


PAGER_KEY = re.compile(r"[A-Za-z0-9]{32}\Z")


class AlertChannelForm(forms.ModelForm):
    """The target is entered and then shown in part only: whoever knows it may post to it."""

    new_target = forms.CharField(
        required=False, label="Target", strip=True, max_length=2000, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="E-mail: addresses separated by commas. Slack and webhook: the address to post to. PagerDuty: the routing key of 32 characters. AWS SNS: the ARN of the topic.",
    )  # fmt: skip

    class Meta:
        model = AlertChannel
        fields = ["name", "kind", "endpoint", "enabled"]
        labels = {"endpoint": "Service address"}
        help_texts = {
            "endpoint": "Only PagerDuty and AWS SNS, and only if it is not their usual one: for example https://events.eu.pagerduty.com/v2/enqueue."
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding and "new_target" in self.fields:
            self.fields["new_target"].label = "New target"
            self.fields["new_target"].help_text = f"Empty: stays as it is. {self.fields['new_target'].help_text}"

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        kind, target = data.get("kind"), data.get("new_target") or ""
        if not target and (self.instance._state.adding or "kind" in self.changed_data):
            self.add_error(
                "new_target",
                "Say where the messages go." if self.instance._state.adding else "Another kind needs its own target.",
            )
        elif target and kind:
            said = wrong_target(kind, target)
            if said:
                self.add_error("new_target", said)
        if data.get("endpoint") and not _is_address(data["endpoint"]):
            self.add_error("endpoint", "Write a whole address that begins with https:// or http://.")
        return data

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_target"):
            self.instance.target = self.cleaned_data["new_target"]
        return super().save(commit)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def wrong_target(kind: str, target: str) -> str:
    """What is wrong with a target for this kind of channel, in words; empty when nothing is."""
    if kind == ChannelKind.EMAIL:
        for part in (part.strip() for part in target.split(",")):
            try:
                validate_email(part)
            except ValidationError:
                return f"{part or 'Between two commas there'} is no e-mail address. Separate several by commas: desk@example.com, night@example.com."
    elif kind in {ChannelKind.SLACK, ChannelKind.WEBHOOK} and not _is_address(target):
        return "Write the whole address to post to: it begins with https:// or http://."
    elif kind == ChannelKind.PAGERDUTY and not PAGER_KEY.match(target):
        return "A routing key is 32 letters and digits: PagerDuty shows it as the Integration Key of an Events API v2 integration."
    elif kind == ChannelKind.SNS and (len(target.split(":")) < 6 or not target.startswith("arn:") or target.split(":")[2] != "sns"):
        return "Write the topic's ARN: arn:aws:sns:REGION:ACCOUNT:TOPIC."
    return ""


def masked_target(channel: AlertChannel) -> str:
    """Enough to tell two channels apart, too little to post to one."""
    target = channel.target
    if channel.kind in {ChannelKind.EMAIL, ChannelKind.SNS}:
        return target
    if channel.kind in {ChannelKind.SLACK, ChannelKind.WEBHOOK}:
        parts = urlsplit(target)
        return (
            f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…{target[-4:]}"
            if len(parts.path) > 8
            else f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"
        )
    return f"…{target[-4:]}"
