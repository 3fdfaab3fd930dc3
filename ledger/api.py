"""Reads of the ledger: accounts and their balances, statements, transactions, entries, the trial balance. It is written by services only."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from django.db import models
from django.http import HttpResponseBase, StreamingHttpResponse
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger import render, schema, selectors
from ledger.models import Account, Entry, Kind, Layer, Transaction
from payos.kernel import clock, ids, tenancy
from payos.kernel.api import PayosAPIView, field_error, get_or_404, page_limit
from payos.kernel.errors import Problem
from payos.kernel.money import to_decimal_str
from payos.kernel.openapi import id_parameter, listing

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
LARGEST_CSV = 1_000_000


def bad(name: str, code: str, detail: str) -> Problem:
    return Problem("invalid_request", errors=[field_error(f"?{name}", code, detail)])


def text_of(request: Request, name: str, longest: int = 200) -> str | None:
    value = request.query_params.get(name)
    if value is not None and ("\x00" in value or not 1 <= len(value) <= longest):
        raise bad(name, "invalid", f"{name} has 1 to {longest} characters")
    return value


def choice_of(request: Request, name: str, among: Any, default: str | None = None) -> str | None:
    value = request.query_params.get(name, default)
    if value is not None and value not in among:
        raise bad(name, "choice", f"{name} is one of {', '.join(among)}")
    return value


def instant_of(request: Request, name: str) -> datetime | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
        if at.tzinfo is None:
            raise ValueError
        at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise bad(name, "instant", "write it like 2026-11-02T15:04:05Z") from None
    if not EARLIEST <= at <= LATEST:
        raise bad(name, "range", "the instant lies between 2000 and 2100")
    return at


def id_of(request: Request, name: str, prefix: str) -> uuid.UUID | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        return ids.decode(prefix, value)
    except ids.InvalidId as error:
        raise bad(name, "invalid_id", str(error)) from None


def entry_of(request: Request, name: str) -> tuple[uuid.UUID, int] | None:
    value = request.query_params.get(name)
    if value is None:
        return None
    try:
        return render.decode_entry_id(value)
    except ids.InvalidId as error:
        raise bad(name, "invalid_id", str(error)) from None


class LedgerView(PayosAPIView):
    resource = "ledger"

    def accounts(self) -> models.QuerySet[Account]:
        return Account.objects.filter(partner_id=self.partner.pk, livemode=self.livemode)

    def transactions(self) -> models.QuerySet[Transaction]:
        return Transaction.objects.filter(partner_id=self.partner.pk, livemode=self.livemode)

    def csv(self, name: str, lines: Any) -> HttpResponseBase:
        """A file that streams after this view has returned: it reads under the same tenant's scope."""
        scope = {"partner_id": self.partner.pk, "livemode": self.livemode}

        def scoped() -> Any:
            with tenancy.tenant_scope(**scope):
                yield from lines

        response = StreamingHttpResponse(scoped(), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
        return response


class Accounts(LedgerView):
    @extend_schema(
        operation_id="accounts_list",
        summary="List accounts",
        tags=["ledger"],
        **listing(
            schema.AccountSerializer,
            "acc",
            parameters=[
                schema.text_parameter("code", "Only this code."),
                schema.text_parameter("currency", "Only this currency."),
                schema.text_parameter("kind", "Only this kind.", enum=schema.KINDS),
                schema.BRANCH,
            ],
        ),
    )
    def get(self, request: Request) -> Response:
        rows = self.accounts()
        for name in ("code", "currency"):
            value = text_of(request, name)
            rows = rows if value is None else rows.filter(**{name: value})
        kind, branch = choice_of(request, "kind", Kind.values), id_of(request, "branch", "brn")
        rows = rows if kind is None else rows.filter(kind=kind)
        rows = rows if branch is None else rows.filter(branch_id=branch)
        return self.page(rows, render.show_account)


class OneAccount(LedgerView):
    @extend_schema(
        operation_id="accounts_read",
        summary="Read an account",
        tags=["ledger"],
        responses=schema.AccountSerializer,
        parameters=[id_parameter("acc")],
    )
    def get(self, request: Request, public_id: str) -> Response:
        return Response(render.show_account(get_or_404(self.accounts(), "acc", public_id)))


class AccountBalance(LedgerView):
    @extend_schema(
        operation_id="accounts_balance",
        summary="The balance of an account",
        tags=["ledger"],
        responses=schema.BalanceSerializer,
        parameters=[id_parameter("acc"), schema.AT, schema.AXIS],
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Posted, pending and available: now, or as of any instant, by effective or by recorded time."""
        account = get_or_404(self.accounts(), "acc", public_id)
        at, axis = instant_of(request, "at"), choice_of(request, "axis", selectors.AXES, "effective") or "effective"
        view = selectors.balance(account) if at is None else selectors.balance_at(account, at, axis)
        return Response(render.show_balance(account, view, at, axis))


class Span(LedgerView):
    def span(self, request: Request) -> tuple[datetime, datetime]:
        start = instant_of(request, "start") or EARLIEST
        end = instant_of(request, "end") or clock.now()
        if end < start:
            raise bad("end", "range", "end comes before start")
        return start, end


class AccountStatement(Span):
    @extend_schema(
        operation_id="accounts_statement",
        summary="The statement of an account",
        tags=["ledger"],
        responses=schema.StatementSerializer,
        parameters=[id_parameter("acc"), schema.START, schema.END, schema.LIMIT, schema.AFTER],
    )
    def get(self, request: Request, public_id: str) -> Response:
        """Posted entries in the order in which they count, oldest first, each with the balance after it."""
        account = get_or_404(self.accounts(), "acc", public_id)
        start, end = self.span(request)
        limit = page_limit(request)
        after = self._after(request, account)
        opening = selectors.opening_balance(account, start, after)
        lines = list(selectors.statement(account, start, end, after, limit + 1))
        page = lines[:limit]
        return Response(
            {
                "object": "account_statement",
                "account": account.public_id,
                "currency": account.currency,
                "start": start,
                "end": end,
                "opening": to_decimal_str(opening, account.currency),
                "data": [render.show_statement_line(account, line) for line in page],
                "closing": to_decimal_str(page[-1].balance_minor if page else opening, account.currency),
                "has_more": len(lines) > limit,
                "url": request.path,
            }
        )

    def _after(self, request: Request, account: Account) -> tuple[datetime, uuid.UUID, int] | None:
        cursor = entry_of(request, "starting_after")
        if cursor is None:
            return None
        entry = Entry.objects.filter(transaction_id=cursor[0], line=cursor[1], account_id=account.pk).first()
        if entry is None:
            raise bad("starting_after", "unknown", "the account has no such entry")
        return entry.effective_at, entry.transaction_id, entry.line


class AccountStatementFile(Span):
    @extend_schema(
        operation_id="accounts_statement_csv",
        summary="The statement of an account as a CSV file",
        tags=["ledger"],
        parameters=[id_parameter("acc"), schema.START, schema.END],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="One line an entry, with the running balance.")},
    )
    def get(self, request: Request, public_id: str) -> HttpResponseBase:
        account = get_or_404(self.accounts(), "acc", public_id)
        start, end = self.span(request)
        lines = selectors.statement(account, start, end, limit=LARGEST_CSV)
        rows = (render.statement_row(account, line) for line in lines)
        return self.csv(f"statement-{account.public_id}", render.csv_lines(render.STATEMENT_HEAD, rows))


class Transactions(LedgerView):
    @extend_schema(
        operation_id="ledger_transactions_list",
        summary="List ledger transactions",
        tags=["ledger"],
        **listing(
            schema.LedgerTransactionSerializer,
            "txn",
            parameters=[
                schema.text_parameter("kind", "Only this kind."),
                schema.text_parameter("external_id", "Only this external id."),
                schema.text_parameter("subject", "Only those that this caused, such as a transfer's id."),
            ],
        ),
    )
    def get(self, request: Request) -> Response:
        rows = self.transactions()
        for name, column in (("kind", "kind"), ("external_id", "external_id"), ("subject", "subject_id")):
            value = text_of(request, name)
            rows = rows if value is None else rows.filter(**{column: value})
        return self.page(rows, render.show_transaction)


class OneTransaction(LedgerView):
    @extend_schema(
        operation_id="ledger_transactions_read",
        summary="Read a ledger transaction",
        tags=["ledger"],
        responses=schema.LedgerTransactionDetailSerializer,
        parameters=[id_parameter("txn")],
    )
    def get(self, request: Request, public_id: str) -> Response:
        """With its entries, its seal, and the transaction that reversed it."""
        transaction = get_or_404(self.transactions().select_related("seal"), "txn", public_id)
        reversal = selectors.reversal_of(transaction)
        entries = Entry.objects.filter(transaction_id=transaction.pk).order_by("line")
        return Response(
            render.show_transaction(transaction)
            | {
                "entries": [render.show_entry(entry) for entry in entries],
                "seal": render.show_seal(transaction),
                "reversed_by": reversal.public_id if reversal else None,
            }
        )


class Entries(LedgerView):
    @extend_schema(
        operation_id="ledger_entries_list",
        summary="List ledger entries",
        tags=["ledger"],
        responses=schema.EntryListSerializer,
        parameters=[
            schema.text_parameter("account", "Only entries of this account (acc_...)."),
            schema.text_parameter("transaction", "Only entries of this transaction (txn_...)."),
            schema.text_parameter("layer", "Only this layer.", enum=schema.LAYERS),
            schema.LIMIT,
            schema.AFTER,
            schema.BEFORE,
        ],
    )
    def get(self, request: Request) -> Response:
        """Newest transaction first; inside a transaction by line."""
        limit = page_limit(request)
        rows = Entry.objects.filter(partner_id=self.partner.pk, livemode=self.livemode)
        account, transaction = id_of(request, "account", "acc"), id_of(request, "transaction", "txn")
        layer = choice_of(request, "layer", schema.LAYERS)
        rows = rows if account is None else rows.filter(account_id=account)
        rows = rows if transaction is None else rows.filter(transaction_id=transaction)
        rows = rows if layer is None else rows.filter(layer=Layer.values[schema.LAYERS.index(layer)])
        after, before = entry_of(request, "starting_after"), entry_of(request, "ending_before")
        if after and before:
            raise Problem("invalid_request", "Give starting_after or ending_before, not both.")
        same = models.Q(transaction_id=(before or after or (None,))[0])
        if before:
            rows = rows.filter(models.Q(transaction_id__gt=before[0]) | same & models.Q(line__lt=before[1]))
            rows = rows.order_by("transaction_id", "-line")
        else:
            if after:
                rows = rows.filter(models.Q(transaction_id__lt=after[0]) | same & models.Q(line__gt=after[1]))
            rows = rows.order_by("-transaction_id", "line")
        found = list(rows[: limit + 1])
        page = found[:limit]
        if before:
            page.reverse()
        return Response(
            {"object": "list", "data": [render.show_entry(row) for row in page], "has_more": len(found) > limit, "url": request.path}
        )


class TrialBalance(LedgerView):
    def lines(self, request: Request) -> tuple[datetime | None, list[selectors.TrialLine]]:
        at = instant_of(request, "at")
        branch = id_of(request, "branch", "brn")
        return at, selectors.trial_balance(partner_id=self.partner.pk, livemode=self.livemode, at=at, branch_id=branch)

    @extend_schema(
        operation_id="trial_balance",
        summary="The trial balance",
        tags=["ledger"],
        responses=schema.TrialBalanceSerializer,
        parameters=[schema.AT, schema.BRANCH],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Every account with its debit or credit balance; the two columns of a currency are equal."""
        at, lines = self.lines(request)
        data = [render.show_trial_line(line) for line in lines]
        return Response({"object": "trial_balance", "at": at, "data": data, "totals": selectors.totals(lines)})


class TrialBalanceFile(TrialBalance):
    @extend_schema(
        operation_id="trial_balance_csv",
        summary="The trial balance as a CSV file",
        tags=["ledger"],
        parameters=[schema.AT, schema.BRANCH],
        responses={(200, "text/csv"): OpenApiResponse(OpenApiTypes.STR, description="One line an account.")},
    )
    def get(self, request: Request) -> HttpResponseBase:
        _, lines = self.lines(request)
        return self.csv("trial-balance", render.csv_lines(render.TRIAL_HEAD, (render.trial_row(line) for line in lines)))


urlpatterns = [
    path("accounts", Accounts.as_view()),
    path("accounts/<str:public_id>", OneAccount.as_view()),
    path("accounts/<str:public_id>/balance", AccountBalance.as_view()),
    path("accounts/<str:public_id>/statement", AccountStatement.as_view()),
    path("accounts/<str:public_id>/statement.csv", AccountStatementFile.as_view()),
    path("ledger/transactions", Transactions.as_view()),
    path("ledger/transactions/<str:public_id>", OneTransaction.as_view()),
    path("ledger/entries", Entries.as_view()),
    path("ledger/trial_balance", TrialBalance.as_view()),
    path("ledger/trial_balance.csv", TrialBalanceFile.as_view()),
]
