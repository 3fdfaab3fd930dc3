"""The tree of accounts with its balances, one account's statement, the trial balance and the general ledger."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_GET

from ledger import render, selectors
from ledger.admin.books import MOMENT, Book, book_of, choices, csv_file, page
from ledger.models import Account, Kind
from payos.kernel import ids
from payos.kernel.admin import ReadOnlyModelAdmin
from payos.kernel.money import display

PAGE = 100
LARGEST_FILE = 1_000_000


@dataclass
class Node:
    """A family of accounts (`cash:` of `cash:ach`) or a lone account, in the tree of a kind and currency."""

    name: str
    rows: list[tuple[Account, selectors.BalanceView]] = field(default_factory=list)

    @property
    def is_family(self) -> bool:
        return len(self.rows) > 1 or ":" in self.rows[0][0].code

    @property
    def posted_minor(self) -> int:
        return sum(view.posted_minor for _, view in self.rows)


def tree(accounts: list[Account]) -> list[dict[str, Any]]:
    """Kind, then currency, then family, then account; sums on every level."""
    views = selectors.balances(accounts)
    groups: dict[tuple[str, str], dict[str, Node]] = {}
    for account in accounts:
        family = account.code.partition(":")[0]
        nodes = groups.setdefault((account.kind, account.currency), {})
        nodes.setdefault(family, Node(family)).rows.append((account, views[account.pk]))
    order = {kind: place for place, kind in enumerate(Kind.values)}
    return [
        {
            "kind": Kind(kind).label,
            "currency": currency,
            "nodes": list(nodes.values()),
            "total": display(sum(node.posted_minor for node in nodes.values()), currency),
        }
        for (kind, currency), nodes in sorted(groups.items(), key=lambda item: (item[0][1], order[item[0][0]]))
    ]


@admin.register(Account)
class AccountAdmin(ReadOnlyModelAdmin):
    search_fields = ["code", "name"]

    def get_urls(self) -> list[Any]:
        site = self.admin_site.admin_view
        return [
            path("", site(require_GET(self.tree)), name="ledger_account_changelist"),
            path("trial-balance/", site(require_GET(self.trial_balance)), name="ledger_trial_balance"),
            path("general-ledger/", site(require_GET(self.general_ledger)), name="ledger_general_ledger"),
            path("<uuid:key>/change/", site(require_GET(self.one)), name="ledger_account_change"),
        ]

    def _allow(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def tree(self, request: HttpRequest) -> HttpResponse:
        self._allow(request)
        book = book_of(request)
        found = book.accounts().order_by("code")
        if text := request.GET.get("q", "").strip()[:80]:
            try:
                found = Account.objects.filter(pk=ids.decode("acc", text))
            except ids.InvalidId:
                found = found.filter(code__icontains=text)
        accounts = list(found[:5_000])
        return page(request, "ledger/accounts.html", "Accounts", groups=tree(accounts), q=text, **choices(book))

    def one(self, request: HttpRequest, key: uuid.UUID) -> HttpResponseBase:
        self._allow(request)
        account = Account.objects.select_related("partner", "branch", "parent").filter(pk=key).first()
        if account is None:
            raise Http404(f"There is no account {key}")
        book = book_of(request)
        if request.GET.get("file"):
            lines = selectors.statement(account, book.starts_at, book.ends_at, limit=LARGEST_FILE)
            rows = (render.statement_row(account, line) for line in lines)
            return csv_file(f"statement-{account.code.replace(':', '-')}-{account.currency}", render.csv_lines(render.STATEMENT_HEAD, rows))
        after = self._after(account, request.GET.get("after", ""))
        opening = selectors.opening_balance(account, book.starts_at, after)
        lines = list(selectors.statement(account, book.starts_at, book.ends_at, after, PAGE + 1))  # type: ignore[assignment]
        shown = lines[:PAGE]  # type: ignore[index]
        return page(
            request,
            "ledger/account.html",
            f"{account.name} ({account.currency})",
            account=account,
            book=book,
            balance=selectors.balance(account),
            opening=opening,
            lines=shown,
            closing=shown[-1].balance_minor if shown else opening,
            following=render.entry_id(shown[-1].transaction_id, shown[-1].line) if len(lines) > PAGE else "",  # type: ignore[arg-type]
        )

    def _after(self, account: Account, text: str) -> Any:
        from ledger.models import Entry

        try:
            transaction_id, line = render.decode_entry_id(text)
        except ids.InvalidId:
            return None
        entry = Entry.objects.filter(transaction_id=transaction_id, line=line, account=account).first()
        return None if entry is None else (entry.effective_at, entry.transaction_id, entry.line)

    def trial_balance(self, request: HttpRequest) -> HttpResponseBase:
        self._allow(request)
        book = book_of(request)
        lines = [line for line in self._trial(book) if not book.currency or line.account.currency == book.currency]
        if request.GET.get("file"):
            return csv_file("trial-balance", render.csv_lines(render.TRIAL_HEAD, (render.trial_row(line) for line in lines)))
        return page(request, "ledger/trial_balance.html", "Trial balance", lines=lines, totals=selectors.totals(lines), **choices(book))

    def _trial(self, book: Book) -> list[selectors.TrialLine]:
        return selectors.trial_balance(
            partner_id=book.partner.pk if book.partner else None,
            livemode=book.livemode,
            at=book.ends_at - MOMENT,
            branch_id=book.branch.pk if book.branch else None,
        )

    def general_ledger(self, request: HttpRequest) -> HttpResponseBase:
        """Every account over the period: what it opened and closed with. The entries of all of them are in the file."""
        self._allow(request)
        book = book_of(request)
        accounts = list(book.accounts().order_by("currency", "code")[:5_000])
        if request.GET.get("file"):
            rows = (
                [account.code, *render.statement_row(account, line)]
                for account in accounts
                for line in selectors.statement(account, book.starts_at, book.ends_at, limit=LARGEST_FILE)
            )
            return csv_file("general-ledger", render.csv_lines(render.LEDGER_HEAD, rows))
        before = selectors.balances_at(accounts, book.starts_at - MOMENT)
        after = selectors.balances_at(accounts, book.ends_at - MOMENT)
        lines = [
            {
                "account": account,
                "opening": before[account.pk].posted_minor,
                "moved": after[account.pk].posted_minor - before[account.pk].posted_minor,
                "closing": after[account.pk].posted_minor,
            }
            for account in accounts
        ]
        return page(request, "ledger/general_ledger.html", "General ledger", lines=lines, **choices(book))
