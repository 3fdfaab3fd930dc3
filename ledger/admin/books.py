"""Which book a page shows: a partner's or the platform's, of one mode, perhaps of one branch, as of when."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse

from ledger.models import Account
from partners.models import Branch, Partner
from payos.kernel import clock, ids, tenancy

PLATFORM = "platform"
MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Book:
    partner: Partner | None
    livemode: bool
    currency: str
    branch: Branch | None
    start: date
    end: date  # the last day that is shown

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.start, time(), UTC)

    @property
    def ends_at(self) -> datetime:
        """The first instant after the last day."""
        return datetime.combine(self.end + timedelta(days=1), time(), UTC)

    @property
    def query(self) -> str:
        """The book as the query of a link."""
        said = {
            "partner": self.partner.public_id if self.partner else PLATFORM,
            "mode": "live" if self.livemode else "test",
            "currency": self.currency,
            "branch": self.branch.public_id if self.branch else "",
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }
        return urlencode({name: value for name, value in said.items() if value})

    def accounts(self) -> Any:
        rows = Account.objects.filter(partner=self.partner, livemode=self.livemode).select_related("branch")
        if self.currency:
            rows = rows.filter(currency=self.currency)
        return rows.filter(branch=self.branch) if self.branch else rows


def day_of(text: str, default: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return default
    return day if 2000 <= day.year < 2100 else default


def row_of(model: Any, prefix: str, text: str) -> Any:
    try:
        return model.objects.filter(pk=ids.decode(prefix, text)).first()
    except ids.InvalidId:
        return None


def book_of(request: HttpRequest) -> Book:
    """From the query; what is missing or wrong falls back to the first partner, test mode, this month."""
    asked = request.GET.get("partner", "")
    partner = None if asked == PLATFORM else row_of(Partner, "par", asked) or Partner.objects.order_by("name").first()
    today = clock.today()
    branch = row_of(Branch, "brn", request.GET.get("branch", ""))
    return Book(
        partner,
        request.GET.get("mode") == "live",
        request.GET.get("currency", "")[:4],
        branch if branch is not None and partner is not None and branch.partner_id == partner.pk else None,
        day_of(request.GET.get("start", ""), today.replace(day=1)),
        day_of(request.GET.get("end", ""), today),
    )


def choices(book: Book) -> dict[str, Any]:
    """What the filter row of a page offers."""
    every = Account.objects.filter(partner=book.partner, livemode=book.livemode)
    return {
        "book": book,
        "platform": PLATFORM,
        "partners": Partner.objects.order_by("name")[:500],
        "currencies": every.order_by("currency").values_list("currency", flat=True).distinct(),
        "branches": Branch.objects.filter(partner=book.partner, livemode=book.livemode).order_by("name")[:500] if book.partner else [],
    }


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    frame = admin.site.each_context(request) | {"title": title, "is_fullwidth": "1"}
    return TemplateResponse(request, template, frame | context)


def csv_file(name: str, lines: Iterator[str]) -> StreamingHttpResponse:
    """Streams after the view has returned, so it opens the platform's scope again by itself."""

    def scoped() -> Iterator[str]:
        with tenancy.platform_scope():
            yield from lines

    response = StreamingHttpResponse(scoped(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def key_of(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
