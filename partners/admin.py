"""Console pages of partners, branches and API keys. People and roles are in `peoplepages.py`."""

from __future__ import annotations

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.widgets import INPUT_CLASSES, SELECT_CLASSES, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from partners import services
from partners.models import ApiKey, Branch, Partner
from payos.kernel import tenancy
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin, needs
from payos.kernel.forms import DialogForm, ReasonForm
from payos.kernel.money import is_currency

MODES = [("test", "Test"), ("live", "Live")]


class ZoneField(forms.ChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        zones = ["UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix", "right")))]
        super().__init__(choices=[(zone, zone) for zone in zones], widget=UnfoldAdminSelectWidget, **kwargs)


class PartnerForm(forms.ModelForm):
    timezone = ZoneField(label="Time zone")
    country = forms.RegexField(r"^[A-Z]{2}$", widget=UnfoldAdminTextInputWidget, help_text="Two capital letters, for example US.")
    currencies = forms.CharField(widget=UnfoldAdminTextInputWidget, help_text="Codes separated by commas, for example USD, USDC.")

    class Meta:
        model = Partner
        fields = ["name", "country", "timezone", "currencies", "active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.initial.get("currencies"), list):
            self.initial["currencies"] = ", ".join(self.initial["currencies"])

    def clean_currencies(self) -> list[str]:
        codes = [code.strip().upper() for code in self.cleaned_data["currencies"].split(",") if code.strip()]
        unknown = [code for code in codes if not is_currency(code)]
        if unknown or not codes:
            raise forms.ValidationError(f"Unknown currency: {', '.join(unknown) or 'none given'}. Use codes such as USD or USDC.")
        return list(dict.fromkeys(codes))


@admin.register(Partner)
class PartnerAdmin(PayosModelAdmin):
    empty_words = "A partner is whose money moves: add the first one, then its API key."
    form = PartnerForm
    list_display = ["name", "country", "timezone", "show_currencies", "show_active", "show_live", "created_at", "public_id"]
    list_filter = ["active", "live_enabled"]
    search_fields = ["name", "slug"]
    search_help_text = "Name or partner id"
    date_hierarchy = "created_at"

    @display(description="Currencies")
    def show_currencies(self, partner: Partner) -> str:
        return ", ".join(partner.currencies)

    @display(description="State", label={"Active": "success", "Inactive": "danger"})
    def show_active(self, partner: Partner) -> str:
        return "Active" if partner.active else "Inactive"

    @display(description="Mode", label={"Live": "success", "Test only": "info"})
    def show_live(self, partner: Partner) -> str:
        return "Live" if partner.live_enabled else "Test only"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Partner, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = services.partner_create(name=obj.name, country=obj.country, timezone=obj.timezone, currencies=tuple(obj.currencies))
        obj.pk, obj.slug = made.pk, made.slug
        obj._state.adding = False


class BranchForm(forms.ModelForm):
    timezone = ZoneField(label="Time zone")
    mode = forms.ChoiceField(choices=MODES, widget=UnfoldAdminSelectWidget, required=False, initial="test")

    class Meta:
        model = Branch
        fields = ["partner", "mode", "code", "name", "timezone", "holding_days", "active"]


@admin.register(Branch)
class BranchAdmin(PayosModelAdmin):
    empty_words = "A branch is an outlet of a partner with settlements of its own. Partners without outlets need none."
    form = BranchForm
    list_display = ["name", "code", "partner", "show_mode", "timezone", "holding_days", "show_active", "public_id"]
    list_filter = ["active", "livemode", "partner"]
    list_select_related = ["partner"]
    search_fields = ["name", "code", "partner__name"]
    search_help_text = "Name, code, partner or branch id"

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, branch: Branch) -> str:
        return "Live" if branch.livemode else "Test"

    @display(description="State", label={"Active": "success", "Inactive": "danger"})
    def show_active(self, branch: Branch) -> str:
        return "Active" if branch.active else "Inactive"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["partner", "show_mode" if obj else "mode", "code", "name", "timezone", "holding_days", "active"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        # What money is booked under does not change its name afterwards.
        return ["partner", "show_mode", "code"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Branch, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        made = services.branch_create(
            partner=obj.partner,
            code=obj.code,
            name=obj.name,
            livemode=form.cleaned_data.get("mode") == "live",
            timezone=obj.timezone,
            holding_days=obj.holding_days,
        )
        obj.pk = made.pk
        obj._state.adding = False


class NewKeyForm(DialogForm):
    partner = forms.ModelChoiceField(queryset=Partner.objects.filter(active=True), widget=UnfoldAdminSelectWidget)
    mode = forms.ChoiceField(choices=MODES, widget=UnfoldAdminSelectWidget)
    name = forms.CharField(max_length=100, initial="default", widget=UnfoldAdminTextInputWidget)
    scopes = forms.CharField(
        initial="*",
        widget=UnfoldAdminTextInputWidget,
        help_text="Separated by spaces, for example transfers:write payments:read. A star stands for all.",
    )

    def clean_scopes(self) -> tuple[str, ...]:
        return services.clean_scopes(self.cleaned_data["scopes"].split())


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyModelAdmin):
    empty_words = "A key lets a partner's program speak to the API: choose New key."
    list_display = ["name", "prefix", "partner", "show_mode", "show_state", "show_scopes", "last_used_at", "expires_at", "created_at"]
    list_filter = ["livemode", "partner"]
    list_select_related = ["partner"]
    search_fields = ["name", "=prefix", "partner__name"]
    search_help_text = "Name, start of the key, partner or key id"
    actions_list = ["new_key"]
    actions_detail = ["rotate", "revoke"]
    has_make_permission = needs("partners.add_apikey")
    has_manage_permission = needs("partners.change_apikey")
    fields = [
        "public_id", "name", "partner", "show_mode", "show_state", "prefix", "show_scopes", "api_version", "rate_limit",
        "created_at", "last_used_at", "expires_at", "revoked_at", "replaces",
    ]  # fmt: skip

    @display(description="Mode", label={"Live": "success", "Test": "info"})
    def show_mode(self, key: ApiKey) -> str:
        return "Live" if key.livemode else "Test"

    @display(description="State", label={"Usable": "success", "Revoked": "danger", "Expired": "warning"})
    def show_state(self, key: ApiKey) -> str:
        return "Usable" if key.usable else "Revoked" if key.revoked_at else "Expired"

    @display(description="Scopes")
    def show_scopes(self, key: ApiKey) -> str:
        return "all" if key.scopes == ["*"] else " ".join(key.scopes)

    @action(
        description="New key",
        icon="add",
        permissions=["make"],
        dialog={
            "title": "New API key",
            "description": "The secret is shown once, right after this. A live key needs an approved go-live.",
            "form_class": NewKeyForm,
            "form_submit_text": "Make the key",
        },
    )
    def new_key(self, request: HttpRequest, form: NewKeyForm) -> HttpResponse:
        chosen = form.cleaned_data
        key, secret = services.api_key_create(
            partner=chosen["partner"], livemode=chosen["mode"] == "live", name=chosen["name"], scopes=chosen["scopes"]
        )
        return _shown_once(request, key, secret)

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
        with tenancy.acting(reason=form.cleaned_data["reason"]):
            key, secret = services.api_key_rotate(key=ApiKey.objects.get(pk=object_id))
        return _shown_once(request, key, secret)

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


def _shown_once(request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
    """The secret goes straight into the dialog: kept in no cookie, no session and no log."""
    response = render(request, "partners/key_made.html", {"key": key, "secret": secret})
    response["HX-Retarget"] = response["HX-Reselect"] = "#dialog"
    return response


class PeriodicTaskForm(beat_admin.PeriodicTaskForm):  # type: ignore[misc]
    """The package's two fields of its own look like the others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, classes in (("regtask", SELECT_CLASSES), ("task", INPUT_CLASSES)):
            if name in self.fields:
                self.fields[name].widget.attrs["class"] = " ".join(classes)


def _look_like_the_rest(model: Any, *bases: Any, **more: Any) -> None:
    if admin.site.is_registered(model):
        admin.site.unregister(model)
        admin.site.register(model, type(f"{model.__name__}Admin", (*bases, ModelAdmin), more))


_look_like_the_rest(
    PeriodicTask,
    beat_admin.PeriodicTaskAdmin,
    form=PeriodicTaskForm,
    empty_words="The clock writes its tasks here when it starts: is the product running?",
)
_look_like_the_rest(CrontabSchedule, beat_admin.CrontabScheduleAdmin)
_look_like_the_rest(ClockedSchedule, beat_admin.ClockedScheduleAdmin)
_look_like_the_rest(IntervalSchedule)
_look_like_the_rest(SolarSchedule)

from partners import peoplepages  # noqa: E402,F401  registers its pages
