"""The form of a connector: what every one has, and what its kind asks for."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from ingestion.admin.files import format_choices, profile_choices
from ingestion.connectors import KINDS, merged, settings_of
from ingestion.connectors.settings import Setting
from ingestion.models import Connector
from payos.kernel.formrows import FactsField


def field_of(setting: Setting) -> forms.Field:
    common: dict[str, Any] = {"label": setting.label, "help_text": setting.help, "required": setting.required}
    if setting.choices:
        return forms.ChoiceField(choices=setting.choices, widget=UnfoldAdminSelectWidget, **{**common, "required": False})
    if setting.whole:
        least, most = setting.whole
        return forms.IntegerField(min_value=least, max_value=most, widget=UnfoldAdminIntegerFieldWidget, **common)
    return FactsField(**common) if setting.pairs else forms.CharField(max_length=2_000, widget=UnfoldAdminTextInputWidget, **common)


class ConnectorForm(forms.ModelForm):
    """What every connector has. The fields of its kind are added by `form_for`. The secret is written here and never shown again."""

    kind_settings: tuple[Setting, ...] = ()

    format = forms.ChoiceField(required=False, choices=format_choices, widget=UnfoldAdminSelectWidget)
    profile_name = forms.ChoiceField(
        required=False,
        choices=profile_choices,
        widget=UnfoldAdminSelectWidget,
        label="Mapping profile",
        help_text="For CSV, XLSX and JSON; its version of the day is used.",
    )

    class Meta:
        model = Connector
        fields = ["partner", "name", "kind", "format", "profile_name", "every_minutes", "alert_after", "active"]
        widgets = {"kind": forms.HiddenInput}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        cast(forms.ChoiceField, self.fields["format"]).choices = format_choices(self.instance.format)
        for setting in self.kind_settings:
            if setting.name in self.instance.config:
                self.initial[f"set_{setting.name}"] = self.instance.config[setting.name]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        for setting in self.kind_settings:
            text = said.get(f"set_{setting.name}")
            fault = setting.check(text) if setting.check and text else ""
            if fault:
                self.add_error(f"set_{setting.name}", fault)
        if "set_auth" in said:
            self._check_auth(said)
        return said

    def _check_auth(self, said: dict[str, Any]) -> None:
        needs_name = {"basic": "set_user", "header": "set_header"}.get(said["set_auth"], "")
        if needs_name and not said.get(needs_name):
            self.add_error(needs_name, "Needed for what is chosen above.")
        if said["set_auth"] not in {"", "none"} and not said.get("new_secret") and not self.instance.secret:
            self.add_error("new_secret", "Needed for what is chosen above.")

    def save(self, commit: bool = True) -> Any:
        said = self.cleaned_data
        typed = {setting.name: said.get(f"set_{setting.name}") for setting in self.kind_settings}
        self.instance.config = merged(self.instance.config, typed, self.instance.kind)
        if said.get("new_secret"):
            self.instance.secret = said["new_secret"]
        return super().save(commit)


def form_for(kind: str) -> type[ConnectorForm]:
    """The form with the fields of one kind. A private key has lines, so its box has them too."""
    made: dict[str, Any] = {f"set_{setting.name}": field_of(setting) for setting in settings_of(kind)}
    if KINDS[kind].CREDENTIAL:
        made["new_secret"] = forms.CharField(
            required=False, strip=False, label=KINDS[kind].CREDENTIAL, help_text="Kept encrypted and never shown again. Empty: keep what is there.",
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "class": "font-mono", "autocomplete": "off", "spellcheck": "false"}) if kind == "sftp"
            else UnfoldAdminTextInputWidget(attrs={"type": "password", "autocomplete": "new-password"}),
        )  # fmt: skip
    return type("ConnectorForm", (ConnectorForm,), {**made, "kind_settings": settings_of(kind), "__module__": __name__})
