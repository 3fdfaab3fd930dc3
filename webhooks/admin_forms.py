"""The forms of the endpoint pages' dialogs. What a service would refuse is said in the dialog, field by field."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from partners.models import Partner
from payos.kernel.forms import DialogForm, ReasonForm
from webhooks import services
from webhooks.models import Endpoint

MODES = [("test", "Test"), ("live", "Live")]


class EndpointFields(DialogForm):
    url = forms.CharField(label="URL", max_length=2000, widget=UnfoldAdminTextInputWidget)
    event_types = forms.CharField(
        initial="*", widget=UnfoldAdminTextInputWidget, help_text="Separated by spaces, for example transfer.* payment.recorded"
    )
    description = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)
    rate_limit = forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget, help_text="Requests a second; empty: no limit")
    ordered = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, help_text="Events of one subject in order")
    notify_emails = forms.CharField(
        required=False, label="E-mail", widget=UnfoldAdminTextInputWidget,
        help_text="Who is told when it is switched off because it fails; separated by spaces",
    )  # fmt: skip

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "url": given["url"].strip(),
            "event_types": given["event_types"].split(),
            "description": given["description"],
            "rate_limit": given["rate_limit"],
            "ordered": given["ordered"],
            "notify_emails": given["notify_emails"].split(),
        }

    def live(self) -> bool:
        raise AssertionError("each form says in which mode its endpoint is")

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.errors:
            for error in services.check(self.values(), livemode=self.live()):
                self.add_error(error["pointer"].split("/")[1], error["detail"])
        return cleaned


class NewEndpointForm(EndpointFields):
    partner = forms.ModelChoiceField(queryset=Partner.objects.filter(active=True), widget=UnfoldAdminSelectWidget)
    mode = forms.ChoiceField(choices=MODES, widget=UnfoldAdminSelectWidget)
    field_order = ["partner", "mode"]

    def live(self) -> bool:
        return self.cleaned_data.get("mode") == "live"


class ChangeEndpointForm(EndpointFields):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.endpoint = Endpoint.objects.filter(pk=self.object_id).first()
        if self.endpoint is not None:
            for name in ("url", "description", "rate_limit", "ordered"):
                self.fields[name].initial = getattr(self.endpoint, name)
            self.fields["event_types"].initial = " ".join(self.endpoint.event_types)
            self.fields["notify_emails"].initial = " ".join(self.endpoint.notify_emails)

    def live(self) -> bool:
        return self.endpoint is not None and self.endpoint.livemode


class EnableForm(ReasonForm):
    replay = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Send what it missed")


class ReplayForm(ReasonForm):
    status = forms.ChoiceField(
        choices=[("dead", "Dead"), ("discarded", "Discarded"), ("delivered", "Delivered"), ("", "All of them")],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    hours = forms.IntegerField(min_value=1, max_value=720, initial=24, widget=UnfoldAdminIntegerFieldWidget, label="Of the last hours")
    include_missed = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget, help_text="Also events it was never sent")
