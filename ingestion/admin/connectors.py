"""Console pages of connectors: what fetches files and messages for us, and what each of its runs found."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from ingestion import services
from ingestion.admin.files import profile_choices
from ingestion.connectors import ConnectorError
from ingestion.models import Connector, ConnectorRun
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs
from payos.kernel.forms import DialogForm


class ConnectorForm(forms.ModelForm):
    """The secret is written here and never shown again; left empty it stays as it is."""

    profile_name = forms.ChoiceField(required=False, choices=profile_choices, widget=UnfoldAdminSelectWidget, label="Mapping profile", help_text="For CSV, XLSX and JSON; its version of the day is used.")
    new_secret = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget(attrs={"type": "password", "autocomplete": "off"}),
                                 help_text="Password, private key or token. Empty: keep what is there.")  # fmt: skip

    class Meta:
        model = Connector
        fields = ["partner", "name", "kind", "config", "format", "profile_name", "every_minutes", "alert_after", "active"]

    def save(self, commit: bool = True) -> Any:
        if self.cleaned_data.get("new_secret"):
            self.instance.secret = self.cleaned_data["new_secret"]
        return super().save(commit)


@admin.register(Connector)
class ConnectorAdmin(PayosModelAdmin):
    form = ConnectorForm
    list_display = ["name", "kind", "partner", "show_health", "last_run_at", "next_run_at", "show_last", "active"]
    list_filter = ["kind", "active"]
    list_select_related = ["partner"]
    search_fields = ["name"]
    fields = ["partner", "name", "kind", "config", "new_secret", "format", "profile_name", "every_minutes", "alert_after", "active"]
    actions_detail = ["try_it", "run_now"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Health", label={"works": "success", "failing": "danger", "never ran": "info"})
    def show_health(self, connector: Connector) -> str:
        return "failing" if connector.failures else "works" if connector.last_run_at else "never ran"

    @display(description="Last run")
    def show_last(self, connector: Connector) -> str:
        return str(connector.runs.first() or "")

    has_work_permission = needs("ingestion.work_connector")

    @action(
        description="Test", icon="network_check", permissions=["work"],
        dialog={"title": "Test the connection", "description": "Reaches the other side; nothing is fetched.", "form_class": DialogForm, "form_submit_text": "Test"},
    )  # fmt: skip
    def try_it(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        try:
            messages.success(request, services.test_connector(connector=Connector.objects.get(pk=object_id)))
        except ConnectorError as error:
            messages.error(request, f"It does not work: {error}.")
        return redirect(reverse("admin:ingestion_connector_change", args=[object_id]))

    @action(
        description="Run now", icon="play_arrow", permissions=["work"],
        dialog={"title": "Run now", "description": "Fetches and reads what is new.", "form_class": DialogForm, "form_submit_text": "Run"},
    )  # fmt: skip
    def run_now(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        run = services.run_connector(connector=Connector.objects.get(pk=object_id))
        (messages.error if run.error else messages.success)(request, str(run))
        return redirect(reverse("admin:ingestion_connector_change", args=[object_id]))


@admin.register(ConnectorRun)
class ConnectorRunAdmin(ReadOnlyModelAdmin):
    list_display = ["started_at", "connector", "found", "fresh", "quarantined", "error"]
    list_filter = ["connector"]
    list_select_related = ["connector"]
    date_hierarchy = "started_at"
