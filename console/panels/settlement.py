"""Money out: what is in flight, what settles next, what came of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection

from console import charts
from console.links import admin_page
from console.registry import Body, Cell, Figure, Table, panel
from console.rollups import daily, share, sums
from operations.templatetags.payos import age, due, words
from payos.kernel import clock, sqlfile
from payos.kernel.money import display
from settlement.models import Halt, Rail, SettlementBatch, WindowRule
from settlement.services.closing import next_window

TARGET = 99.9
GOOD, BAD = ["settled", "reconciled"], ["failed", "returned"]
FLIGHT = ["queued", "submitted", "unknown"]
SEE, SEE_BATCHES = "settlement.view_transfer", "settlement.view_settlementbatch"


def in_flight() -> dict[str, tuple[int, str]]:
    """state -> (count, oldest) from the partial indexes, counted to a bound."""
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "transfers_in_flight.sql"), {"limit": 10_000})
        return {state: (count, age(oldest) if oldest else "") for state, count, oldest in cursor.fetchall()}


def flight_figures() -> list[Figure]:
    found = in_flight()
    figures = []
    for state in FLIGHT:
        count, oldest = found.get(state, (0, ""))
        text = "10,000+" if count >= 10_000 else f"{count:,}"
        figures.append(
            Figure(state.capitalize(), text, f"oldest {oldest}" if oldest else "", "warn" if state == "unknown" and count else "")
        )
    return figures


def success_figure(**filters: Any) -> Figure:
    rate = share("transfers", clock.now() - timedelta(days=30), GOOD, BAD, **filters)
    if rate is None:
        return Figure("Success, 30 days", "none yet", f"target {TARGET:g} %")
    return Figure("Success, 30 days", f"{rate:.2f} %", f"target {TARGET:g} %", "good" if rate >= TARGET else "bad")


@panel("transfers", "Transfers out", page="home", permission=SEE, size="half", order=40, link="admin:console_settlement")
def home(request: Any) -> Body:
    return Body(figures=[success_figure(), *flight_figures()])


@panel("settles_next", "What settles next", page="home", permission=SEE_BATCHES, size="half", order=45, link="admin:console_settlement")
def settles_next(request: Any) -> Body:
    return _schedule(5)


@panel("schedule", "Settlement schedule", page="settlement", permission=SEE_BATCHES, size="wide", order=10)
def schedule(request: Any) -> Body:
    return _schedule(60)


def _schedule(most: int) -> Body:
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "transfers_waiting.sql"), {"limit": 100_000})
        waiting: dict[Any, list[tuple[str, int, int]]] = {}
        for rail_id, currency, count, amount in cursor.fetchall():
            waiting.setdefault(rail_id, []).append((currency, count, int(amount)))
    now, lines = clock.now(), []
    for rule in WindowRule.objects.filter(active=True).select_related("rail", "partner").order_by("rail__name")[:200]:
        closes = next_window(rule, now)
        amounts = waiting.get(rule.rail_id, []) if rule.partner_id is None else []
        text = ", ".join(f"{count:,} for {display(amount, currency)}" for currency, count, amount in amounts)
        lines.append(
            (
                closes,
                [
                    rule.rail.name,
                    rule.partner.name if rule.partner else "everybody",
                    "continuously" if closes <= now else f"{closes:%a %H:%M} UTC, {due(closes)}",
                    text or "nothing",
                    _switch(rule.rail),
                ],
            )
        )
    ruled = set(WindowRule.objects.filter(active=True, partner=None).values_list("rail_id", flat=True))
    for rail in Rail.objects.exclude(pk__in=ruled).order_by("name"):
        text = ", ".join(f"{count:,} for {display(amount, currency)}" for currency, count, amount in waiting.get(rail.pk, []))
        lines.append((now, [rail.name, "everybody", "continuously", text or "nothing", _switch(rail)]))
    if not lines:
        return Body(empty="No rail is set up yet.")
    lines.sort(key=lambda line: (line[0], line[1][0]))
    halted = Halt.objects.first()
    note = f"All rails are halted since {age(halted.at)}: {halted.reason}" if halted else ""
    rows = [row for _, row in lines[:most]]
    return Body(table=Table("When rails settle next", ["Rail", "For", "Closes", "Waiting", "Switch"], rows), note=note)  # type: ignore[arg-type]


def _switch(rail: Rail) -> Cell:
    return Cell("on", tone="good") if rail.enabled else Cell("off", tone="bad")


@panel("settlement_figures", "Transfers", page="settlement", permission=SEE, order=20)
def figures(request: Any) -> Body:
    return Body(figures=[success_figure(), *flight_figures()])


@panel("transfers_days", "Transfers a day by outcome", page="settlement", permission=SEE, size="half", order=30)
def days(request: Any) -> Body:
    groups = {
        "settled": GOOD,
        "in flight": ["accepted", "held", *FLIGHT],
        "failed": ["failed"],
        "returned": ["returned"],
        "cancelled": ["cancelled"],
    }
    series = [(name, daily("transfers", 14, state__in=states)) for name, states in groups.items()]
    series = [(name, counts) for name, counts in series if any(counts.values())]
    if not series:
        return Body(empty="No transfer in 14 days.")
    labels = [f"{day:%d %b}" for day in series[0][1]]
    return Body(
        chart=charts.bars(
            "Transfers a day by outcome", labels, [(name, list(counts.values())) for name, counts in series], colours=(1, 3, 4, 2, 6)
        )
    )


@panel("transfers_success", "Settlement success by day", page="settlement", permission=SEE, size="half", order=31)
def success(request: Any) -> Body:
    good, bad = daily("transfers", 30, state__in=GOOD), daily("transfers", 30, state__in=BAD)
    rates = [100 * good[day] / (good[day] + bad[day]) if good[day] + bad[day] else None for day in good]
    if all(rate is None for rate in rates):
        return Body(empty="No transfer has ended yet.")
    low = min(rate for rate in rates if rate is not None)
    chart = charts.lines(
        "Per cent of transfers that settled",
        [f"{day:%d %b}" for day in good],
        [("Settled", rates)],
        charts.percent,
        target=TARGET,
        low=min(99.0, low - 0.5),
        high=100,
    )
    return Body(chart=chart)


@panel("settlement_rails", "By rail, 30 days", page="settlement", permission=SEE, size="half", order=40)
def by_rail(request: Any) -> Body:
    table: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for rail, currency, state, count, amount in sums("transfers", clock.now() - timedelta(days=30), ["key", "currency", "state"]):
        table.setdefault((rail, currency), {})[state] = (count, amount)
    rows = []
    for (rail, currency), states in sorted(table.items()):
        fine = sum(states.get(state, (0, 0))[0] for state in GOOD)
        wrong = sum(states.get(state, (0, 0))[0] for state in BAD)
        moved = sum(states.get(state, (0, 0))[1] for state in GOOD)
        rate = 100 * fine / (fine + wrong) if fine + wrong else None
        rows.append(
            [
                rail,
                f"{sum(count for count, _ in states.values()):,}",
                display(moved, currency),
                "" if rate is None else Cell(f"{rate:.2f} %", tone="good" if rate >= TARGET else "bad"),
            ]
        )
    return Body(table=Table("Transfers by rail", ["Rail", "Transfers", "Settled", "Success"], rows, numbers=(1, 2)))


@panel(
    "settlement_batches",
    "Batches on their way",
    page="settlement",
    permission=SEE_BATCHES,
    size="half",
    order=50,
    link="admin:settlement_settlementbatch_changelist",
)
def batches(request: Any) -> Body:
    rows = list(
        SettlementBatch.objects.filter(state__in=["closed", "submitted"]).select_related("rail", "partner").order_by("expected_at")[:15]
    )
    if not rows:
        return Body(empty="Every batch that was closed is settled.")
    return Body(
        table=Table(
            "Batches that are not settled yet",
            ["Batch", "Partner", "Transfers", "Amount", "State", "Expected"],
            [
                [
                    Cell(f"{row.rail.name} {row.currency}", admin_page("settlement_settlementbatch", row.pk)),
                    row.partner.name,
                    f"{row.settled_count:,} of {row.count:,}",
                    display(row.amount_minor, row.currency),
                    Cell(words(row.state), tone="bad" if row.late_since else "info"),
                    due(row.expected_at),
                ]
                for row in rows
            ],
            numbers=(2, 3),
        )
    )
