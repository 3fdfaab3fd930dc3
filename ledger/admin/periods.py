"""Periods: closed here by whoever may, and opened again when a second person approves."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSingleDateWidget, UnfoldAdminTextInputWidget

from ledger import reopening, services
from ledger.models import Period
from partners.models import Partner
from payos.kernel import clock
from payos.kernel.admin import ReadOnlyModelAdmin, needs
from payos.kernel.forms import DialogForm, ReasonForm


def _partners() -> list[tuple[str, str]]:
    return [
        ("", "The platform's own book"),
        *((str(key), name) for key, name in Partner.objects.order_by("name").values_list("pk", "name")[:500]),
    ]


class CloseForm(DialogForm):
    partner = forms.ChoiceField(choices=_partners, required=False, widget=UnfoldAdminSelectWidget)
    mode = forms.ChoiceField(choices=[("test", "Test"), ("live", "Live")], widget=UnfoldAdminSelectWidget)
    first_day = forms.DateField(widget=UnfoldAdminSingleDateWidget)
    last_day = forms.DateField(widget=UnfoldAdminSingleDateWidget, help_text="The last day of the period, in UTC.")
    note = forms.CharField(max_length=300, required=False, widget=UnfoldAdminTextInputWidget)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        first, last = data.get("first_day"), data.get("last_day")
        if first and last and last < first:
            raise forms.ValidationError("The last day comes before the first.")
        if last and last >= clock.today():
            raise forms.ValidationError("A period is closed after it has ended: choose a last day before today.")
        return data


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@admin.register(Period)
class PeriodAdmin(ReadOnlyModelAdmin):
    list_display = ["show_span", "partner", "show_mode", "show_state", "closed_at", "note"]
    list_select_related = ["partner"]
    list_filter = ["livemode", "partner"]
    fields = ["partner", "livemode", "starts_at", "ends_at", "closed_at", "note"]
    ordering = ["-ends_at"]
    actions_list = ["close_period"]
    empty_words = "No period is closed: everything can still be posted to its own day."
    actions_row = ["reopen_row"]
    actions_detail = ["reopen"]

    has_manage_permission = needs("ledger.manage_period")
    has_ask_permission = needs("operations.request_approval")

    @display(description="Period", header=True)
    def show_span(self, period: Period) -> list[str]:
        return [f"{period.starts_at:%Y-%m-%d} to {period.ends_at - timedelta(days=1):%Y-%m-%d}", period.public_id]

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, period: Period) -> str:
        return "Live" if period.livemode else "Test"

    @display(description="State", label={"Closed": "warning", "Open again": "success"})
    def show_state(self, period: Period) -> str:
        return "Closed" if period.closed_at else "Open again"

    @action(
        description="Close a period",
        icon="lock",
        permissions=["manage"],
        dialog={
            "title": "Close a period",
            "form_class": CloseForm,
            "form_submit_text": "Close",
            "description": "Nothing effective in it can be posted any more; reversals go to the open period. Opening it again needs a second person.",
        },
    )
    def close_period(self, request: HttpRequest, form: CloseForm, object_id: Any = None) -> HttpResponse:
        data = form.cleaned_data
        period = services.period_close(
            partner_id=Partner.objects.get(pk=data["partner"]).pk if data["partner"] else None,
            livemode=data["mode"] == "live",
            starts_at=_midnight(data["first_day"]),
            ends_at=_midnight(data["last_day"]) + timedelta(days=1),
            note=data["note"],
        )
        return self._done(request, f"The period {period} is closed.")

    @action(
        description="Ask to reopen",
        url_path="reopen-row",
        permissions=["ask"],
        dialog={
            "title": "Open the period again",
            "form_class": ReasonForm,
            "form_submit_text": "Ask",
            "description": "Somebody else must approve it.",
        },
    )
    def reopen_row(self, request: HttpRequest, form: ReasonForm, object_id: Any) -> HttpResponse:
        return self._reopen(request, form, object_id)

    @action(
        description="Ask to reopen",
        url_path="reopen",
        icon="lock_open",
        permissions=["ask"],
        dialog={
            "title": "Open the period again",
            "form_class": ReasonForm,
            "form_submit_text": "Ask",
            "description": "Somebody else must approve it.",
        },
    )
    def reopen(self, request: HttpRequest, form: ReasonForm, object_id: Any) -> HttpResponse:
        return self._reopen(request, form, object_id)

    def _reopen(self, request: HttpRequest, form: ReasonForm, object_id: Any) -> HttpResponse:
        period = Period.objects.get(pk=object_id)
        return self._done(request, reopening.ask(period=period, reason=form.cleaned_data["reason"], requested_by=request.user))

    def _done(self, request: HttpRequest, said: str) -> HttpResponse:
        messages.success(request, said)
        return redirect(reverse("admin:ledger_period_changelist"))
