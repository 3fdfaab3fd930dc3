"""Webhooks: are partners told, how fast, and who is not reachable."""

from __future__ import annotations

from typing import Any

from console import charts
from console.links import admin_page
from console.registry import Body, Cell, Figure, Table, panel
from console.rollups import daily
from webhooks import selectors

TARGET = 99.0


def _tone(rate: float | None) -> str:
    return "" if rate is None else "good" if rate >= TARGET else "bad"


def _figures() -> list[Figure]:
    total = selectors.summary()
    rate = None if total["success_rate"] is None else float(total["success_rate"]) * 100
    return [
        Figure("Success, last hour", "none yet" if rate is None else f"{rate:.2f} %", f"target {TARGET:g} %", _tone(rate)),
        Figure("Backlog", f"{total['backlog']:,}", tone="warn" if total["backlog"] > 1000 else ""),
        Figure("Dead letters", f"{total['dead']:,}", tone="bad" if total["dead"] else "good"),
        Figure(
            "Endpoints",
            f"{total['endpoints']:,}",
            f"{total['failing']} failing, {total['disabled']} off",
            "warn" if total["failing"] else "",
        ),
        Figure("95th percentile", "none yet" if total["p95_ms"] is None else f"{float(total['p95_ms']):,.0f} ms"),
    ]


@panel("webhooks", "Webhooks", page="home", permission="webhooks.view_delivery", order=50, size="half", link="admin:console_webhooks")
def home(request: Any) -> Body:
    return Body(figures=_figures())


@panel("webhooks_now", "Now", page="webhooks", permission="webhooks.view_delivery", order=10, size="full")
def now(request: Any) -> Body:
    return Body(figures=_figures())


@panel("webhooks_days", "Deliveries a day by outcome", page="webhooks", permission="webhooks.view_delivery", order=20, size="half")
def days(request: Any) -> Body:
    by_state = {name: daily("deliveries", 14, state=name) for name in ("delivered", "retrying", "pending", "dead", "discarded")}
    if not any(any(counts.values()) for counts in by_state.values()):
        return Body(empty="Nothing was owed to any endpoint in 14 days.")
    labels = list(by_state["delivered"])
    return Body(
        chart=charts.bars(
            "Deliveries a day by outcome",
            [f"{day:%d %b}" for day in labels],
            [(name, list(counts.values())) for name, counts in by_state.items() if any(counts.values())],
        )
    )


@panel("webhooks_endpoints", "Endpoints that need a look", page="webhooks", permission="webhooks.view_endpoint", order=30, size="half")
def endpoints(request: Any) -> Body:
    rows = list(
        selectors.endpoints(lane__consecutive_failures__gt=0).select_related("partner", "lane").order_by("-lane__consecutive_failures")[:15]
    )
    if not rows:
        return Body(empty="Every endpoint took its last message.")
    return Body(
        table=Table(
            "Endpoints that fail",
            ["Endpoint", "Partner", "Failures in a row", "Last error"],
            [
                [
                    Cell(row.url[:60], admin_page("webhooks_endpoint", row.pk)),
                    row.partner.name,
                    str(row.lane.consecutive_failures),
                    row.lane.last_error[:80],
                ]
                for row in rows
            ],
            numbers=(2,),
        )
    )
