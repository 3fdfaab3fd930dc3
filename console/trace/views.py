"""The trace page."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from console.trace import trace
from operations.pages import page


@require_GET
def trace_page(request: HttpRequest) -> HttpResponse:
    if not request.user.has_perm("operations.view_case"):  # type: ignore[union-attr]
        raise PermissionDenied
    text = request.GET.get("q", "").strip()[:200]
    found = trace(text) if text else None
    steps = []
    if found:
        titles = {node.key: node for node in found.nodes}
        for node in found.nodes:
            ties = [(how, titles[key]) for how, key in node.neighbours if key in titles and key != node.key]
            steps.append({"node": node, "ties": ties, "asked": node.key in found.starts, "anchor": f"{node.type}-{node.id}"})
    return page(request, "console/trace.html", "Trace", q=text, trace=found, steps=steps)
