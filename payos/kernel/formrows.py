"""Form fields for what is kept as JSON: a small table of rows, and what it refuses names the row.

No script is needed: there are always a few empty rows, and a saved form offers more.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

MOST_ROWS = 30
SPARE_ROWS = 3
NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,9})?\Z", re.ASCII)


@dataclass(frozen=True)
class Column:
    """One cell of every row: a choice among `choices`, or text with `offers` to pick from."""

    name: str
    label: str
    choices: tuple[tuple[str, str], ...] = ()
    offers: tuple[tuple[str, str], ...] = ()
    hint: str = ""

    def render(self, prefix: str, number: int, value: str) -> SafeString:
        attrs = {
            "id": f"id_{prefix}-{number}-{self.name}",
            "aria-label": f"{self.label}, row {number + 1}",
            "class": "min-w-0",
        }
        name = f"{prefix}-{number}-{self.name}"
        if self.choices:
            shown = [("", "–"), *self.choices]
            if value and value not in dict(self.choices):
                shown.append((value, value))  # what is stored is shown, so that it can be mended
            return UnfoldAdminSelectWidget(attrs=attrs, choices=shown).render(name, value)
        if self.offers:
            attrs |= {"list": f"{prefix}-{self.name}-offers"}
        return UnfoldAdminTextInputWidget(attrs=attrs | {"placeholder": self.hint if number == 0 else "", "autocomplete": "off"}).render(
            name, value
        )

    def offered(self, prefix: str) -> SafeString:
        if not self.offers or self.choices:
            return SafeString("")
        options = format_html_join("", '<option value="{}">{}</option>', self.offers)
        return format_html('<datalist id="{}-{}-offers">{}</datalist>', prefix, self.name, options)


class RowsWidget(forms.Widget):
    def __init__(self, columns: tuple[Column, ...], attrs: Any = None) -> None:
        super().__init__(attrs)
        self.columns = columns

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        rows = [row for row in value or [] if isinstance(row, Mapping)]
        count = min(len(rows) + SPARE_ROWS, MOST_ROWS)
        rows += [{}] * (count - len(rows))
        head = format_html_join("", '<th scope="col">{}</th>', [(column.label,) for column in self.columns])
        body = format_html_join(
            "", "<tr>{}</tr>",
            [
                (format_html_join("", "<td>{}</td>", [(column.render(name, number, str(row.get(column.name, ""))),) for column in self.columns]),)
                for number, row in enumerate(rows)
            ],
        )  # fmt: skip
        offers = format_html_join("", "{}", [(column.offered(name),) for column in self.columns])
        return format_html(
            '<table class="payos-rows" id="id_{}"><thead><tr>{}</tr></thead><tbody>{}</tbody></table>{}',
            name,
            head,
            body,
            offers,
        )

    def value_from_datadict(self, data: Mapping[str, Any], files: MultiValueDict, name: str) -> list[dict[str, str]]:
        rows = []
        for number in range(MOST_ROWS):
            row = {column.name: str(data.get(f"{name}-{number}-{column.name}", "")).strip() for column in self.columns}
            if any(row.values()):
                rows.append(row)
        return rows

    def value_omitted_from_data(self, data: Mapping[str, Any], files: MultiValueDict, name: str) -> bool:
        return not any(f"{name}-{number}-{column.name}" in data for number in range(MOST_ROWS) for column in self.columns)

    def id_for_label(self, id_: str) -> str:
        return f"{id_}-0-{self.columns[0].name}" if id_ else id_


class RowsField(forms.Field):
    """Complete rows as a list of dictionaries; `check` says in words what is wrong with one, or nothing."""

    def __init__(self, *columns: Column, check: Callable[[dict[str, str]], str | None] | None = None, **kwargs: Any) -> None:
        self.columns, self.check = columns, check
        super().__init__(**{"widget": RowsWidget(columns), **kwargs})

    def prepare_value(self, value: Any) -> Any:
        return value

    def to_python(self, value: Any) -> Any:
        return list(value or [])

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise forms.ValidationError("Fill in at least one row.")
        wrong = []
        for number, row in enumerate(value, 1):
            missing = [column.label.lower() for column in self.columns if not row[column.name]]
            said = f"the {' and the '.join(missing)} is missing" if missing else self.check(row) if self.check else None
            if said:
                wrong.append(f"Row {number}: {said.rstrip('.')}.")
        if wrong:
            raise forms.ValidationError(wrong)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool((self.prepare_value(initial) or []) != (data or []))


class FactsField(RowsField):
    """A dictionary: a name and its value a row."""

    def __init__(self, *, label_name: str = "Name", offers: tuple[tuple[str, str], ...] = (), hint: str = "", **kwargs: Any) -> None:
        super().__init__(Column("name", label_name, offers=offers, hint=hint), Column("value", "Value"), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return [{"name": name, "value": self.write(one)} for name, one in value.items()] if isinstance(value, Mapping) else value

    def clean(self, value: Any) -> dict[str, Any]:
        rows = super().clean(value)
        twice = sorted({row["name"] for row in rows if [other["name"] for other in rows].count(row["name"]) > 1})
        if twice:
            raise forms.ValidationError(f"Given twice: {', '.join(twice)}.")
        return {row["name"]: self.read(row["value"]) for row in rows}

    def write(self, value: Any) -> str:
        return str(value)

    def read(self, text: str) -> Any:
        return text


class SettingsField(FactsField):
    """Settings of an adapter: yes and no, numbers, text, and what is deeper as JSON in its cell."""

    def write(self, value: Any) -> str:
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            # What would be read as something else keeps its quotes.
            return json.dumps(value) if self.read(value) != value else value
        return json.dumps(value, ensure_ascii=False)

    def validate(self, value: Any) -> None:
        super().validate(value)
        for number, row in enumerate(value, 1):
            if row["value"][:1] in "[{":
                try:
                    json.loads(row["value"])
                except ValueError as error:
                    raise forms.ValidationError(
                        f"Row {number}, {row['name']}: the value begins like JSON and cannot be read as such: {error}."
                    ) from error

    def read(self, text: str) -> Any:
        if text in {"yes", "true"} or text in {"no", "false"}:
            return text in {"yes", "true"}
        if NUMBER.match(text) or text[:1] in {"[", "{", '"'}:
            try:
                return json.loads(text)
            except ValueError:
                return text
        return text
