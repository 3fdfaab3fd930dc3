"""What came of matching: runs, matches, discrepancies and suggestions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.decorators import action, display

from operations.models import Case
from operations.templatetags.payos import spoken, words
from payos.kernel.admin import ReadOnlyModelAdmin
from payos.kernel.forms import DialogForm, ReasonForm
from payos.kernel.money import display as money
from payos.kernel.reading import facts
from reconciliation import selectors, services
from reconciliation.admin.parts import back_to, end_row, item_row, may_work
from reconciliation.models import (
    Discrepancy,
    Match,
    Run,
    StatementLine,
    Suggestion,
)
from settlement.admin.html import link, table

LEVELS = {0: "0, by a person", 1: "1, exact reference", 2: "2, reference as read", 3: "3, amount and date", 4: "4, groups"}


@admin.register(Run)
class RunAdmin(ReadOnlyModelAdmin):
    list_display = ["started_at", "account", "show_trigger", "show_rate", "matches_made", "suggestions_made", "show_found", "show_time"]
    list_filter = ["trigger", "account"]
    list_select_related = ["account"]
    date_hierarchy = "started_at"
    empty_words = "Accounts are reconciled each day, and whenever a statement arrives."
    fieldsets = (
        (None, {"fields": ("public_id", "account", "partner", "livemode", "show_trigger", "started_at", "show_time")}),
        ("What came of it", {"fields": ("show_rate", "show_sides", "matches_made", "suggestions_made", "show_found")}),
        ("How it went", {"fields": ("seconds",)}),
        ("With what it can be replayed", {"fields": ("spec_hash", "spec")}),
    )

    @display(description="Started by", ordering="trigger")
    def show_trigger(self, run: Run) -> str:
        return {"daily": "the clock", "arrival": "a statement's arrival", "manual": "a person", "replay": "a replay"}.get(
            run.trigger, run.trigger
        )

    @display(description="Matched")
    def show_sides(self, run: Run) -> str:
        return f"{run.matched_internal:,} of {run.internal:,} items of ours, {run.matched_external:,} of {run.external:,} lines of the bank"

    @display(description="Match rate")
    def show_rate(self, run: Run) -> str:
        return f"{run.match_rate:.2%}"

    @display(description="Discrepancies")
    def show_found(self, run: Run) -> str:
        return ", ".join(f"{number:,} {spoken(name)}" for name, number in sorted(run.discrepancies_found.items())) or "none"

    @display(description="Took")
    def show_time(self, run: Run) -> str:
        return f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else "running"


@admin.register(Match)
class MatchAdmin(ReadOnlyModelAdmin):
    list_display = [
        "created_at",
        "account",
        "show_amount",
        "show_method",
        "show_level",
        "show_confidence",
        "show_difference",
        "show_state",
        "made_by",
    ]
    list_filter = ["state", "level", "account"]
    list_select_related = ["account"]
    actions_detail = ["undo", "propose_rule"]
    empty_words = "Matches are made by reconciliation runs and by people at the workbench."
    fieldsets = (
        (None, {"fields": ("public_id", "show_amount", "show_difference", "fee_minor", "show_state", "account", "partner", "livemode")}),
        ("What belongs together", {"fields": ("show_ends",)}),
        ("Why", {"fields": ("show_level", "show_method", "show_confidence", "show_reason")}),
        ("Who and when", {"fields": ("made_by", "run", "created_at", "note", "undone_at")}),
    )
    has_work_permission = may_work

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, match: Match) -> str:
        return money(match.amount_minor, match.currency)

    @display(description="Difference")
    def show_difference(self, match: Match) -> str:
        return money(match.difference_minor, match.currency) if match.difference_minor else "–"

    @display(description="Found by", ordering="method")
    def show_method(self, match: Match) -> str:
        return words(match.method)

    @display(description="Level", ordering="level")
    def show_level(self, match: Match) -> str:
        return LEVELS.get(match.level, str(match.level))

    @display(description="Confidence", ordering="confidence")
    def show_confidence(self, match: Match) -> str:
        return f"{match.confidence} %"

    @display(description="State", label={"Active": "success", "Taken back": "danger"})
    def show_state(self, match: Match) -> str:
        return "Taken back" if match.state == "undone" else match.get_state_display()

    @display(description="Ends")
    def show_ends(self, match: Match) -> Any:
        ends = match.items.select_related("line").order_by("line_id", "item_type")
        return table(["What", "Id", "Amount", "Description"], [end_row(end, match.currency) for end in ends])

    @display(description="Evidence")
    def show_reason(self, match: Match) -> Any:
        return facts(
            {
                name: f"{money(value, match.currency)}" if name.endswith("_minor") and isinstance(value, int) else value
                for name, value in match.reason.items()
            }
        )

    @action(
        description="Take back", icon="undo", permissions=["work"],
        dialog={"title": "Take the match back", "description": "Its postings are reversed and both ends are open again.", "form_class": ReasonForm, "form_submit_text": "Take back"},
    )  # fmt: skip
    def undo(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.unmatch(match=Match.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The match is taken back.")
        return back_to(request, "reconciliation_match_change", object_id)

    @action(
        description="Make a rule of it", icon="rule", permissions=["work"],
        dialog={"title": "Propose a rule", "description": "A draft from what these lines have in common.", "form_class": DialogForm, "form_submit_text": "Propose"},
    )  # fmt: skip
    def propose_rule(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        rule = services.propose_from_match(match=Match.objects.get(pk=object_id))
        return back_to(request, "reconciliation_rule_change", rule.pk)


@admin.register(Discrepancy)
class DiscrepancyAdmin(ReadOnlyModelAdmin):
    list_display = ["first_on", "account", "show_type", "show_expected", "show_actual", "show_state"]
    list_filter = ["state", "type", "account"]
    list_select_related = ["account"]
    date_hierarchy = "first_on"
    empty_words = "Everything agrees, or is explained."
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "public_id",
                    "show_type",
                    "show_expected",
                    "show_actual",
                    "account",
                    "partner",
                    "livemode",
                    "first_on",
                    "show_state",
                    "resolved_at",
                )
            },
        ),
        ("What it is about", {"fields": ("show_ends", "reason")}),
        ("Where it is worked", {"fields": ("show_case", "run")}),
    )

    @display(description="Type", ordering="type")
    def show_type(self, row: Discrepancy) -> str:
        return words(row.type)

    @display(description="Ends")
    def show_ends(self, row: Discrepancy) -> Any:
        lines = StatementLine.objects.filter(pk__in=row.lines[:100]).order_by("pk")
        rows = [
            [
                "Line of the bank",
                link(reverse("admin:reconciliation_statementline_change", args=[line.pk]), line.public_id),
                money(line.amount_minor, line.currency),
                line.reference or line.description[:120],
            ]
            for line in lines
        ]
        for item in selectors.items(row.items[:100]):
            rows.append([*item_row(item["id"]), money(item["amount_minor"], item["currency"]), item["reference"] or item["description"]])
        return table(["What", "Id", "Amount", "Reference"], rows)

    @display(description="Case")
    def show_case(self, row: Discrepancy) -> Any:
        case = Case.objects.filter(cause_key=row.cause_key).order_by("-pk").first()
        return (
            link(reverse("admin:operations_case_change", args=[case.pk]), f"{case.title} ({words(case.state).lower()})") if case else "none"
        )

    @display(description="Expected")
    def show_expected(self, row: Discrepancy) -> str:
        return money(row.expected_minor, row.currency)

    @display(description="Found")
    def show_actual(self, row: Discrepancy) -> str:
        return money(row.actual_minor, row.currency)

    @display(description="State", label={"Open": "warning", "Resolved": "success"})
    def show_state(self, row: Discrepancy) -> str:
        return row.get_state_display()


@admin.register(Suggestion)
class SuggestionAdmin(ReadOnlyModelAdmin):
    list_display = ["account", "show_confidence", "show_ends", "run"]
    list_filter = ["account"]
    list_select_related = ["account", "run__account"]
    empty_words = "What nobody is sure of is suggested by the next reconciliation run."
    fields = ["public_id", "account", "show_confidence", "show_items", "show_lines", "reason", "run"]

    @display(description="Confidence", ordering="confidence")
    def show_confidence(self, row: Suggestion) -> str:
        return f"{row.confidence} %"

    @display(description="Of ours")
    def show_items(self, row: Suggestion) -> Any:
        return table(["What", "Id"], [item_row(text) for text in row.items[:100]])

    @display(description="Of the bank")
    def show_lines(self, row: Suggestion) -> Any:
        lines = StatementLine.objects.filter(pk__in=row.lines[:100]).order_by("pk")
        return table(
            ["Id", "Amount", "Reference"],
            [
                (
                    link(reverse("admin:reconciliation_statementline_change", args=[one.pk]), one.public_id),
                    money(one.amount_minor, one.currency),
                    one.reference,
                )
                for one in lines
            ],
        )

    @display(description="What may belong together")
    def show_ends(self, row: Suggestion) -> str:
        return f"{len(row.items)} of ours, {len(row.lines)} of the bank's"
