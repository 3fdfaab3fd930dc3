"""Console pages of people and roles. What a person may do follows from roles alone."""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import action, display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultiple

from partners import services
from partners.models import User
from payos.kernel import audit
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs
from payos.kernel.forms import ReasonForm

ROLE_FIELDS = ("is_active", "is_staff", "groups")


class NewPersonForm(UserCreationForm):
    usable_password = None  # everyone signs in with a password


@admin.register(User)
class UserAdmin(DjangoUserAdmin, PayosModelAdmin):  # type: ignore[misc]
    empty_words = "Add the people who work here, each with a role."
    form = UserChangeForm
    add_form = NewPersonForm
    formfield_overrides = {models.ManyToManyField: {"widget": UnfoldAdminCheckboxSelectMultiple}}
    change_password_form = AdminPasswordChangeForm
    list_display = ["username", "show_name", "email", "show_roles", "show_factor", "show_lock", "last_login"]
    list_filter = ["groups", "is_active"]
    search_fields = ["username", "email", "first_name", "last_name"]
    filter_horizontal = ()
    ordering = ["username"]
    actions_detail = ["unlock", "reset_second_factor"]
    has_manage_permission = needs("partners.change_user")
    # No superusers and no single permissions here.
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ROLE_FIELDS}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "password1", "password2")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("Access", {"fields": ROLE_FIELDS}),
    )
    readonly_fields = ("last_login", "date_joined")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("groups", "authenticator_set")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    @display(description="Name")
    def show_name(self, user: User) -> str:
        return user.get_full_name() or "–"

    @display(description="Roles")
    def show_roles(self, user: User) -> str:
        return ", ".join(user.role_names) or "none"

    @display(description="Second factor", label={"On": "success", "Off": "warning"})
    def show_factor(self, user: User) -> str:
        return "On" if any(one.type == Authenticator.Type.TOTP for one in user.authenticator_set.all()) else "Off"  # type: ignore[attr-defined]

    @display(description="Sign-in", label={"Open": "success", "Locked": "danger", "Inactive": "warning"})
    def show_lock(self, user: User) -> str:
        return "Inactive" if not user.is_active else "Locked" if user.locked else "Open"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # what a person did keeps their name: switch them to inactive instead

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        person: User = form.instance
        before = sorted(person.groups.values_list("name", flat=True))
        super().save_related(request, form, formsets, change)
        after = sorted(person.groups.values_list("name", flat=True))
        if before != after:
            audit.record(action="person.roles", subject=person, before={"roles": before}, after={"roles": after})

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            audit.record(action="person.password", subject=User.objects.get(pk=id), reason="set by an administrator")
        return response

    @action(
        description="Unlock",
        icon="lock_open",
        permissions=["manage"],
        dialog={"title": "Unlock", "description": "Forget the failed sign-ins.", "form_class": ReasonForm, "form_submit_text": "Unlock"},
    )
    def unlock(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.user_unlock(user_id=int(object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The person may sign in again.")
        return redirect(reverse("admin:partners_user_changelist"))

    @action(
        description="Reset second factor",
        icon="phonelink_erase",
        permissions=["manage"],
        dialog={
            "title": "Reset the second factor",
            "description": "Forgets the authenticator app and the recovery codes. Make sure who is asking.",
            "form_class": ReasonForm,
            "form_submit_text": "Reset",
        },
    )
    def reset_second_factor(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.user_reset_second_factor(user_id=int(object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The second factor is gone; the person sets up a new one at the next sign-in.")
        return redirect(reverse("admin:partners_user_changelist"))


admin.site.unregister(Group)
# Their pages would show secrets, or change what the services guard.
for model in (Authenticator, EmailAddress):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(Group)
class RoleAdmin(ReadOnlyModelAdmin):
    """Roles come from the permission matrix; they are shown here and changed there."""

    empty_words = "Roles are made by the set-up of the database: run manage.py migrate."
    list_display = ["name", "show_count", "show_people"]
    fields = ["name", "show_people", "show_permissions"]
    ordering = ["name"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).prefetch_related("permissions__content_type", "user_set")

    @display(description="Permissions")
    def show_count(self, role: Group) -> int:
        return len(role.permissions.all())

    @display(description="People")
    def show_people(self, role: Group) -> str:
        return ", ".join(sorted(user.get_username() for user in role.user_set.all())) or "nobody"

    @display(description="May")
    def show_permissions(self, role: Group) -> Any:
        apps: dict[str, list[str]] = {}
        for permission in role.permissions.all():
            apps.setdefault(permission.content_type.app_label, []).append(permission.name)
        rows = format_html_join(
            "",
            '<tr class="border-t border-base-200 dark:border-base-700"><th class="text-left pr-6 py-1 align-top">{}</th><td class="py-1">{}</td></tr>',
            ((app, "; ".join(sorted(names))) for app, names in sorted(apps.items())),
        )
        return format_html('<table class="w-full">{}</table>', rows)
