"""Console pages of reconciliation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from partners.models import Partner
from payos.kernel import clock
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.errors import Problem
from payos.kernel.forms import DialogForm, ReasonForm
from payos.kernel.money import MoneyError, parse_minor
from payos.kernel.money import display as money
from reconciliation import exports, selectors, services
from reconciliation.models import (
    BalanceProof,
    BankAccount,
    Discrepancy,
    Match,
    Run,
    Statement,
    StatementLine,
    Suggestion,
)
from reconciliation.services import booking

WORK = "reconciliation.work_reconciliation"


def _work(self: Any, request: HttpRequest, *args: Any) -> bool:
    return request.user.has_perm(WORK)  # type: ignore[union-attr]


def _back(request: HttpRequest, name: str, object_id: Any = None) -> HttpResponse:
    return redirect(reverse(f"admin:{name}", args=[object_id] if object_id else []))


class ReportForm(DialogForm):
    first = forms.DateField(label="From", initial=lambda: clock.now().date() - timedelta(days=30))
    last = forms.DateField(label="To", initial=lambda: clock.now().date())
    form = forms.ChoiceField(label="As", choices=[("pdf", "PDF"), ("xlsx", "XLSX"), ("csv", "CSV")], widget=UnfoldAdminSelectWidget)


class AdjustForm(ReasonForm):
    code = forms.ChoiceField(label="Against", choices=list(booking.BOOK_TO.items()), widget=UnfoldAdminSelectWidget)
    partner = forms.ModelChoiceField(
        Partner.objects.filter(active=True), required=False, widget=UnfoldAdminSelectWidget,
        help_text="Whose books it goes to, where the account carries many partners' money",
    )  # fmt: skip


class SplitForm(ReasonForm):
    amounts = forms.CharField(
        label="Amounts", widget=UnfoldAdminTextInputWidget, help_text="With the sign of the line, separated by spaces, for example -60.00 -40.00"
    )


@admin.register(BankAccount)
class BankAccountAdmin(PayosModelAdmin):
    list_display = ["name", "identifier", "currency", "rail_code", "partner", "show_open", "show_proof", "active"]
    list_filter = ["active", "currency"]
    list_select_related = ["partner"]
    search_fields = ["name", "identifier"]
    fields = ["partner", "name", "identifier", "currency", "rail_code", "channels", "grace_days", "spec", "active"]
    actions_detail = ["run_now", "prove_today", "report"]
    has_work_permission = _work

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description="Open lines")
    def show_open(self, account: BankAccount) -> str:
        return f"{account.lines.filter(state='open').count():,}"

    @display(description="Last proof", label={"green": "success", "differs": "danger", "none": "info"})
    def show_proof(self, account: BankAccount) -> str:
        proof = account.proofs.order_by("-on").first()
        return "none" if proof is None or proof.difference_minor is None else "green" if proof.green else "differs"

    @action(
        description="Reconcile now", icon="play_circle", permissions=["work"],
        dialog={"title": "Reconcile now", "description": "Matches everything that is open on this account and books the effects.", "form_class": DialogForm, "form_submit_text": "Run"},
    )  # fmt: skip
    def run_now(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        run = services.run_account(account=BankAccount.objects.get(pk=object_id))
        found = sum(run.discrepancies_found.values())
        messages.success(request, f"{run.matches_made} matches, {run.suggestions_made} suggestions, {found} discrepancies.")
        return _back(request, "reconciliation_run_change", run.pk)

    @action(
        description="Prove the balance", icon="verified", permissions=["work"],
        dialog={"title": "Prove today's balance", "description": "Compares the last statement with the ledger.", "form_class": DialogForm, "form_submit_text": "Prove"},
    )  # fmt: skip
    def prove_today(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        proof = services.prove(account=BankAccount.objects.get(pk=object_id), on=clock.now().date())
        return _back(request, "reconciliation_balanceproof_change", proof.pk)

    @action(
        description="Report", icon="description", permissions=["work"],
        dialog={"title": "Report", "description": "Every line of the span and what became of it, with the proof of the balance.", "form_class": ReportForm, "form_submit_text": "Make"},
    )  # fmt: skip
    def report(self, request: HttpRequest, form: ReportForm, object_id: str) -> HttpResponse:
        chosen = form.cleaned_data
        make, kind = exports.FORMATS[chosen["form"]]
        content = make(BankAccount.objects.get(pk=object_id), chosen["first"], chosen["last"])
        answer = HttpResponse(content, content_type=kind)
        answer["Content-Disposition"] = f'attachment; filename="reconciliation-{chosen["first"]}-{chosen["last"]}.{chosen["form"]}"'
        return answer


@admin.register(Statement)
class StatementAdmin(ReadOnlyModelAdmin):
    list_display = ["on", "account", "number", "show_opening", "show_closing", "line_count", "new_lines", "show_state", "file_name"]
    list_filter = ["state", "account"]
    list_select_related = ["account"]
    search_fields = ["number", "file_name"]
    date_hierarchy = "on"

    @display(description="Opening")
    def show_opening(self, statement: Statement) -> str:
        return money(statement.opening_minor, statement.currency)

    @display(description="Closing")
    def show_closing(self, statement: Statement) -> str:
        return money(statement.closing_minor, statement.currency)

    @display(description="State", label={"imported": "info", "balanced": "warning", "out_of_balance": "danger", "reconciled": "success"})
    def show_state(self, statement: Statement) -> str:
        return statement.state


@admin.register(StatementLine)
class StatementLineAdmin(ReadOnlyModelAdmin):
    list_display = ["value_on", "account", "show_amount", "reference", "counterparty", "show_state", "type_code"]
    list_filter = ["state", "account"]
    list_select_related = ["account"]
    search_fields = ["=reference", "description"]
    date_hierarchy = "value_on"
    actions_detail = ["book", "set_aside", "split", "join"]
    has_work_permission = _work

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, line: StatementLine) -> str:
        return money(line.amount_minor, line.currency)

    @display(description="State", label={"open": "warning", "matched": "success", "booked": "info", "ignored": "info"})
    def show_state(self, line: StatementLine) -> str:
        return line.state

    @action(
        description="Book it", icon="post_add", permissions=["work"],
        dialog={"title": "Book a line that is nobody's", "description": "Posts cash against the chosen account; over your limit a second person is asked.", "form_class": AdjustForm, "form_submit_text": "Book"},
    )  # fmt: skip
    def book(self, request: HttpRequest, form: AdjustForm, object_id: str) -> HttpResponse:
        line = StatementLine.objects.get(pk=object_id)
        owner = form.cleaned_data["partner"]
        posted, asked = booking.book_line(
            line=line, code=form.cleaned_data["code"], partner=str(owner.pk) if owner else "", reason=form.cleaned_data["reason"], user=request.user
        )
        if asked is not None:
            messages.info(request, f"Over what you may book alone: {asked.public_id} waits for a second person.")
            return _back(request, "operations_approval_change", asked.pk)
        messages.success(request, f"Booked as {posted}.")
        return _back(request, "reconciliation_statementline_change", object_id)

    @action(
        description="Set aside", icon="visibility_off", permissions=["work"],
        dialog={"title": "Set the line aside", "description": "It moves no money of ours.", "form_class": ReasonForm, "form_submit_text": "Set aside"},
    )  # fmt: skip
    def set_aside(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.ignore_line(line=StatementLine.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The line is set aside.")
        return _back(request, "reconciliation_statementline_change", object_id)

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
        return _back(request, "reconciliation_statementline_change", object_id)

    @action(
        description="Put together", icon="call_merge", permissions=["work"],
        dialog={"title": "Put the line together again", "description": "While none of its parts is decided.", "form_class": ReasonForm, "form_submit_text": "Put together"},
    )  # fmt: skip
    def join(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.join_line(line=StatementLine.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The line is whole and open again.")
        return _back(request, "reconciliation_statementline_change", object_id)


@admin.register(Run)
class RunAdmin(ReadOnlyModelAdmin):
    list_display = ["started_at", "account", "trigger", "show_rate", "matches_made", "suggestions_made", "show_found", "show_time"]
    list_filter = ["trigger", "account"]
    list_select_related = ["account"]
    date_hierarchy = "started_at"

    @display(description="Match rate")
    def show_rate(self, run: Run) -> str:
        return f"{run.match_rate:.2%}"

    @display(description="Discrepancies")
    def show_found(self, run: Run) -> str:
        return ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(run.discrepancies_found.items())) or "none"

    @display(description="Took")
    def show_time(self, run: Run) -> str:
        return f"{(run.finished_at - run.started_at).total_seconds():.1f} s" if run.finished_at else "running"


@admin.register(Match)
class MatchAdmin(ReadOnlyModelAdmin):
    list_display = ["created_at", "account", "show_amount", "method", "level", "confidence", "show_difference", "show_state", "made_by"]
    list_filter = ["state", "level", "account"]
    list_select_related = ["account"]
    actions_detail = ["undo", "propose_rule"]
    readonly_fields = ["show_ends", "show_reason"]
    exclude = ["reason"]
    has_work_permission = _work

    @display(description="Amount", ordering="amount_minor")
    def show_amount(self, match: Match) -> str:
        return money(match.amount_minor, match.currency)

    @display(description="Difference")
    def show_difference(self, match: Match) -> str:
        return money(match.difference_minor, match.currency) if match.difference_minor else ""

    @display(description="State", label={"active": "success", "undone": "danger"})
    def show_state(self, match: Match) -> str:
        return match.state

    @display(description="Ends")
    def show_ends(self, match: Match) -> SafeString:
        ends = match.items.select_related("line").order_by("line_id", "item_type")
        rows = [
            (
                end.line.public_id if end.line else selectors.public_item(f"{end.item_type}:{end.item_id}"),
                money(end.amount_minor, match.currency),
                end.line.description[:120] if end.line else end.item_type.replace("_", " "),
            )
            for end in ends
        ]
        return format_html("<table>{}</table>", format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", rows))

    @display(description="Why")
    def show_reason(self, match: Match) -> str:
        return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in match.reason.items())

    @action(
        description="Take back", icon="undo", permissions=["work"],
        dialog={"title": "Take the match back", "description": "Its postings are reversed and both ends are open again.", "form_class": ReasonForm, "form_submit_text": "Take back"},
    )  # fmt: skip
    def undo(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        services.unmatch(match=Match.objects.get(pk=object_id), reason=form.cleaned_data["reason"])
        messages.success(request, "The match is taken back.")
        return _back(request, "reconciliation_match_change", object_id)

    @action(
        description="Make a rule of it", icon="rule", permissions=["work"],
        dialog={"title": "Propose a rule", "description": "A draft from what these lines have in common.", "form_class": DialogForm, "form_submit_text": "Propose"},
    )  # fmt: skip
    def propose_rule(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        rule = services.propose_from_match(match=Match.objects.get(pk=object_id))
        return _back(request, "reconciliation_rule_change", rule.pk)


@admin.register(Discrepancy)
class DiscrepancyAdmin(ReadOnlyModelAdmin):
    list_display = ["first_on", "account", "show_type", "show_expected", "show_actual", "show_state"]
    list_filter = ["state", "type", "account"]
    list_select_related = ["account"]
    date_hierarchy = "first_on"

    @display(description="Type")
    def show_type(self, row: Discrepancy) -> str:
        return row.type.replace("_", " ")

    @display(description="Expected")
    def show_expected(self, row: Discrepancy) -> str:
        return money(row.expected_minor, row.currency)

    @display(description="Found")
    def show_actual(self, row: Discrepancy) -> str:
        return money(row.actual_minor, row.currency)

    @display(description="State", label={"open": "warning", "resolved": "success"})
    def show_state(self, row: Discrepancy) -> str:
        return row.state


@admin.register(Suggestion)
class SuggestionAdmin(ReadOnlyModelAdmin):
    list_display = ["account", "confidence", "show_ends", "run"]
    list_filter = ["account"]
    list_select_related = ["account", "run__account"]

    @display(description="What may belong together")
    def show_ends(self, row: Suggestion) -> str:
        return f"{len(row.items)} of ours, {len(row.lines)} of the bank's"


@admin.register(BalanceProof)
class BalanceProofAdmin(ReadOnlyModelAdmin):
    list_display = ["on", "account", "show_closing", "show_ledger", "show_not_booked", "show_difference", "show_verdict"]
    list_filter = ["account"]
    list_select_related = ["account"]
    date_hierarchy = "on"
    change_form_template = "reconciliation/proof.html"

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        proof = BalanceProof.objects.select_related("account").filter(pk=object_id).first()
        context = {"proof": proof, **(self._terms(proof) if proof else {})}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def _terms(self, proof: BalanceProof) -> dict[str, Any]:
        currency = proof.account.currency

        def listed(name: str) -> list[dict[str, Any]]:
            return [{**row, "amount": money(row["amount_minor"], currency)} for row in proof.terms.get(name, [])]

        return {
            "proof_rows": [
                ("Opening balance of the account", money(proof.terms.get("opening_minor", 0), currency)),
                ("Cash according to the ledger", money(proof.ledger_minor, currency)),
                ("On the statement, not booked by us", money(proof.not_booked_minor, currency)),
            ],
            "proof_closing": money(proof.closing_minor, currency) if proof.closing_minor is not None else "no statement yet",
            "proof_difference": money(proof.difference_minor, currency) if proof.difference_minor is not None else "unknown",
            "not_booked": listed("not_booked"),
            "in_transit": listed("in_transit"),
            "in_transit_total": money(proof.in_transit_minor, currency),
        }

    @display(description="Statement")
    def show_closing(self, proof: BalanceProof) -> str:
        return money(proof.closing_minor, proof.account.currency)

    @display(description="Ledger")
    def show_ledger(self, proof: BalanceProof) -> str:
        return money(proof.ledger_minor, proof.account.currency)

    @display(description="Not booked")
    def show_not_booked(self, proof: BalanceProof) -> str:
        return money(proof.not_booked_minor, proof.account.currency)

    @display(description="Difference")
    def show_difference(self, proof: BalanceProof) -> str:
        return money(proof.difference_minor, proof.account.currency)

    @display(description="Verdict", label={"green": "success", "differs": "danger", "no statement": "info"})
    def show_verdict(self, proof: BalanceProof) -> str:
        return "no statement" if proof.difference_minor is None else "green" if proof.green else "differs"


# Django looks for pages in `admin.py`; importing the others from here registers them.
from reconciliation import adminrules  # noqa: E402, F401
