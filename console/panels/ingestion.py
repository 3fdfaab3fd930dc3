"""Money in: rates, duplicates, backlog, sources and what could not be read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Sum

from console import charts
from console.registry import Body, Cell, Figure, Table, panel
from console.rollups import daily, sums
from ingestion.models import PaymentStaging, RawMessage, Source, StagingProcessLog, WebhookStat
from operations.templatetags.payos import age, words
from payos.kernel import clock
from payos.kernel.money import display

SEE = "ingestion.view_payment"
MOST = 10_000


def _count(rows: Any) -> str:
    found = rows.order_by()[:MOST].count()
    return f"{MOST:,}+" if found >= MOST else f"{found:,}"


def today_figures(**filters: Any) -> list[Figure]:
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
    by_currency: dict[str, int] = {}
    count = 0
    for currency, state, number, amount in sums("payments", midnight, ["currency", "state"], **filters):
        if state != "reversed":
            count += number
            by_currency[currency] = by_currency.get(currency, 0) + amount
    amounts = ", ".join(display(total, currency) for currency, total in sorted(by_currency.items())[:4])
    return [Figure("Payments today (UTC)", f"{count:,}", amounts)]


@panel("payments", "Payments in", page="home", permission=SEE, size="half", order=35, link="admin:console_ingestion")
def home(request: Any) -> Body:
    backlog = _count(PaymentStaging.objects.filter(processed=False))
    return Body(figures=[*today_figures(), Figure("Staging backlog", backlog, tone="" if backlog == "0" else "warn"), _waiting()])


def _waiting() -> Figure:
    since = clock.now() - timedelta(days=7)
    not_settled = sum(count for state, count, _ in sums("payments", since, ["state"]) if state == "recorded")
    return Figure("In flight, 7 days", f"{not_settled:,}", "recorded, not settled yet")


@panel("payments_now", "Today", page="ingestion", permission=SEE, size="full", order=10)
def now(request: Any) -> Body:
    stats = dict(WebhookStat.objects.filter(day=clock.today()).values_list("outcome").annotate(n=Sum("count")))
    total = sum(stats.values())
    last = StagingProcessLog.objects.order_by("-id").first()
    backlog = _count(PaymentStaging.objects.filter(processed=False))
    figures = [
        *today_figures(),
        Figure("Messages today", f"{total:,}", ", ".join(f"{words(name).lower()} {count:,}" for name, count in sorted(stats.items())[:6])),
        Figure("Duplicates", f"{stats.get('duplicate', 0):,}", "met and counted once"),
        Figure(
            "Staging backlog",
            backlog,
            f"last batch {age(last.finished_at)} ago, {last.processed:,} of {last.total:,}" if last else "no batch yet",
            "warn" if backlog != "0" else "",
        ),
        Figure(
            "Kept unread, 7 days",
            _count(RawMessage.objects.filter(created_at__gt=clock.now() - timedelta(days=7))),
            "with the reason, as they came",
        ),
    ]
    return Body(figures=figures)


@panel("payments_days", "Payments a day by channel", page="ingestion", permission=SEE, size="half", order=20)
def days(request: Any) -> Body:
    since = clock.now() - timedelta(days=14)
    channels = sorted(sums("payments", since, ["key"]), key=lambda row: -row[1])[:6]
    if not channels:
        return Body(empty="No payment in 14 days.")
    series = [(name, daily("payments", 14, key=name)) for name, _, _ in channels]
    labels = [f"{day:%d %b}" for day in series[0][1]]
    return Body(chart=charts.bars("Payments a day by channel", labels, [(name, list(counts.values())) for name, counts in series]))


@panel("payments_states", "Where the payments of 30 days are", page="ingestion", permission=SEE, size="half", order=30)
def states(request: Any) -> Body:
    rows = sums("payments", clock.now() - timedelta(days=30), ["currency", "state"])
    return Body(
        table=Table(
            "Payments by state",
            ["Currency", "State", "Payments", "Amount"],
            [[currency, words(state), f"{count:,}", display(amount, currency)] for currency, state, count, amount in rows],
            numbers=(2, 3),
        )
    )


@panel("payments_messages", "Messages by source, 7 days", page="ingestion", permission="ingestion.view_source", size="half", order=40)
def messages(request: Any) -> Body:
    rows = (
        WebhookStat.objects.filter(day__gt=clock.today() - timedelta(days=7))
        .values_list("source", "outcome")
        .annotate(n=Sum("count"), ms=Sum("milliseconds"))
        .order_by("source", "outcome")[:60]
    )
    return Body(
        table=Table(
            "Messages by source and outcome",
            ["Source", "Outcome", "Messages", "Mean"],
            [[source, words(outcome), f"{count:,}", f"{ms / count:.1f} ms" if count else ""] for source, outcome, count, ms in rows],
            numbers=(2, 3),
        )
    )


@panel("payments_sources", "Sources", page="ingestion", permission="ingestion.view_source", size="half", order=50)
def sources(request: Any) -> Body:
    rows = Source.objects.select_related("partner").order_by("partner__name", "name")[:40]
    return Body(
        table=Table(
            "Payment sources",
            ["Source", "Partner", "Adapter", "State"],
            [[row.name, row.partner.name, row.adapter, Cell("on", tone="good") if row.active else Cell("off", tone="bad")] for row in rows],
        )
    )
