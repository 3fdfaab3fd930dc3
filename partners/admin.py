"""Console pages of partners, branches, people and keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from partners import services
from partners.models import ApiKey, Branch, Partner, User
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.errors import Problem
from payos.kernel.forms import DialogForm, ReasonForm


class PartnerForm(forms.ModelForm):
    class Meta:
        model = Partner
        fields = ["name", "country", "timezone", "currencies", "active"]


@admin.register(Partner)
class PartnerAdmin(PayosModelAdmin):
    form = PartnerForm
    list_display = ["name", "public_id", "country", "timezone", "show_currencies", "show_active", "show_live", "created_at"]
    list_filter = ["active", "live_enabled", "country"]
    search_fields = ["name", "slug"]
    date_hierarchy = "created_at"

    @display(description="Currencies")
    def show_currencies(self, partner: Partner) -> str:
        return ", ".join(partner.currencies)

    @display(description="Active", boolean=True)
    def show_active(self, partner: Partner) -> bool:
        return partner.active

    @display(description="Mode", label={"Live": "success", "Test only": "info"})
    def show_live(self, partner: Partner) -> str:
        return "Live" if partner.live_enabled else "Test only"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Partner, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = services.partner_create(
            name=obj.name, country=obj.country, timezone=obj.timezone, currencies=tuple(obj.currencies)
        )
        obj.pk, obj.slug = made.pk, made.slug
        obj._state.adding = False


@admin.register(Branch)
class BranchAdmin(PayosModelAdmin):
    list_display = ["name", "code", "partner", "show_mode", "timezone", "holding_days", "active"]
    list_filter = ["active", "livemode", "partner"]
    list_select_related = ["partner"]
    search_fields = ["name", "code"]
    fields = ["partner", "code", "name", "timezone", "holding_days", "active"]

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, branch: Branch) -> str:
        return "Live" if branch.livemode else "Test"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class NewKeyForm(DialogForm):
    partner = forms.ModelChoiceField(queryset=Partner.objects.all())
    name = forms.CharField(max_length=100, initial="default")
    scopes = forms.CharField(initial="*", help_text="Separated by spaces, for example `transfers:write payments:read`; * is all.")


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyModelAdmin):
    list_display = ["name", "prefix", "partner", "show_mode", "show_state", "show_scopes", "last_used_at", "expires_at"]
    list_filter = ["livemode", "partner"]
    list_select_related = ["partner"]
    search_fields = ["name", "prefix"]
    actions_list = ["new_test_key"]
    actions_detail = ["rotate", "revoke"]
    exclude = ["hashed"]

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, key: ApiKey) -> str:
        return "Live" if key.livemode else "Test"

    @display(description="State", label={"Usable": "success", "Revoked": "danger", "Expired": "warning"})
    def show_state(self, key: ApiKey) -> str:
        return "Usable" if key.usable else "Revoked" if key.revoked_at else "Expired"

    @display(description="Scopes")
    def show_scopes(self, key: ApiKey) -> str:
        return " ".join(key.scopes)

    def has_manage_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("partners.change_apikey")  # type: ignore[union-attr]

    @action(
        description="New test key",
        icon="add",
        permissions=["manage"],
        dialog={
            "title": "New test key",
            "description": "The secret is shown once, on the next page.",
            "form_class": NewKeyForm,
            "form_submit_text": "Make the key",
        },
    )
    def new_test_key(self, request: HttpRequest, form: NewKeyForm) -> HttpResponse:
        chosen = form.cleaned_data
        key, secret = services.api_key_create(
            partner=chosen["partner"], livemode=False, name=chosen["name"], scopes=tuple(chosen["scopes"].split())
        )
        messages.success(request, f"{key.name}: {secret} (shown once: copy it now)")
        return redirect(reverse("admin:partners_apikey_changelist"))

    @action(
        description="Rotate",
        icon="autorenew",
        permissions=["manage"],
        dialog={
            "title": "Rotate the key",
            "description": "Makes a successor; the old key works for 24 more hours.",
            "form_class": ReasonForm,
            "form_submit_text": "Rotate",
        },
    )
    def rotate(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        try:
            key, secret = services.api_key_rotate(key=ApiKey.objects.get(pk=object_id))
            messages.success(request, f"{key.name}: {secret} (shown once: copy it now)")
        except Problem as problem:
            messages.error(request, problem.detail)
        return redirect(reverse("admin:partners_apikey_changelist"))

    @action(
        description="Revoke",
        icon="block",
        permissions=["manage"],
        dialog={
            "title": "Revoke the key",
            "description": "Requests with it are refused from now on. This cannot be undone.",
            "form_class": ReasonForm,
            "form_submit_text": "Revoke",
        },
    )
    def revoke(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.api_key_revoke(key=ApiKey.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The key is revoked.")
        return redirect(reverse("admin:partners_apikey_changelist"))


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "first_name", "last_name", "email", "show_roles", "show_lock", "last_login"]
    list_filter = ["groups", "is_active", "is_staff"]
    search_fields = ["username", "email", "first_name", "last_name"]
    actions_detail = ["unlock"]
    # No superusers and no single permissions here: what a person may do follows from roles alone.
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ("is_active", "is_staff", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups")

    @display(description="Roles")
    def show_roles(self, user: User) -> str:
        return ", ".join(user.role_names) or "none"

    @display(description="Sign-in", label={"Open": "success", "Locked": "danger"})
    def show_lock(self, user: User) -> str:
        return "Locked" if user.locked else "Open"

    def has_unlock_permission(self, request: HttpRequest, *args: Any) -> bool:
        return request.user.has_perm("partners.change_user")  # type: ignore[union-attr]

    @action(
        description="Unlock",
        icon="lock_open",
        permissions=["unlock"],
        dialog={"title": "Unlock", "description": "Forget the failed sign-ins.", "form_class": ReasonForm, "form_submit_text": "Unlock"},
    )
    def unlock(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        with transaction.atomic():
            services.user_unlock(user_id=int(object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The person may sign in again.")
        return redirect(reverse("admin:partners_user_changelist"))


admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(ReadOnlyModelAdmin):
    """Roles come from the permission matrix; they are shown here and changed there."""

    list_display = ["name"]
    fields = ["name", "permissions"]


def _look_like_the_rest(model: Any, *bases: Any) -> None:
    if admin.site.is_registered(model):
        admin.site.unregister(model)
        admin.site.register(model, type(f"{model.__name__}Admin", (*bases, ModelAdmin), {}))


_look_like_the_rest(PeriodicTask, beat_admin.PeriodicTaskAdmin)
_look_like_the_rest(CrontabSchedule, beat_admin.CrontabScheduleAdmin)
_look_like_the_rest(ClockedSchedule, beat_admin.ClockedScheduleAdmin)
_look_like_the_rest(IntervalSchedule)
_look_like_the_rest(SolarSchedule)
