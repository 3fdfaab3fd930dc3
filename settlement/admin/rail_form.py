"""The form of a rail: lists by commas, amounts as people write them, settings a row each. Secrets go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from payos.kernel.formrows import SettingsField
from payos.kernel.money import MoneyError, display, exponent, is_currency, parse_minor, to_decimal_str
from settlement import destinations, secrets
from settlement.models import Rail
from settlement.rails.registry import ADAPTERS

# field of the form -> where it is kept, in minor units
AMOUNTS = {"cost_fixed": "cost_fixed_minor", "minimum": "minimum_minor", "maximum": "maximum_minor", "daily_limit": "daily_limit_minor"}


def amount_field(label: str, text: str, required: bool = False) -> forms.CharField:
    return forms.CharField(
        required=required, label=label, max_length=40, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}), help_text=text
    )


def shown_amount(rail: Rail, name: str) -> str:
    """An amount of a rail in its first currency, and what the same number of minor units is where a currency has other decimals."""
    minor = getattr(rail, AMOUNTS[name])
    if minor is None:
        return "no limit"
    first = first_currency(rail) or "USD"
    others = in_others(rail, minor)
    return display(minor, first) + (f" ({others})" if others else "")


def first_currency(rail: Rail) -> str:
    return next((code for code in rail.currencies if is_currency(code)), "")


def in_others(rail: Rail, minor: int) -> str:
    """A limit is one number of minor units: in a currency with other decimals than the first it is another amount."""
    first = first_currency(rail)
    return ", ".join(display(minor, code) for code in rail.currencies if is_currency(code) and exponent(code) != exponent(first))


class ListField(forms.CharField):
    """Values separated by commas, as a list."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        return [part.strip() for part in str(value or "").split(",") if part.strip()]

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise forms.ValidationError("Name at least one.")

    def run_validators(self, value: Any) -> None:
        """The parts are checked by the form."""


class RailForm(forms.ModelForm):
    currencies = ListField(help_text="Codes separated by commas, such as USD, MXN.")
    destination_types = ListField(help_text="Separated by commas: what it can reach, such as us_bank, clabe.")
    protocols = ListField(required=False, help_text="Separated by commas: api, x402, ap2, acp. Empty: any.")
    cost_fixed = amount_field("Fixed cost", "For each transfer, for example 0.25.", required=True)
    minimum = amount_field("Smallest amount", "For example 1.00.", required=True)
    maximum = amount_field("Largest amount", "For example 1000000.00. Empty: no limit.")
    daily_limit = amount_field("Limit per day", "For example 5000000.00. Empty: no limit.")
    config = SettingsField(
        required=False, label="Settings", label_name="Setting", hint="such as url",
        help_text="Settings of the adapter, one a row, for example url = https://bank.example or timeout = 10. Keys go into the fields below.",
    )  # fmt: skip
    new_key = forms.CharField(
        required=False, widget=UnfoldAdminPasswordWidget(), help_text="Entered once and never shown. Empty: stays as it is."
    )
    new_webhook_secret = forms.CharField(
        required=False, widget=UnfoldAdminPasswordWidget(), help_text="What its messages to us are signed with. Empty: stays as it is."
    )

    class Meta:
        model = Rail
        fields = [
            "name", "code", "adapter", "currencies", "destination_types", "protocols", "config", "calendar", "timezone", "cost_basis_points",
            "speed_minutes", "settle_business_days", "load_share", "per_second", "max_attempts", "fallback",
        ]  # fmt: skip
        labels = {
            "cost_basis_points": "Cost (basis points)", "speed_minutes": "Speed (minutes)", "settle_business_days": "Settles after (banking days)",
            "timezone": "Time zone", "per_second": "Calls per second", "max_attempts": "Most attempts",
        }  # fmt: skip
        help_texts = {
            "cost_basis_points": "Of the amount, on top of the fixed cost: 50 is 0.5 %.",
            "per_second": "Over all workers.",
            "adapter": "How it is spoken to.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "config" in self.fields and self.instance.config:
            self.initial["config"] = secrets.masked(self.instance.config)
        if "adapter" in self.fields:
            self.fields["adapter"].help_text = f"One of {', '.join(sorted(ADAPTERS))}."
        first = first_currency(self.instance)
        where = f"In {first}, the first currency above" if first else "In the first currency above"
        for name, column in AMOUNTS.items():
            if name not in self.fields:
                continue
            minor = getattr(self.instance, column)
            if minor is not None:
                self.initial[name] = to_decimal_str(minor, first or "USD")
            others = in_others(self.instance, minor) if minor else ""
            more = f" The same number of smallest units is {others}." if others else ""
            self.fields[name].help_text = f"{where}. {self.fields[name].help_text}{more}"

    def clean_currencies(self) -> list[str]:
        codes = [code.upper() for code in self.cleaned_data["currencies"]]
        unknown = [code for code in codes if not is_currency(code)]
        if unknown:
            raise forms.ValidationError(f"Unknown currency: {', '.join(unknown)}.")
        return codes

    def clean_destination_types(self) -> list[str]:
        types = self.cleaned_data["destination_types"]
        unknown = [kind for kind in types if kind not in destinations.TYPES]
        if unknown:
            raise forms.ValidationError(f"Unknown: {', '.join(unknown)}. Use {', '.join(destinations.TYPES)}.")
        return types

    def clean_adapter(self) -> str:
        name = self.cleaned_data["adapter"]
        if name not in ADAPTERS:
            raise forms.ValidationError(f"There is no adapter {name!r}. Use one of {', '.join(sorted(ADAPTERS))}.")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        currency = next(iter(data.get("currencies") or []), "")
        if not currency:
            return data  # said at the currencies already
        for name, column in AMOUNTS.items():
            if name not in self.fields or name in self.errors:
                continue
            text = (data.get(name) or "").replace(",", "").strip()
            try:
                minor = parse_minor(text, currency) if text else None
            except MoneyError as error:
                self.add_error(name, f"{str(error)[:1].upper()}{str(error)[1:]}.")
                continue
            if minor is not None and minor < 0:
                self.add_error(name, "An amount here is not negative.")
            setattr(self.instance, column, minor)
        smallest, largest = self.instance.minimum_minor, self.instance.maximum_minor
        if not self.errors and largest is not None and smallest is not None and largest < smallest:
            self.add_error("maximum", "The largest amount is less than the smallest.")
        return data

    def clean_config(self) -> dict[str, Any]:
        config = self.cleaned_data["config"] or {}
        return secrets.unmasked(config, Rail.objects.get(pk=self.instance.pk).config if not self.instance._state.adding else {})
