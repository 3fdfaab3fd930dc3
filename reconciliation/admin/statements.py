"""Statements and their lines, and what a person does with a line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from operations.templatetags.payos import words
from partners.models import Partner
from payos.kernel.admin import ReadOnlyModelAdmin, pretty
from payos.kernel.errors import Problem
from payos.kernel.forms import ReasonForm
from payos.kernel.money import MoneyError, parse_minor
from payos.kernel.money import display as money
from reconciliation import services
from reconciliation.admin.parts import back_to, may_work
from reconciliation.models import (
    Statement,
    StatementLine,
)
from reconciliation.services import booking
from settlement.admin.html import link, table


class AdjustForm(ReasonForm):
    code = forms.ChoiceField(label="Against", choices=list(booking.BOOK_TO.items()), widget=UnfoldAdminSelectWidget)
    partner = forms.ModelChoiceField(
        Partner.objects.filter(active=True), required=False, widget=UnfoldAdminSelectWidget,
        help_text="Whose books it goes to, where the account carries many partners' money",
    )  # fmt: skip


class SplitForm(ReasonForm):
    amounts = forms.CharField(
        label="Amounts",
        widget=UnfoldAdminTextInputWidget,
        help_text="With the sign of the line, separated by spaces, for example -60.00 -40.00",
    )


@admin.register(Statement)
class StatementAdmin(ReadOnlyModelAdmin):
    list_display = [
        "show_day",
        "account",
        "number",
        "show_opening",
        "show_closing",
        "line_count",
        "show_open_count",
        "show_state",
        "file_name",
    ]
    list_filter = ["state", "account"]
    list_select_related = ["account"]
    search_fields = ["number", "file_name"]
    search_help_text = "Statement number or name of the file"
    date_hierarchy = "on"
    empty_words = "Statements come with files: upload one under Files, or let a connector fetch them."
    fieldsets = (
        (None, {"fields": ("public_id", "show_day", "account", "partner", "livemode", "number", "show_state")}),
        ("What it says", {"fields": ("opening_minor", "sum_minor", "closing_minor", "line_count", "show_adds_up", "show_controls")}),
        ("What became of it", {"fields": ("new_lines", "show_open_count", "show_lines", "rejects")}),
        ("Where it came from", {"fields": ("file_name", "file_sha256", "parser", "created_at")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        lines = (
            StatementLine.objects.filter(statement=OuterRef("pk"), state="open")
            .order_by()
            .values("statement")
            .annotate(n=Count("pk"))
            .values("n")
        )
        return super().get_queryset(request).annotate(open_count=Coalesce(Subquery(lines), 0))

    @display(description="Day", ordering="on")
    def show_day(self, statement: Statement) -> str:
        return f"{statement.on:%Y-%m-%d}"

    @display(description="Open lines")
    def show_open_count(self, statement: Any) -> str:
        return f"{statement.open_count:,}"

    @display(description="Opening and lines make its closing")
    def show_adds_up(self, statement: Statement) -> str:
        return {True: "yes", False: "no", None: "the file does not say enough to check"}[statement.balances_ok]

    @display(description="Totals that the file states")
    def show_controls(self, statement: Statement) -> Any:
        rows = [
            (name.replace("_", " "), row.get("stated"), row.get("found"), "agrees" if row.get("ok") else "differs")
            for name, row in statement.controls.items() if isinstance(row, dict)
        ]  # fmt: skip
        written = [
            (name, *(self._total(name, value, statement) for value in (stated, found)), verdict) for name, stated, found, verdict in rows
        ]
        return table(["Total", "Stated", "Found", ""], written)

    @staticmethod
    def _total(name: str, value: Any, statement: Statement) -> Any:
        return money(value, statement.currency) if isinstance(value, int) and "count" not in name.lower() else value

    @display(description="Lines")
    def show_lines(self, statement: Statement) -> Any:
        address = f"{reverse('admin:reconciliation_statementline_changelist')}?statement__id__exact={statement.pk}"
        count = statement.lines.count()
        return link(address, "The line that it brought first" if count == 1 else f"The {count:,} lines that it brought first")

    @display(description="Opening")
    def show_opening(self, statement: Statement) -> str:
        return money(statement.opening_minor, statement.currency) or "–"

    @display(description="Closing")
    def show_closing(self, statement: Statement) -> str:
        return money(statement.closing_minor, statement.currency) or "–"

    @display(description="State", label={"Imported": "info", "Balanced": "info", "Out of balance": "danger", "Reconciled": "success"})
    def show_state(self, statement: Statement) -> str:
        return words(statement.state)


@admin.register(StatementLine)
class StatementLineAdmin(ReadOnlyModelAdmin):
    list_display = ["value_on", "account", "show_amount", "reference", "counterparty", "show_state", "type_code"]
    list_filter = ["state", "account"]
    list_select_related = ["account"]
    search_fields = ["=reference", "description"]
    search_help_text = "Line id, the whole reference, or words of the description"
    date_hierarchy = "value_on"
    empty_words = "Lines come with statements."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "public_id",
                    "value_on",
                    "booked_on",
                    "show_amount",
                    "fee_minor",
                    "show_state",
                    "account",
                    "statement",
                    "show_parts",
                )
            },
        ),
        ("What the bank said", {"fields": ("reference", "references", "counterparty", "description", "type_code", "batch_id")}),
        ("As it stood in the file", {"fields": ("position", "show_raw")}),
    )
    actions_detail = ["book", "set_aside", "split", "join"]
    has_work_permission = may_work

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        return lookup == "statement__id__exact" or super().lookup_allowed(lookup, value, request)

    @display(description="Parts")
    def show_parts(self, line: StatementLine) -> Any:
        if line.part_of_id:
            whole = line.part_of
            return format_html(
                "Part of {}",
                link(reverse("admin:reconciliation_statementline_change", args=[line.part_of_id]), whole.public_id if whole else ""),
            )
        parts = line.parts.exclude(state="replaced").order_by("pk")
        rows = [
            (
                link(reverse("admin:reconciliation_statementline_change", args=[part.pk]), part.public_id),
                money(part.amount_minor, part.currency),
                words(part.state),
            )
            for part in parts
        ]
        return table(["Part", "Amount", "State"], rows, "It is whole.")

    @display(description="Text")
    def show_raw(self, line: StatementLine) -> Any:
        return pretty(line.raw)

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, line: StatementLine) -> str:
        return money(line.amount_minor, line.currency)

    @display(
        description="State",
        label={"Open": "warning", "Matched": "success", "Booked": "info", "Set aside": "info", "Split": "info", "Replaced": "default"},
    )
    def show_state(self, line: StatementLine) -> str:
        return "Set aside" if line.state == "ignored" else line.get_state_display()

    @action(
        description="Book it", icon="post_add", permissions=["work"],
        dialog={"title": "Book a line that is nobody's", "description": "Posts cash against the chosen account; over your limit a second person is asked.", "form_class": AdjustForm, "form_submit_text": "Book"},
    )  # fmt: skip
    def book(self, request: HttpRequest, form: AdjustForm, object_id: str) -> HttpResponse:
        line = StatementLine.objects.get(pk=object_id)
        owner = form.cleaned_data["partner"]
        posted, asked = booking.book_line(
            line=line,
            code=form.cleaned_data["code"],
            partner=str(owner.pk) if owner else "",
            reason=form.cleaned_data["reason"],
            user=request.user,
        )
        if asked is not None:
            messages.info(request, f"Over what you may book alone: {asked.public_id} waits for a second person.")
            return back_to(request, "operations_approval_change", asked.pk)
        messages.success(request, f"Booked as {posted}.")
        return back_to(request, "reconciliation_statementline_change", object_id)

    @action(
        description="Set aside", icon="visibility_off", permissions=["work"],
        dialog={"title": "Set the line aside", "description": "It moves no money of ours.", "form_class": ReasonForm, "form_submit_text": "Set aside"},
    )  # fmt: skip
    def set_aside(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.ignore_line(line=StatementLine.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The line is set aside.")
        return back_to(request, "reconciliation_statementline_change", object_id)

    @action(
        description="Split", icon="call_split", permissions=["work"],
        dialog={"title": "Split the line", "description": "Into parts that are matched or booked one by one.", "form_class": SplitForm, "form_submit_text": "Split"},
    )  # fmt: skip
    def split(self, request: HttpRequest, form: SplitForm, object_id: str) -> HttpResponse:
        line = StatementLine.objects.get(pk=object_id)
        try:
            amounts = [parse_minor(text, line.currency) for text in form.cleaned_data["amounts"].split()]
        except MoneyError as error:
            raise Problem("unprocessable", f"An amount cannot be read: {error}") from None
        parts = services.split_line(line=line, amounts=amounts, reason=form.cleaned_data["reason"])
        messages.success(request, f"Split into {', '.join(part.public_id for part in parts)}.")
        return back_to(request, "reconciliation_statementline_change", object_id)

    @action(
        description="Put together", icon="call_merge", permissions=["work"],
        dialog={"title": "Put the line together again", "description": "While none of its parts is decided.", "form_class": ReasonForm, "form_submit_text": "Put together"},
    )  # fmt: skip
    def join(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.join_line(line=StatementLine.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The line is whole and open again.")
        return back_to(request, "reconciliation_statementline_change", object_id)
