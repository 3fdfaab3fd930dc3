"""Reads of the queue. Nothing here counts further than a page needs: at a million cases a full count is a scan."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Q, QuerySet

from operations.models import Approval, Case, CaseReference
from operations.models.case import UNRESOLVED
from payos.kernel import clock, ids, sqlfile

PAGE = 50
COUNT_TO = 1000
SOON = timedelta(hours=1)
VIEWS = {
    "all": "All open",
    "mine": "Mine",
    "unassigned": "Unassigned",
    "breaching": "Breaching SLA",
    "approval": "Awaiting approval",
    "snoozed": "Snoozed",
    "resolved": "Resolved",
}
SORTS = {"due": ("due_at", "pk"), "amount": ("-amount_minor", "pk"), "age": ("pk",), "newest": ("-pk",)}
FIELDS = ("view", "kind", "rail", "severity", "partner", "q", "sort")


@dataclass(frozen=True, slots=True)
class Filters:
    view: str = "all"
    kind: str = ""
    rail: str = ""
    severity: str = ""
    partner: str = ""
    q: str = ""
    sort: str = "due"
    page: int = 1

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> Filters:
        values = {name: str(query.get(name) or "").replace("\x00", "").strip()[:200] for name in FIELDS}
        if values["view"] not in VIEWS:
            values["view"] = "all"
        if values["sort"] not in SORTS:
            values["sort"] = "newest" if values["view"] == "resolved" else "due"
        if values["severity"] not in {"", "1", "2", "3", "4"}:
            values["severity"] = ""
        page = str(query.get("p") or "1")
        # Deep pages cost what they skip; nobody works page 200: a filter or the search is the way there.
        return cls(**values, page=min(max(int(page[:6]), 1), 200) if page.isascii() and page.isdigit() else 1)

    def query(self, **changes: Any) -> str:
        values = {name: getattr(self, name) for name in FIELDS} | {"p": self.page} | changes
        plain = {"view": "all", "sort": "due", "p": 1}
        return urlencode({name: value for name, value in values.items() if value and value != plain.get(name)})


@dataclass(slots=True)
class Page:
    filters: Filters
    cases: list[Case] = field(default_factory=list)
    has_next: bool = False


def queue_page(filters: Filters, user: Any) -> Page:
    start = (filters.page - 1) * PAGE
    rows = queue(filters, user).select_related("partner", "branch", "assignee").defer("detail", "data")
    found = list(rows[start : start + PAGE + 1])
    return Page(filters, found[:PAGE], len(found) > PAGE)


def queue(filters: Filters, user: Any) -> QuerySet[Case]:
    rows = _view(filters.view, user)
    if filters.kind:
        rows = rows.filter(kind=filters.kind)
    if filters.rail:
        rows = rows.filter(rail=filters.rail)
    if filters.severity:
        rows = rows.filter(severity=int(filters.severity))
    if filters.partner:
        rows = rows.filter(partner_id=_uuid(filters.partner, "par"))  # type: ignore[misc]
    if filters.q:
        rows = rows.filter(found_by(filters.q))
    if filters.sort == "amount":
        rows = rows.exclude(amount_minor=None)
    return rows.order_by(*SORTS[filters.sort])


def _view(view: str, user: Any) -> QuerySet[Case]:
    # A state of its own has a partial index of its own; "not resolved" beside it would only mislead the planner.
    if view == "resolved":
        return Case.objects.filter(state="resolved")
    if view == "approval":
        return Case.objects.filter(state="awaiting_approval")
    if view == "snoozed":
        return Case.objects.filter(state="snoozed")
    rows = Case.objects.filter(~Q(state="resolved"))
    if view == "mine":
        return rows.filter(assignee=user)
    if view == "unassigned":
        return rows.filter(assignee=None, state="open")
    if view == "breaching":
        return rows.filter(due_at__lt=clock.now() + SOON).exclude(state="snoozed")
    return rows.exclude(state="snoozed")


def found_by(text: str) -> Q:
    """Cases whose id, subject or a reference begins with the text."""
    text = text.strip()
    prefix, _, _ = text.partition("_")
    try:
        key = ids.decode(prefix, text) if prefix else None
    except (ids.InvalidId, KeyError, ValueError):
        key = None
    words = _beginning(text.lower())
    if key is not None:
        words |= Q(text=str(key))
    hits = list(CaseReference.objects.filter(words).values_list("case_id", flat=True)[:2000])
    return Q(pk__in=[*hits, *([key] if key else [])])


def _beginning(text: str) -> Q:
    # The column sorts by code point, so that a prefix is a range: from the text to just past its last character.
    return Q(text__gte=text) & Q(text__lt=text + chr(0x10FFFF))


def _uuid(text: str, prefix: str) -> uuid.UUID | None:
    try:
        return ids.decode(prefix, text)
    except ids.InvalidId:
        return None


def capped(rows: QuerySet, limit: int = COUNT_TO) -> str:
    """A count for a badge: exact while it is small."""
    count = rows.order_by()[:limit].count()
    return f"{limit - 1}+" if count >= limit else str(count)


def counts(user: Any) -> dict[str, str]:
    return {view: capped(_view(view, user)) for view in ("all", "mine", "unassigned", "breaching", "approval", "snoozed")}


def facets(column: str) -> list[tuple[str, str]]:
    """The kinds (or rails) among unresolved cases, each with its count up to the bound."""
    with connection.cursor() as cursor:
        cursor.execute(sqlfile.load(__file__, f"facet_{column}.sql"), {"limit": COUNT_TO})
        return [(name, f"{COUNT_TO - 1}+" if count >= COUNT_TO else str(count)) for name, count in cursor.fetchall() if name]


def pending_approvals(user: Any) -> QuerySet[Approval]:
    return Approval.objects.filter(state="requested", expires_at__gt=clock.now())


def open_case_count(**filters: Any) -> int:
    return Case.objects.filter(state__in=UNRESOLVED, **filters).order_by()[: COUNT_TO * 10].count()
