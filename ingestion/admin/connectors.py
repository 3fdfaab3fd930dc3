"""Console pages of connectors: what fetches files and messages for us, and what each of its runs found."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display

from ingestion import services
from ingestion.admin.connectorform import form_for
from ingestion.connectors import KINDS, ConnectorError, settings_of
from ingestion.models import Connector, ConnectorRun
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs
from payos.kernel.forms import DialogForm
from payos.kernel.reading import facts


@admin.register(Connector)
class ConnectorAdmin(PayosModelAdmin):
    list_display = ["name", "kind", "partner", "show_health", "last_run_at", "next_run_at", "show_last", "active"]
    list_filter = ["kind", "active"]
    list_select_related = ["partner"]
    search_fields = ["name"]
    empty_words = "Add one to let files come by themselves: from a folder, an SFTP server, a mailbox or an address."
    readonly_fields = ["show_kind", "show_config", "show_health", "last_run_at", "next_run_at", "show_history"]
    actions_detail = ["try_it", "run_now"]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """First of what kind, for each asks for other things."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if self._kind(request, None):
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "kinds": [(kind, each.TITLE, each.ABOUT) for kind, each in KINDS.items()],
            "title": "Add a connector",
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "ingestion/connector_kinds.html", context)

    def _kind(self, request: HttpRequest, connector: Connector | None) -> str:
        kind = connector.kind if connector else request.POST.get("kind") or request.GET.get("kind", "")
        return kind if kind in KINDS else ""

    def get_form(self, request: HttpRequest, obj: Connector | None = None, change: bool = False, **options: Any) -> Any:
        options["form"] = form_for(self._kind(request, obj))
        return super().get_form(request, obj, change=change, **options)

    def get_fieldsets(self, request: HttpRequest, obj: Connector | None = None) -> Any:
        kind = self._kind(request, obj)
        if not self.has_change_permission(request, obj) and obj is not None:
            return [
                (
                    None,
                    {
                        "fields": [
                            "partner",
                            "name",
                            "show_kind",
                            "show_config",
                            "format",
                            "profile_name",
                            "every_minutes",
                            "alert_after",
                            "active",
                        ]
                    },
                ),
                self._runs,
            ]
        secret = ["new_secret"] if KINDS[kind].CREDENTIAL else []
        return [
            (None, {"fields": ["partner", "name", *(["show_kind"] if obj else ["kind"]), "active"]}),
            (
                KINDS[kind].TITLE,
                {"description": KINDS[kind].ABOUT, "fields": [*(f"set_{setting.name}" for setting in settings_of(kind)), *secret]},
            ),
            ("How its files are read", {"fields": ["format", "profile_name"]}),
            ("When", {"fields": ["every_minutes", "alert_after"]}),
            *([self._runs] if obj else []),
        ]

    _runs = ("What it did", {"fields": ["show_health", "last_run_at", "next_run_at", "show_history"]})

    @display(description="Kind")
    def show_kind(self, connector: Connector) -> str:
        return str(KINDS[connector.kind].TITLE)

    @display(description="Settings")
    def show_config(self, connector: Connector) -> Any:
        named = {setting.name: setting.label for setting in settings_of(connector.kind)}
        return facts({named.get(name, name): value for name, value in connector.config.items()})

    @display(description="Last runs")
    def show_history(self, connector: Connector) -> Any:
        rows = (
            (display_for_value(run.started_at, ""), run.error or f"{run.fresh} of {run.found} files new, {run.quarantined} in quarantine")
            for run in connector.runs.all()[:10]
        )
        link = reverse("admin:ingestion_connectorrun_changelist") + f"?connector__id__exact={connector.pk}"
        return format_html(
            '{}<p><a class="text-primary-600 dark:text-primary-500" href="{}">All its runs</a></p>',
            format_html_join("", "<p>{}: {}</p>", rows),
            link,
        )

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
    empty_words = "Each time a connector fetches, it says here what it found."
    list_display = ["started_at", "connector", "found", "fresh", "quarantined", "error"]
    list_filter = ["connector"]
    list_select_related = ["connector"]
    date_hierarchy = "started_at"
