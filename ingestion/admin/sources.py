"""Console pages of sources: who may post payments to us, their secrets, and the messages of theirs that nobody could read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from ingestion import channels, services
from ingestion.models import RawMessage, Source
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs, pretty
from payos.kernel.forms import ReasonForm


@admin.register(Source)
class SourceAdmin(PayosModelAdmin):
    empty_words = "A source is a processor that tells of payments by webhook: add one and give it the address and the secret."
    list_display = ["name", "adapter", "partner", "show_mode", "currency", "channel", "active"]
    list_filter = ["adapter", "active", "livemode"]
    list_select_related = ["partner"]
    search_fields = ["name"]
    fields = [
        "partner",
        "name",
        "adapter",
        "currency",
        "channel",
        "branch",
        "tolerance_seconds",
        "allowed_networks",
        "rate_per_minute",
        "active",
    ]
    actions_detail = ["rotate"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "adapter":
            return forms.ChoiceField(choices=[(name, name) for name in channels.ADAPTERS], widget=UnfoldAdminSelectWidget)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ["partner", "name", "adapter"] if obj else []

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, source: Source) -> str:
        return "Live" if source.livemode else "Test"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            channels.forget_sources()
            return
        fields = {name: value for name, value in form.cleaned_data.items() if name not in {"partner", "name", "adapter"}}
        made, secret = services.source_create(partner=obj.partner, livemode=obj.livemode, name=obj.name, adapter=obj.adapter, **fields)
        obj.pk = made.pk
        obj._state.adding = False
        messages.success(request, f"The secret of {made.name} ({made.public_id}), shown once: {secret}")

    has_rotate_permission = needs("ingestion.change_source")

    @action(
        description="Rotate the secret",
        icon="autorenew",
        permissions=["rotate"],
        dialog={
            "title": "Rotate the secret",
            "description": "The old secret verifies for 24 more hours.",
            "form_class": ReasonForm,
            "form_submit_text": "Rotate",
        },
    )
    def rotate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        secret = services.source_rotate(source=Source.objects.get(pk=object_id))
        messages.success(request, f"The new secret, shown once: {secret}")
        return redirect(reverse("admin:ingestion_source_change", args=[object_id]))


@admin.register(RawMessage)
class RawMessageAdmin(ReadOnlyModelAdmin):
    empty_words = "Messages of payment sources are kept here as they came, with the reason where one was not understood."
    list_display = ["created_at", "source", "reason", "partner"]
    list_filter = ["source"]
    list_select_related = ["partner"]
    search_fields = ["reason"]
    exclude = ["body"]
    readonly_fields = ["show_body"]

    @display(description="Message")
    def show_body(self, raw: RawMessage) -> Any:
        return pretty(bytes(raw.body)[:4000].decode("utf-8", "replace"))
