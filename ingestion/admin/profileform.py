"""The form of a mapping profile: what a person writes, and the definition that it means."""

from __future__ import annotations

import base64
import binascii
import io
import json
from typing import Any, BinaryIO

from django import forms
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from ingestion.models.profile import KINDS
from ingestion.parsers.processors import BUILT_IN
from ingestion.parsers.profiles import FIELDS, Profile
from partners.models import Partner
from payos.kernel.forms import PlainFileInput

LARGEST_CARRIED = 1 << 20
ENCODINGS = ["", "utf-8", "cp1252", "cp1250", "iso-8859-1", "iso-8859-15", "utf-16", "cp850"]
DELIMITERS = [("", "found by looking"), (",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "bar")]


class MapField(forms.CharField):
    """Lines of `field = Header | Other header` as {"field": ["Header", "Other header"]}."""

    def __init__(self, *, several: bool = True, **options: Any) -> None:
        self.several = several
        rows = options.pop("rows", 8)
        super().__init__(widget=UnfoldAdminTextareaWidget(attrs={"rows": rows, "class": "font-mono"}), strip=False, **options)

    def to_python(self, value: Any) -> Any:
        found: dict[str, Any] = {}
        for number, line in enumerate(str(value or "").splitlines(), 1):
            if not line.strip():
                continue
            name, equals, text = line.partition("=")
            if not equals or not name.strip() or not text.strip():
                raise forms.ValidationError(f"Line {number}: write it as: field = column.")
            if name.strip() in found:
                raise forms.ValidationError(
                    f"Line {number}: {name.strip()} stands there twice; put its columns on one line, with a bar between."
                )
            found[name.strip()] = [part.strip() for part in text.split("|") if part.strip()] if self.several else text.strip()
        return found

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise forms.ValidationError("Name at least one column.")

    @staticmethod
    def shown(value: dict[str, Any]) -> str:
        return "\n".join(f"{name} = {text if isinstance(text, str) else ' | '.join(text)}" for name, text in value.items())


class ListField(forms.CharField):
    """Words with commas between them."""

    def to_python(self, value: Any) -> Any:
        return [word.strip() for word in str(value or "").split(",") if word.strip()]

    def validate(self, value: Any) -> None:
        """Any words will do."""


class TermsField(forms.CharField):
    """`gross - fee - {VAT amount}` as [[1, "gross"], [-1, "fee"], [-1, "VAT amount"]]."""

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        terms: list[list[Any]] = []
        sign, name, inside = 1, "", False
        for letter in [*text, "+"] if text else []:
            if letter == "{":
                inside = True
            elif letter == "}":
                inside = False
            elif letter in "+-" and not inside and (name.endswith(" ") or not name or letter == "+" or name.strip() in FIELDS):
                if name.strip():
                    terms.append([sign, name.strip()])
                    name = ""
                sign = -1 if letter == "-" else 1
            else:
                name += letter
        return terms

    def validate(self, value: Any) -> None:
        """Unknown columns show in the preview."""

    @staticmethod
    def shown(terms: Any) -> str:
        text = ""
        for sign, name in terms:
            word = name if name in FIELDS else "{" + name + "}"
            text += (f" {'-' if sign < 0 else '+'} " if text or sign < 0 else "") + word
        return text.strip()


def _text(**options: Any) -> forms.CharField:
    return forms.CharField(required=False, widget=UnfoldAdminTextInputWidget, **options)


class ProfileForm(forms.Form):
    partner = forms.ModelChoiceField(
        queryset=Partner.objects.all(),
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="Empty: the platform's; every partner may name it.",
    )
    name = forms.SlugField(
        max_length=60, widget=UnfoldAdminTextInputWidget, help_text="What connectors, uploads and parse_file call it by."
    )
    title = _text(max_length=120)
    kind = forms.ChoiceField(choices=KINDS, widget=UnfoldAdminSelectWidget)
    delimiter = forms.ChoiceField(choices=DELIMITERS, required=False, widget=UnfoldAdminSelectWidget)
    encoding = forms.ChoiceField(
        choices=[(name, name or "found by looking") for name in ENCODINGS], required=False, widget=UnfoldAdminSelectWidget
    )
    has_header = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanWidget, label="The table has a header")
    header_row = forms.IntegerField(
        required=False, min_value=1, max_value=100, widget=UnfoldAdminTextInputWidget,
        help_text="Row of the header, counted from 1. Empty: looked for, under whatever stands above it. Without a header: the last row before the data.",
    )  # fmt: skip
    sheet = _text(max_length=60, help_text="Workbooks: the sheet's name. Empty: the first one that holds a table.")
    records = _text(max_length=200, help_text="JSON: path of the list of records, such as data.items.")
    decimal = forms.ChoiceField(
        choices=[("", "found by looking"), (".", "1,234.56 (point)"), (",", "1.234,56 (comma)")],
        required=False,
        widget=UnfoldAdminSelectWidget,
        label="Decimal mark",
    )
    minor_units = forms.BooleanField(required=False, widget=UnfoldBooleanWidget, help_text="Amounts are whole cents.")
    negate = forms.BooleanField(
        required=False, widget=UnfoldBooleanWidget, label="Turn the sign", help_text="Positive in the file is money out."
    )
    date_order = forms.ChoiceField(
        choices=[("", "found by looking"), ("dmy", "day month year"), ("mdy", "month day year"), ("ymd", "year month day")],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    date_format = _text(max_length=40, help_text="Only where dates are written unusually: %d %b %y, %y%m%d, ...")
    currency = _text(max_length=4, help_text="Where no column names one.")
    account = _text(max_length=60, help_text="Where no column names one.")
    columns = MapField(
        rows=9,
        help_text=f"One line a field: field = column | other name of the column. For JSON, columns are paths. Fields: {', '.join(sorted(FIELDS))}.",
    )
    references = MapField(
        rows=4, required=False, help_text="Kinds of reference in the same way: id, customer, end_to_end, bank, mandate, check or your own."
    )
    computed = MapField(
        rows=3,
        several=False,
        required=False,
        help_text="Fields made of columns: description = {Type}: {Memo}, reference:customer = {Order}-{Item}.",
    )
    amount_terms = TermsField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        label="Amount as a sum",
        help_text="gross - fee, or columns of the file in braces: gross - {VAT}.",
    )
    debit_words = ListField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Words of the direction column that mean money out, with commas."
    )
    credit_words = ListField(required=False, widget=UnfoldAdminTextInputWidget, help_text="Words that mean money in.")
    settled = ListField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Statuses whose rows moved money; other rows are shown and not booked."
    )
    row_kinds = ListField(
        required=False, widget=UnfoldAdminTextInputWidget, help_text="Values of the row_kind column whose rows are transactions."
    )
    unique = _text(max_length=40, help_text="Kind of reference that must not come twice in a file.")
    more = forms.CharField(required=False, widget=forms.HiddenInput)
    active = forms.BooleanField(required=False, initial=True, widget=UnfoldBooleanWidget)
    note = _text(max_length=300, help_text="Why this version is made.")
    sample_text = forms.CharField(
        required=False, strip=False, max_length=LARGEST_CARRIED, label="Sample",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "class": "font-mono", "wrap": "off"}), help_text="Paste the beginning of a file, or choose one below.",
    )  # fmt: skip
    sample_file = forms.FileField(required=False, widget=PlainFileInput)
    carried = forms.CharField(required=False, widget=forms.HiddenInput)
    carried_name = forms.CharField(required=False, widget=forms.HiddenInput)

    GROUPS = (
        ("Name", ("partner", "name", "title", "kind", "note", "active")),
        ("File", ("delimiter", "encoding", "has_header", "header_row", "sheet", "records")),
        ("Numbers and dates", ("decimal", "minor_units", "negate", "date_order", "date_format", "currency", "account")),
        ("Columns", ("columns", "references", "computed", "amount_terms", "debit_words", "credit_words")),
        ("Which rows count", ("settled", "row_kinds", "unique")),
    )
    SAMPLE = ("sample_text", "sample_file", "carried", "carried_name")

    def groups(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        """The fields as the page shows them; the last part says whether they need the whole width."""
        return [(title, [self[name] for name in names], title == "Columns") for title, names in self.GROUPS]

    def definition(self) -> dict[str, Any]:
        """What the form says, as the profile keeps it."""
        said = self.cleaned_data
        row = said["header_row"]
        try:
            more = json.loads(said["more"]) if said["more"] else {}
        except ValueError:
            more = {}
        same = ("delimiter", "encoding", "has_header", "sheet", "records", "decimal", "minor_units", "negate", "date_order", "date_format", "account", "columns",
                "references", "computed", "amount_terms", "debit_words", "credit_words", "settled", "row_kinds", "unique")  # fmt: skip
        return {
            **{key: more[key] for key in ("signature", "minor_places") if key in more},
            **{key: said[key] for key in same}, "currency": said["currency"].upper(), "header_row": None if row is None else row - 1,
        }  # fmt: skip

    def sample(self) -> tuple[BinaryIO, str] | None:
        """The sample that was pasted, chosen now, or carried over from the last look."""
        said = self.cleaned_data
        if said.get("sample_file"):
            return said["sample_file"].file, said["sample_file"].name
        if said.get("sample_text", "").strip():
            return io.BytesIO(said["sample_text"].encode()), ""
        if said.get("carried"):
            try:
                return io.BytesIO(base64.b64decode(said["carried"], validate=True)), said.get("carried_name", "")
            except (binascii.Error, ValueError):
                return None
        return None


def initial_of(profile: Profile, kind: str) -> dict[str, Any]:
    """A profile as the form shows it."""
    return {
        "name": profile.name, "title": profile.title, "kind": kind, "delimiter": profile.delimiter, "encoding": profile.encoding,
        "has_header": profile.has_header, "header_row": None if profile.header_row is None else profile.header_row + 1, "sheet": profile.sheet,
        "records": profile.records, "decimal": profile.decimal, "minor_units": profile.minor_units, "negate": profile.negate,
        "date_order": profile.date_order, "date_format": profile.date_format, "currency": profile.currency, "account": profile.account,
        "columns": MapField.shown(profile.columns), "references": MapField.shown(profile.references), "computed": MapField.shown(profile.computed),
        "amount_terms": TermsField.shown(profile.amount_terms), "unique": profile.unique,
        **{key: ", ".join(getattr(profile, key)) for key in ("debit_words", "credit_words", "settled", "row_kinds")},
        "more": json.dumps({"signature": profile.signature, "minor_places": profile.minor_places}),
    }  # fmt: skip


def start_choices() -> list[tuple[str, str]]:
    return [(name, profile.title or name) for name, (_, profile) in sorted(BUILT_IN.items())]
