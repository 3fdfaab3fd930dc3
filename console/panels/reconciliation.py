"""Do our books and the outside world agree: match rates, what does not agree, and the proof for each account."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from django.db import connection

from console import charts
from console.links import admin_page
from console.registry import Body, Cell, Figure, Table, panel
from console.rollups import daily, sums
from operations.templatetags.payos import age, words
from payos.kernel import clock, sqlfile
from payos.kernel.money import display
from reconciliation.models import BalanceProof, BankAccount, Run, Statement

TARGET = 99.5
SEE = "reconciliation.view_match"
# A line that was set aside by rule or person is explained; what still counts against us is what nobody explained.
EXPLAINED, OPEN = ["matched", "booked"], ["open"]


def rates() -> dict[str, tuple[int, int]]:
    """rail -> (explained, all) of the lines of 30 days."""
    found: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for rail, state, count, _ in sums("statement_lines", clock.now() - timedelta(days=30), ["key", "state"]):
        if state in EXPLAINED:
            found[rail][0] += count
        if state in (*EXPLAINED, *OPEN):
            found[rail][1] += count
    return {rail: (fine, total) for rail, (fine, total) in found.items() if total}


def _rate(fine: int, total: int, label: str) -> Figure:
    value = 100 * fine / total
    return Figure(label, f"{value:.2f} %", f"of {total:,} lines, target {TARGET:g} %", "good" if value >= TARGET else "bad")


@panel("match_rate", "Match rate by rail, 30 days", page="home", permission=SEE, size="half", order=15, link="admin:console_reconciliation")
def home(request: Any) -> Body:
    found = rates()
    if not found:
        return Body(empty="No statement line in 30 days.")
    figures = [_rate(sum(fine for fine, _ in found.values()), sum(total for _, total in found.values()), "All rails")]
    return Body(figures=figures + [_rate(fine, total, rail) for rail, (fine, total) in sorted(found.items())[:8]])


@panel("match_days", "Match rate by day", page="reconciliation", permission=SEE, size="half", order=10)
def days(request: Any) -> Body:
    fine, left = daily("statement_lines", 30, state__in=EXPLAINED), daily("statement_lines", 30, state__in=OPEN)
    values = [100 * fine[day] / (fine[day] + left[day]) if fine[day] + left[day] else None for day in fine]
    if all(value is None for value in values):
        return Body(empty="No statement line in 30 days.")
    low = min(value for value in values if value is not None)
    return Body(
        chart=charts.lines(
            "Per cent of statement lines explained",
            [f"{day:%d %b}" for day in fine],
            [("Explained", values)],
            charts.percent,
            target=TARGET,
            low=min(95.0, low - 2),
            high=100,
        )
    )


@panel(
    "discrepancies",
    "What does not agree, by type and age",
    page="reconciliation",
    permission="reconciliation.view_discrepancy",
    size="half",
    order=20,
    link="admin:reconciliation_discrepancy_changelist",
)
def discrepancies(request: Any) -> Body:
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "discrepancies.sql"), {"today": clock.today()})
        rows = cursor.fetchall()
    if not rows:
        return Body(empty="Everything agrees, or is explained.")
    types = sorted({row[0] for row in rows})
    ages = ["under 1 d", "1 to 3 d", "4 to 7 d", "over 7 d"]
    counts = {(kind, bucket): 0 for kind in types for bucket in range(4)}
    amounts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for kind, bucket, currency, count, amount in rows:
        counts[kind, bucket] += count
        amounts[kind, currency][0] += count
        amounts[kind, currency][1] += int(amount)
    chart = charts.bars(
        "Open discrepancies by type and age",
        [words(kind) for kind in types],
        [(label, [counts[kind, bucket] for kind in types]) for bucket, label in enumerate(ages)],
        colours=(1, 3, 2, 4),
    )
    table = Table(
        "Open discrepancies by type",
        ["Type", "Count", "Amount"],
        [[words(kind), f"{count:,}", display(total, currency)] for (kind, currency), (count, total) in sorted(amounts.items())],
        numbers=(1, 2),
    )
    return Body(chart=chart, table=table)


@panel("proofs", "Balance proofs", page="reconciliation", permission="reconciliation.view_balanceproof", size="full", order=30)
def proofs(request: Any) -> Body:
    rows = BalanceProof.objects.select_related("account").order_by("account_id", "-on").distinct("account_id")[:60]
    lines = []
    for row in sorted(rows, key=lambda proof: (proof.green, proof.account.name)):
        currency = row.account.currency
        if row.difference_minor is None:
            verdict = Cell("no closing balance", tone="warn")
        else:
            verdict = Cell("green", tone="good") if row.green else Cell(display(row.difference_minor, currency), tone="bad")
        lines.append(
            [
                Cell(str(row.account), admin_page("reconciliation_bankaccount", row.account_id)),
                f"{row.on:%Y-%m-%d}",
                display(row.terms.get("opening_minor", 0), currency),
                display(row.ledger_minor, currency),
                display(row.not_booked_minor, currency),
                display(row.closing_minor, currency) if row.closing_minor is not None else "–",
                verdict,
                display(row.in_transit_minor, currency),
            ]
        )
    note = "Opening, ledger and what is not booked make what the bank says. In transit is listed beside: no statement has confirmed it."
    return Body(
        note=note if lines else "",
        table=Table(
            "The latest proof of each account",
            ["Account", "Day", "Opening", "Ledger says", "Not booked", "Bank says", "Difference", "In transit"],
            lines,  # type: ignore[arg-type]
            numbers=(2, 3, 4, 5, 7),
        ),
    )


@panel(
    "books_agree",
    "Bank and books",
    page="home",
    permission="reconciliation.view_balanceproof",
    size="half",
    order=16,
    link="admin:console_reconciliation",
)
def books_agree(request: Any) -> Body:
    rows = list(BalanceProof.objects.select_related("account").order_by("account_id", "-on").distinct("account_id")[:200])
    if not rows:
        return Body(empty="No account is proven yet: proofs are made each night.")
    green = sum(1 for row in rows if row.green)
    off = [row for row in rows if row.difference_minor]
    table = Table(
        "Accounts that are off",
        ["Account", "Day", "Difference"],
        [[str(row.account), f"{row.on:%Y-%m-%d}", display(row.difference_minor, row.account.currency)] for row in off[:5]],
        numbers=(2,),
    )
    return Body(
        figures=[Figure("Proven to the cent", f"{green} of {len(rows)}", "accounts, by their latest proof", "good" if not off else "bad")],
        table=table if off else None,
    )


@panel(
    "runs",
    "Latest runs",
    page="reconciliation",
    permission="reconciliation.view_run",
    size="half",
    order=40,
    link="admin:reconciliation_run_changelist",
)
def runs(request: Any) -> Body:
    rows = Run.objects.select_related("account").order_by("-id")[:10]
    return Body(
        table=Table(
            "Runs of the engine",
            ["Started", "Account", "Matches", "Suggested", "Rate"],
            [
                [
                    Cell(f"{age(row.started_at)} ago", admin_page("reconciliation_run", row.pk)),
                    str(row.account),
                    f"{row.matches_made:,}",
                    f"{row.suggestions_made:,}",
                    f"{100 * row.match_rate:.1f} %",
                ]
                for row in rows
            ],
            numbers=(2, 3, 4),
        )
    )


@panel(
    "statements",
    "Statements",
    page="reconciliation",
    permission="reconciliation.view_statement",
    size="half",
    order=50,
    link="admin:reconciliation_statement_changelist",
)
def statements(request: Any) -> Body:
    tones = {"balanced": "info", "reconciled": "good", "out_of_balance": "bad", "imported": "plain"}
    latest = {row.account_id: row for row in Statement.objects.order_by("account_id", "-on", "-id").distinct("account_id")[:60]}
    rows = []
    for account in BankAccount.objects.filter(active=True).order_by("name")[:60]:
        row = latest.get(account.pk)
        rows.append(
            [
                str(account),
                f"{row.on:%Y-%m-%d}" if row else "none yet",
                f"{row.line_count:,}" if row else "",
                Cell(words(row.state), tone=tones.get(row.state, "plain")) if row else "",
            ]
        )
    return Body(table=Table("The latest statement of each account", ["Account", "Day", "Lines", "State"], rows, numbers=(2,)))
