"""The form of a matching rule: a condition a row, checked as the engine would read it."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.db import DataError, connection, transaction
from unfold.widgets import UnfoldAdminTextInputWidget

from payos.kernel.formrows import Column, RowsField
from payos.kernel.money import MoneyError, display, parse_minor, to_decimal_str
from reconciliation.matching.spec import FIELDS, NUMBER_OPERATORS, TEXT_OPERATORS, Condition, SpecError
from reconciliation.models import Rule

FIELD_WORDS = {
    "reference": "Reference", "counterparty": "Counterparty", "description": "Description", "type": "Type", "batch_id": "Batch id", "currency": "Currency",
    "amount_minor": "Amount", "day": "Day", "ext_id": "Id of the item",
}  # fmt: skip
OPERATOR_WORDS = {
    "equals": "is", "contains": "contains", "starts_with": "begins with", "matches": "fits the pattern", "at_least": "is at least", "at_most": "is at most",
}  # fmt: skip


def condition_words(condition: dict[str, Any], rule: Rule) -> str:
    """A stored condition as a sentence: Description contains "INTEREST"."""
    field, operator, value = (str(condition.get(name, "")) for name in ("field", "operator", "value"))
    if field == "amount_minor" and rule.account is not None and value.lstrip("-").isdigit():
        value = display(int(value), rule.account.currency)
    return f"{FIELD_WORDS.get(field, field)} {OPERATOR_WORDS.get(operator, operator)} \u201c{value}\u201d"


class RuleForm(forms.ModelForm):
    conditions = RowsField(
        Column("field", "Field", choices=tuple((name, FIELD_WORDS.get(name, name)) for name in FIELDS)),
        Column("operator", "Comparison", choices=tuple(OPERATOR_WORDS.items())),
        Column("value", "Value", hint="such as INTEREST"),
        label="Conditions",
        help_text="All of them must hold. Large and small letters are the same. An amount as 12.50 in the account's currency (negative: money out) and a day as "
        "2026-11-20 take is, is at least and is at most; all else takes is, contains, begins with and fits the pattern. Empty rows are left out; saving gives more.",
    )

    class Meta:
        model = Rule
        fields = ["partner", "account", "name", "priority", "side", "action", "reason"]
        widgets = {"name": UnfoldAdminTextInputWidget}
        help_texts = {
            "partner": "Empty: for all partners.",
            "account": "Empty: for all bank accounts.",
            "reason": "Kept with every line that the rule meets.",
            "priority": "The lowest number comes first.",
            "side": "Internal: our items. External: the bank's lines.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "conditions" in self.fields and self.instance.conditions:
            account = self.instance.account
            self.initial["conditions"] = [
                {**one, "value": to_decimal_str(int(one["value"]), account.currency)}
                if account is not None and one.get("field") == "amount_minor" and str(one.get("value", "")).lstrip("-").isdigit()
                else one
                for one in self.instance.conditions
            ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        kept: list[dict[str, str]] = []
        for number, row in enumerate(data.get("conditions") or [], 1):
            try:
                kept.append(self._read(row, data.get("account")))
            except (SpecError, MoneyError, ValueError) as error:
                self.add_error("conditions", f"Row {number}: {str(error).rstrip('.')}.")
        data["conditions"] = kept
        return data

    def _read(self, row: dict[str, str], account: Any) -> dict[str, str]:
        field, operator, value = row["field"], row["operator"], row["value"]
        name = FIELD_WORDS.get(field, field)
        allowed = NUMBER_OPERATORS if field in {"amount_minor", "day"} else TEXT_OPERATORS
        if operator not in allowed:
            raise ValueError(
                f"{name} cannot be compared by {OPERATOR_WORDS.get(operator, operator)!r}: choose {', '.join(OPERATOR_WORDS[one] for one in allowed)}"
            )
        Condition(field, operator, value)
        if field == "amount_minor":
            if account is None:
                raise ValueError("an amount needs the account whose currency it is in: choose one above")
            value = str(parse_minor(value, account.currency))
        elif field == "day":
            try:
                date.fromisoformat(value)
            except ValueError:
                raise ValueError(f"{value[:40]!r} is no day: write it as 2026-11-20") from None
        elif operator == "matches":
            self._fits(value)
        return {"field": field, "operator": operator, "value": value}

    @staticmethod
    def _fits(pattern: str) -> None:
        """The database reads the pattern in the run; what it cannot read is refused here."""
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT '' ~* %s", [pattern])
        except DataError as error:
            said = str(error).partition("\n")[0].partition(": ")[2] or str(error)
            raise ValueError(f"the pattern {pattern[:60]!r} cannot be read ({said})") from None
