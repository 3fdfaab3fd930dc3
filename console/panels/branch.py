"""One branch today: what came in, how, and when its money goes out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from console import charts
from console.links import admin_page
from console.registry import Body, Cell, Figure, Table, panel
from console.rollups import branch_sums
from ingestion.models import Payment
from operations.templatetags.payos import age, due, words
from payos.kernel import clock, ids
from payos.kernel.money import display
from settlement.models import Transfer

SEE = "ingestion.view_payment"
GOOD, BAD = {"recorded", "settled", "reconciled"}, {"reversed", "disputed"}


@panel("branch_today", "Today", page="branch", permission=SEE, size="full", order=10)
def today(request: Any, branch: Any) -> Body:
    midnight = clock.instant(clock.today(branch.timezone), 0, 0, branch.timezone)
    rows = branch_sums(branch.pk, "payments", midnight.replace(minute=0, second=0, microsecond=0), ["currency", "state"])
    count = sum(number for _, _, number, _ in rows)
    fine = sum(number for _, state, number, _ in rows if state in GOOD)
    amounts: dict[str, tuple[int, int]] = {}
    for currency, state, number, amount in rows:
        if state in GOOD:
            have = amounts.get(currency, (0, 0))
            amounts[currency] = (have[0] + number, have[1] + amount)
    figures = [Figure("Payments", f"{count:,}", f"since midnight in {branch.timezone}")]
    for currency, (number, amount) in sorted(amounts.items()):
        figures += [
            Figure(f"Amount {currency}", display(amount, currency)),
            Figure(f"Average {currency}", display(amount // number, currency)),
        ]
    rate = 100 * fine / count if count else None
    figures.append(
        Figure(
            "Success",
            "none yet" if rate is None else f"{rate:.2f} %",
            "neither reversed nor disputed",
            "" if rate is None else "good" if rate >= 99 else "warn",
        )
    )
    return Body(figures=figures)


@panel("branch_methods", "By method, 14 days", page="branch", permission=SEE, size="half", order=20)
def methods(request: Any, branch: Any) -> Body:
    rows = branch_sums(branch.pk, "payments", clock.now() - timedelta(days=14), ["key", "currency"])
    if not rows:
        return Body(empty="No payment in 14 days.")
    by_method: dict[str, int] = {}
    for method, _, count, _ in rows:
        by_method[method] = by_method.get(method, 0) + count
    names = sorted(by_method, key=lambda name: -by_method[name])[:8]
    table = Table(
        "Payments by method",
        ["Method", "Payments", "Amount"],
        [[method, f"{count:,}", display(amount, currency)] for method, currency, count, amount in rows],
        numbers=(1, 2),
    )
    return Body(chart=charts.bars("Payments by method", names, [("Payments", [by_method[name] for name in names])]), table=table)


@panel("branch_settlement", "Settlement", page="branch", permission="settlement.view_transfer", size="half", order=30)
def settlement(request: Any, branch: Any) -> Body:
    mine = Transfer.objects.filter(
        partner_id=branch.partner_id, livemode=branch.livemode, branch=branch, pk__gte=ids.floor(clock.now() - timedelta(days=60))
    )
    last = mine.filter(state__in=["settled", "reconciled"]).order_by("-pk").first()
    following = mine.filter(state__in=["accepted", "held", "queued", "submitted", "unknown"]).order_by("pk").first()
    pending = list(mine.filter(state__in=["queued", "submitted", "unknown"]).select_related("rail").order_by("-pk")[:8])
    figures = [
        Figure(
            "Last settled",
            display(last.amount_minor, last.currency) if last else "none yet",
            f"{age(last.settled_at)} ago" if last and last.settled_at else "",
        ),
        Figure(
            "Next",
            display(following.amount_minor, following.currency) if following else "nothing waits",
            due(following.expected_at or following.window_at) if following else "",
        ),
    ]
    table = Table(
        "Transfers of the branch that are on their way",
        ["Transfer", "Rail", "Amount", "State"],
        [
            [
                Cell(str(row), admin_page("settlement_transfer", row.pk)),
                row.rail.name,
                display(row.amount_minor, row.currency),
                words(row.state),
            ]
            for row in pending
        ],
        numbers=(2,),
    )
    return Body(figures=figures, table=table if pending else None)


@panel("branch_recent", "Recent payments", page="branch", permission=SEE, size="half", order=40)
def recent(request: Any, branch: Any) -> Body:
    # By key among the partner's own, bounded in time: the index of the partner gives the newest first.
    rows = Payment.objects.filter(
        partner_id=branch.partner_id, livemode=branch.livemode, branch=branch, pk__gte=ids.floor(clock.now() - timedelta(days=3))
    ).order_by("-pk")[:10]
    return Body(
        table=Table(
            "The latest payments of the branch",
            ["Reference", "Method", "Amount", "State", "When"],
            [
                [
                    Cell(row.reference_number, admin_page("ingestion_payment", row.pk)),
                    row.payment_channel,
                    display(row.amount_minor, row.currency),
                    words(row.state),
                    f"{age(row.payment_date)} ago",
                ]
                for row in rows
            ],
            numbers=(2,),
        )
    )
