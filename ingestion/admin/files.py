"""Console pages of files: upload one, read it again, and what became of it."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from ingestion import services
from ingestion.models import SourceFile
from ingestion.parsers import registry
from operations import subjects
from partners.models import Partner
from payos.kernel import ids
from payos.kernel.admin import ReadOnlyModelAdmin, needs, pretty
from payos.kernel.errors import Problem
from payos.kernel.forms import DialogForm, PlainFileInput
from payos.kernel.reading import size

KEEP = "="  # no profile can be called that


def profile_choices() -> list[tuple[str, str]]:
    return [("", "none"), *((name, name) for name in services.profile_names())]


def format_choices(kept: str = "") -> list[tuple[str, str]]:
    """What is kept stays a choice: formats have other names too, and reports are named by their processor."""
    known = {"": "found by looking", **{each.name: each.title for each in registry.FORMATS.values()}}
    return list(({kept: kept} | known).items())


class ReadAgainForm(forms.Form):
    format = forms.ChoiceField(required=False, choices=format_choices, widget=UnfoldAdminSelectWidget)
    profile = forms.ChoiceField(
        required=False,
        choices=lambda: [(KEEP, "as it was read"), *profile_choices()],
        widget=UnfoldAdminSelectWidget,
        label="Mapping profile",
    )

    def __init__(self, *args: Any, kept: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        cast(forms.ChoiceField, self.fields["format"]).choices = format_choices(kept)


class UploadForm(DialogForm):
    partner = forms.ModelChoiceField(
        queryset=Partner.objects.all(), required=False, widget=UnfoldAdminSelectWidget, help_text="Empty: an account of the platform."
    )
    file = forms.FileField(label="Statement or report", widget=PlainFileInput)
    format = forms.ChoiceField(required=False, choices=format_choices, widget=UnfoldAdminSelectWidget)
    profile = forms.ChoiceField(
        required=False,
        choices=profile_choices,
        widget=UnfoldAdminSelectWidget,
        label="Mapping profile",
        help_text="For CSV, XLSX and JSON. Empty: columns are found by their names.",
    )


@admin.register(SourceFile)
class SourceFileAdmin(ReadOnlyModelAdmin):
    list_display = ["created_at", "name", "show_state", "came_by", "show_size", "times_seen", "show_facts", "partner"]
    list_filter = ["state", "came_by"]
    list_select_related = ["partner"]
    search_fields = ["name", "=sha256"]
    search_help_text = "Name of the file, file id, or the whole SHA-256"
    empty_words = "Upload a statement or report, or let a connector fetch them."
    fieldsets = (
        (None, {"fields": ("public_id", "name", "show_state", "partner", "livemode", "came_by", "show_size", "created_at", "times_seen")}),
        ("How it is read", {"fields": ("format", "show_profile", "processed_at")}),
        ("What was made of it", {"fields": ("show_facts", "show_statements", "show_flags", "show_rejects")}),
        ("As it came", {"fields": ("sha256",)}),
    )
    date_hierarchy = "created_at"
    actions_list = ["upload"]
    actions_detail = ["read_again", "make_profile"]

    @display(description="State", label={"Received": "info", "Processed": "success", "Flagged": "warning", "Quarantined": "danger"})
    def show_state(self, file: SourceFile) -> str:
        return file.state.capitalize()

    @display(description="Size", ordering="size")
    def show_size(self, file: SourceFile) -> str:
        return size(file.size)

    @display(description="Mapping profile")
    def show_profile(self, file: SourceFile) -> str:
        profile = file.profile or {}
        return f"{profile['name']}, version {profile.get('version', '?')}" if profile.get("name") else "none: the format says it all"

    @display(description="Statements")
    def show_statements(self, file: SourceFile) -> Any:
        found = (
            subjects.link("reconciliation.statement", str(ids.decode("stm", text)))[::-1]
            for text in (file.facts or {}).get("statements", [])
        )
        return format_html_join(", ", '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', found) or "–"

    @display(description="Flags")
    def show_flags(self, file: SourceFile) -> Any:
        return pretty(
            "\n".join(
                f"{row.get('position', '')}: {row.get('detail') or row.get('code', '')}" for row in (file.facts or {}).get("flags", [])
            )
        )

    @display(description="What could not be read")
    def show_rejects(self, file: SourceFile) -> Any:
        return pretty("\n".join(f"{row.get('position', '')}: {row.get('reason', '')}" for row in (file.facts or {}).get("rejects", [])))

    @display(description="What was made of it")
    def show_facts(self, file: SourceFile) -> str:
        facts = file.facts
        if "error" in facts:
            return str(facts["error"])[:120]
        if "lines" not in facts:
            return "–"
        return f"{facts['lines']:,} line{'' if facts['lines'] == 1 else 's'}, {facts['new_lines']:,} new"

    has_work_permission = needs("ingestion.work_file")

    @action(
        description="Upload a file",
        icon="upload",
        permissions=["work"],
        url_path="upload",
    )
    def upload(self, request: HttpRequest) -> HttpResponse:
        """A page of its own: the dialog's form carries no file."""
        form = UploadForm(request=request, data=request.POST or None, files=request.FILES or None)
        if request.method == "POST" and form.is_valid():
            chosen = form.cleaned_data
            partner = chosen["partner"]
            file, fresh = services.receive_file(
                content=chosen["file"], name=chosen["file"].name, partner_id=partner.pk if partner else None, format=chosen["format"],
                profile_name=chosen["profile"],
            )  # fmt: skip
            file = services.process_file(file=file) if fresh or file.state in {"received", "quarantined"} else file
            (messages.success if file.state == "processed" else messages.warning)(
                request, f"{file.name}: {file.state}. {self.show_facts(file)}"
            )
            return redirect(reverse("admin:ingestion_sourcefile_change", args=[file.pk]))
        return TemplateResponse(
            request,
            "ingestion/upload.html",
            {**self.admin_site.each_context(request), "form": form, "title": "Upload a file", "opts": self.model._meta},
        )

    @action(description="Read again", icon="refresh", permissions=["work"], url_path="read-again")
    def read_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page of its own: what would change is shown before anything does."""
        file = self.get_object(request, object_id)
        if file is None:
            raise Http404
        form = ReadAgainForm(request.POST or None, initial={"format": file.format, "profile": KEEP}, kept=file.format)
        found: list[dict[str, Any]] = []
        if request.method == "POST" and form.is_valid():
            named = form.cleaned_data["profile"]
            ways = {"format": form.cleaned_data["format"], "profile_name": None if named == KEEP else named}
            try:
                if "apply" in request.POST:
                    file = services.read_again(file=file, expected=request.POST.getlist("seen"), **ways)
                    (messages.success if file.state == "processed" else messages.warning)(
                        request, f"{file.name}: {file.state}. {self.show_facts(file)}"
                    )
                    return redirect(reverse("admin:ingestion_sourcefile_change", args=[object_id]))
                found = services.compare_readings(file=file, **ways)
            except Problem as problem:
                form.add_error(None, problem.detail)
        context = {
            **self.admin_site.each_context(request),
            "form": form,
            "file": file,
            "found": found,
            "title": f"Read {file.name} again",
            "opts": self.model._meta,
        }
        return TemplateResponse(request, "ingestion/read_again.html", context)

    @action(description="Make a mapping profile for it", icon="table_chart", permissions=["profile"], url_path="make-profile")
    def make_profile(self, request: HttpRequest, object_id: str) -> HttpResponse:
        file = SourceFile.objects.get(pk=object_id)
        return redirect(reverse("admin:ingestion_mappingprofile_add") + f"?file={file.public_id}")

    has_profile_permission = needs("ingestion.add_mappingprofile")
