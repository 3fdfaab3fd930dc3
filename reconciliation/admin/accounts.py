"""Bank accounts, their report and the proof of their balance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from payos.kernel import clock
from payos.kernel.admin import PayosModelAdmin, ReadOnlyModelAdmin
from payos.kernel.forms import DialogForm
from payos.kernel.money import display as money
from reconciliation import exports, services
from reconciliation.admin.parts import back_to, may_work
from reconciliation.models import (
    BalanceProof,
    BankAccount,
)


class ReportForm(DialogForm):
    first = forms.DateField(label="From", initial=lambda: clock.now().date() - timedelta(days=30))
    last = forms.DateField(label="To", initial=lambda: clock.now().date())
    form = forms.ChoiceField(label="As", choices=[("pdf", "PDF"), ("xlsx", "XLSX"), ("csv", "CSV")], widget=UnfoldAdminSelectWidget)


@admin.register(BankAccount)
class BankAccountAdmin(PayosModelAdmin):
    empty_words = "Add the accounts that statements are about: a statement finds its account by the number on it."
    list_display = ["name", "identifier", "currency", "rail_code", "partner", "show_open", "show_proof", "active"]
    list_filter = ["active", "currency"]
    list_select_related = ["partner"]
    search_fields = ["name", "identifier"]
    fields = ["partner", "name", "identifier", "currency", "rail_code", "channels", "grace_days", "spec", "active"]
    actions_detail = ["run_now", "prove_today", "report"]
    has_work_permission = may_work

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
        return back_to(request, "reconciliation_run_change", run.pk)

    @action(
        description="Prove the balance", icon="verified", permissions=["work"],
        dialog={"title": "Prove today's balance", "description": "Compares the last statement with the ledger.", "form_class": DialogForm, "form_submit_text": "Prove"},
    )  # fmt: skip
    def prove_today(self, request: HttpRequest, form: DialogForm, object_id: str) -> HttpResponse:
        proof = services.prove(account=BankAccount.objects.get(pk=object_id), on=clock.now().date())
        return back_to(request, "reconciliation_balanceproof_change", proof.pk)

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


@admin.register(BalanceProof)
class BalanceProofAdmin(ReadOnlyModelAdmin):
    empty_words = "Every night each bank account's ledger is held against the bank's own balance; the proofs are listed here."
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
            "proof_closing": money(proof.closing_minor, currency) if proof.closing_minor is not None else "no statement states one yet",
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
