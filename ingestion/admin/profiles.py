"""The page of mapping profiles: a profile is suggested from a sample, tried on it, and only then kept."""

from __future__ import annotations

import base64
import io
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import display

from ingestion import services
from ingestion.admin.profileform import LARGEST_CARRIED, ProfileForm, initial_of, start_choices
from ingestion.models import MappingProfile, SourceFile
from ingestion.parsers.processors import BUILT_IN
from ingestion.parsers.records import Unreadable
from payos.kernel.admin import PayosModelAdmin
from payos.kernel.errors import Problem


@admin.register(MappingProfile)
class MappingProfileAdmin(PayosModelAdmin):
    empty_words = "A profile says which column of a CSV, XLSX or JSON file means what. Files with usual names of columns need none."
    list_display = ["name", "show_title", "kind", "partner", "version", "show_state", "show_users", "created_at"]
    list_filter = ["kind", "current", "active"]
    list_select_related = ["partner"]
    search_fields = ["name", "title"]
    actions = None

    @display(description="Title")
    def show_title(self, profile: MappingProfile) -> str:
        return profile.title or profile.note

    @display(description="State", label={"used": "success", "older": "info", "off": "warning"})
    def show_state(self, profile: MappingProfile) -> str:
        return "older" if not profile.current else "used" if profile.active else "off"

    @display(description="Connectors")
    def show_users(self, profile: MappingProfile) -> str:
        return ", ".join(services.users_of(profile=profile)) if profile.current else ""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._page(request, None)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        profile = self.get_object(request, object_id)
        if profile is None:
            raise Http404
        if not (self.has_change_permission(request, profile) if request.method == "POST" else self.has_view_permission(request, profile)):
            raise PermissionDenied
        return self._page(request, profile)

    def _page(self, request: HttpRequest, kept: MappingProfile | None) -> HttpResponse:
        shown: dict[str, Any] = {}
        if request.method == "POST":
            form = ProfileForm(data=request.POST, files=request.FILES)
            form.fields["name"].required = "preview" not in request.POST  # who looks has not named it yet
            if "suggest" in request.POST:
                form = self._suggested(request, form)
            elif form.is_valid():
                if kept is not None:
                    form.cleaned_data |= {"name": kept.name, "partner": kept.partner}
                done = self._save(request, form) if "save" in request.POST else None
                if done is not None:
                    return done
                if "preview" in request.POST:
                    shown = self._previewed(form)
                form = self._again(request, form)
        else:
            form = self._fresh(request, kept)
        context = {
            **self.admin_site.each_context(request), "form": form, "opts": self.model._meta, "kept": kept, "builtin": start_choices(),
            "title": f"Mapping profile {kept}" if kept else "Add a mapping profile", "preview": shown, "may_save": self.has_change_permission(request, kept),
            "versions": MappingProfile.objects.filter(partner=kept.partner_id, name=kept.name).order_by("-version")[:50] if kept else [],
        }  # fmt: skip
        return TemplateResponse(request, "ingestion/profile.html", context)

    def _fresh(self, request: HttpRequest, kept: MappingProfile | None) -> ProfileForm:
        initial: dict[str, Any] = {}
        if kept is not None:
            initial = {**initial_of(kept.as_profile(), kept.kind), "partner": kept.partner_id, "active": kept.active}
        elif request.GET.get("from") in BUILT_IN:
            kind, profile = BUILT_IN[request.GET["from"]]
            initial = initial_of(profile, kind)
        file_id = request.GET.get("file", "")
        if file_id:
            try:
                file = SourceFile.by_public_id(file_id)
            except (SourceFile.DoesNotExist, ValueError):
                raise Http404 from None
            with services.path_of(file).open("rb") as source:
                content = source.read(LARGEST_CARRIED * 3 // 4)
            initial |= {
                "carried": base64.b64encode(content).decode(),
                "carried_name": file.name,
                "partner": initial.get("partner") or file.partner_id,
            }
            try:
                kind, profile = services.suggest_profile(content=io.BytesIO(content), name=file.name)
                initial |= {key: value for key, value in initial_of(profile, kind).items() if key not in {"name", "title"}}
            except Unreadable as error:
                messages.warning(request, f"No profile can be suggested: {error}.")
        return ProfileForm(initial=initial)

    def _again(self, request: HttpRequest, form: ProfileForm) -> ProfileForm:
        """The same form with the sample carried along: a browser does not send a chosen file twice."""
        data = request.POST.copy()
        upload = form.cleaned_data.get("sample_file")
        if upload is not None and upload.size <= LARGEST_CARRIED * 3 // 4:
            upload.seek(0)
            data["carried"], data["carried_name"] = base64.b64encode(upload.read()).decode(), upload.name
            data["sample_text"] = ""
        again = ProfileForm(data=data)
        again.fields["name"].required = form.fields["name"].required
        again.is_valid()
        for field, errors in form.errors.items():
            for error in errors:
                if error not in again.errors.get(field, []):
                    again.add_error(None if field == "__all__" else field, error)
        again.fields["name"].required = True  # whoever keeps it must name it
        return again

    def _suggested(self, request: HttpRequest, form: ProfileForm) -> ProfileForm:
        form.is_valid()  # the rest may well be empty: only the sample counts
        sample = form.sample()
        if sample is None:
            form.add_error("sample_text", "Paste or choose a sample first.")
            return form
        try:
            kind, profile = services.suggest_profile(content=sample[0], name=sample[1])
        except (Unreadable, Problem) as error:
            form.add_error("sample_text", error.detail if isinstance(error, Problem) else f"{error}.")
            return form
        initial = {
            **initial_of(profile, kind),
            **{name: form.data.get(name, "") for name in ("name", "title", "partner", "note", *ProfileForm.SAMPLE)},
        }
        sample[0].seek(0)
        if form.cleaned_data.get("sample_file"):
            content = sample[0].read(LARGEST_CARRIED * 3 // 4)
            initial |= {"carried": base64.b64encode(content).decode(), "carried_name": sample[1]}
        messages.info(request, "This is what the sample shows. Look at the preview and mend what is wrong before you save.")
        return ProfileForm(initial=initial)

    def _previewed(self, form: ProfileForm) -> dict[str, Any]:
        sample = form.sample()
        if sample is None:
            form.add_error("sample_text", "Paste or choose a sample first.")
            return {}
        try:
            profile = services.check_profile(definition=form.definition(), name=form.cleaned_data["name"] or "sample")
            return services.preview_profile(content=sample[0], profile=profile, kind=form.cleaned_data["kind"], name=sample[1]).as_dict()
        except Problem as problem:
            form.add_error(None, problem.detail)
            return {}

    def _save(self, request: HttpRequest, form: ProfileForm) -> HttpResponse | None:
        said = form.cleaned_data
        try:
            made = services.save_profile(
                name=said["name"], kind=said["kind"], definition=form.definition(), partner_id=said["partner"].pk if said["partner"] else None,
                title=said["title"], note=said["note"], active=said["active"],
            )  # fmt: skip
        except Problem as problem:
            form.add_error(None, problem.detail)
            return None
        messages.success(request, f"{made} is kept, and is used from now on.")
        return redirect(reverse("admin:ingestion_mappingprofile_change", args=[made.pk]))
