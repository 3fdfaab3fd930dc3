"""The calendar page: what settles when, what waits and what is late."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from operations.pages import needs, page
from settlement import selectors


@needs("settlement.view_settlementbatch")
def view(request: HttpRequest) -> HttpResponse:
    return page(request, "settlement/calendar.html", "Settlement calendar", **selectors.calendar())
