"""What waits for a person."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.urls import reverse

from console import charts
from console.registry import Body, Cell, Figure, Table, panel
from operations import selectors
from operations.models import Alert
from operations.models.case import Severity
from operations.templatetags.payos import age, words
from payos.kernel import clock, sqlfile
from payos.kernel.money import display

LIST = "admin:operations_case_changelist"
AGES = ["under 1 h", "1 to 4 h", "4 to 24 h", "1 to 3 d", "over 3 d"]


@panel("queue", "Exception queue by age and severity", page="home", permission="operations.view_case", size="half", order=10, link=LIST)
def queue(request: Any) -> Body:
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, "queue_ages.sql"), {"now": clock.now()})
        counts = {(bucket, severity): count for bucket, severity, count in cursor.fetchall()}
    found = selectors.counts(request.user)
    figures = [
        Figure("Open", found["all"]),
        Figure("Breaching SLA", found["breaching"], tone="bad" if found["breaching"] != "0" else "good"),
        Figure("Mine", found["mine"]),
        Figure("Unassigned", found["unassigned"]),
    ]
    if not counts:
        return Body(figures=figures, empty="Nothing needs a person.")
    series = [
        (str(Severity(level).label), [counts.get((bucket, level), 0) for bucket in range(5)])
        for level in (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
    ]
    note = "A colour of 5,000 stands for that many or more." if any(count >= 5000 for count in counts.values()) else ""
    return Body(
        figures=figures, note=note, chart=charts.bars("Unresolved cases by age, split by severity", AGES, series, colours=(6, 3, 2, 4))
    )


@panel(
    "approvals",
    "Approvals waiting",
    page="home",
    permission="operations.view_approval",
    order=25,
    size="half",
    link="admin:operations_approval_changelist",
)
def approvals(request: Any) -> Body:
    rows = list(selectors.pending_approvals(request.user).order_by("expires_at")[:5])
    if not rows:
        return Body(empty="Nobody waits for a second pair of eyes.")
    table = Table(
        "Approvals that wait",
        ["What", "Amount", "Expires"],
        [
            [
                Cell(row.title, reverse("admin:operations_approval_change", args=[row.pk])),
                display(row.amount_minor, row.currency) if row.currency else "",
                f"in {_left(row.expires_at)}",
            ]
            for row in rows
        ],
        numbers=(1,),
    )
    return Body(figures=[Figure("Waiting", selectors.capped(selectors.pending_approvals(request.user)))], table=table)


def _left(at: Any) -> str:
    from operations.templatetags.payos import span

    return span(at - clock.now())


@panel("alerts", "Alerts", page="home", permission="operations.view_alert", order=20, size="half", link="admin:operations_alert_changelist")
def alerts(request: Any) -> Body:
    rows = list(Alert.objects.filter(state__in=["firing", "acknowledged"]).order_by("-severity", "-id")[:6])
    if not rows:
        return Body(empty="No alert is firing.")
    tones = {"firing": "bad", "acknowledged": "warn"}
    return Body(
        table=Table(
            "Open alerts",
            ["Alert", "State", "Since"],
            [
                [
                    Cell(row.summary, reverse("admin:operations_alert_change", args=[row.pk])),
                    Cell(row.get_state_display(), tone=tones[row.state]),
                    f"{age(row.since)} ago",
                ]
                for row in rows
            ],
        )
    )


@panel("queue_flow", "Cases opened and resolved, 14 days", page="home", permission="operations.view_case", size="half", order=60)
def flow(request: Any) -> Body:
    from console.rollups import daily

    opened, resolved = daily("cases_opened", 14), daily("cases_resolved", 14)
    if not any(opened.values()) and not any(resolved.values()):
        return Body(empty="No case in the last 14 days.")
    days = list(opened)
    chart = charts.lines(
        "Cases opened and resolved a day",
        [f"{day:%d %b}" for day in days],
        [("Opened", [opened[day] for day in days]), ("Resolved", [resolved[day] for day in days])],
    )
    return Body(chart=chart)


@panel("branch_alerts", "Cases of this branch", page="branch", permission="operations.view_case", size="half", order=80)
def branch_cases(request: Any, branch: Any) -> Body:
    from operations.models import Case

    rows = list(Case.objects.exclude(state="resolved").filter(partner_id=branch.partner_id, branch=branch).order_by("-id")[:8])
    if not rows:
        return Body(empty="Nothing of this branch needs a person.")
    return Body(
        table=Table(
            "Open cases of the branch",
            ["Case", "Kind", "Amount", "Age"],
            [
                [
                    Cell(row.title, reverse("admin:operations_case_change", args=[row.pk])),
                    words(row.kind),
                    display(row.amount_minor, row.currency) if row.currency else "",
                    age(row.created_at),
                ]
                for row in rows
            ],
            numbers=(2,),
        )
    )
