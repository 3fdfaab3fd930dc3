"""The debug page of an endpoint: send a sample, see request and answer, verify a pasted signature, copy code."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from operations.pages import needs, page
from payos.kernel import clock
from payos.kernel.errors import Problem
from webhooks import docs, samples, signing
from webhooks.catalogue import EVENTS
from webhooks.models import Attempt, Endpoint

LATEST = 10
MAX_PASTED = 256 * 1024


def urls(site: Any) -> list[Any]:
    view = site.admin_view
    return [
        path("<uuid:key>/debug/", view(require_GET(debug)), name="webhooks_endpoint_debug"),
        path("<uuid:key>/debug/send/", view(require_POST(send)), name="webhooks_endpoint_debug_send"),
        path("<uuid:key>/debug/verify/", view(require_POST(verify)), name="webhooks_endpoint_debug_verify"),
    ]


def _endpoint(key: uuid.UUID) -> Endpoint:
    endpoint = Endpoint.objects.select_related("partner", "lane").filter(pk=key, deleted_at=None).first()
    if endpoint is None:
        raise Http404(f"There is no webhook endpoint {key}, or it was removed.")
    return endpoint


def _page(request: HttpRequest, endpoint: Endpoint, **context: Any) -> HttpResponse:
    chosen = context.setdefault("event_type", "webhook.test")
    return page(
        request,
        "webhooks/debug.html",
        "Test and debug",
        endpoint=endpoint,
        events=list(EVENTS.values()),
        example=json.dumps(EVENTS[chosen].sample(livemode=endpoint.livemode), indent=2, ensure_ascii=False),
        latest=list(Attempt.objects.filter(endpoint_id=endpoint.pk).order_by("-id")[:LATEST]),
        code=docs.samples(),
        may_send=request.user.has_perm("webhooks.work_delivery"),  # type: ignore[union-attr]
        **context,
    )


@needs("webhooks.view_endpoint")
def debug(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    wanted = request.GET.get("event_type", "")
    return _page(request, _endpoint(key), event_type=wanted if wanted in EVENTS else "webhook.test")


@needs("webhooks.work_delivery")
def send(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    endpoint, wanted = _endpoint(key), request.POST.get("event_type", "webhook.test")
    try:
        delivery, outcome = samples.sample_send(endpoint=endpoint, event_type=wanted)
    except Problem as problem:
        return _page(request, endpoint, problem=" ".join([problem.detail, *(error["detail"] for error in problem.errors)]))
    shown = samples.describe(outcome)
    shown["request"]["pretty"] = json.dumps(json.loads(shown["request"]["body"]), indent=2, ensure_ascii=False)
    headers = {name.lower(): value for name, value in shown["request"]["headers"].items()}
    # Ready to be verified, or changed first to see what the verdict says then.
    pasted = {"webhook_id": headers.get("webhook-id", ""), "timestamp": headers.get("webhook-timestamp", ""),
              "signature": headers.get("webhook-signature", ""), "body": shown["request"]["body"]}  # fmt: skip
    return _page(request, endpoint, event_type=wanted, sent=shown, delivery=delivery, pasted=pasted)


@needs("webhooks.work_delivery")
def verify(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """With the endpoint's own secrets, which stay here: the page tells the verdict and its reasons."""
    endpoint = _endpoint(key)
    pasted = {name: request.POST.get(name, "")[:MAX_PASTED] for name in ("webhook_id", "timestamp", "signature", "body")}
    # A form sends line ends as \r\n; what was signed had them as the sender wrote them.
    bodies = [pasted["body"].replace("\r\n", "\n").encode(), pasted["body"].encode()]
    verdicts = [
        signing.explain(
            endpoint.secrets,
            webhook_id=pasted["webhook_id"],
            timestamp=pasted["timestamp"],
            signature=pasted["signature"],
            body=body,
            now=int(clock.now().timestamp()),
        )
        for body in dict.fromkeys(bodies)
    ]
    valid, remarks = next((verdict for verdict in verdicts if verdict[0]), verdicts[0])
    return _page(request, endpoint, pasted=pasted, verified=True, valid=valid, remarks=remarks)
