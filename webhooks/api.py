"""/v1/webhooks: endpoints, their secrets, tests and replays, and the lists of deliveries and events."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from payos.kernel import ids
from payos.kernel.api import PayosAPIView, body_object, field_error, get_or_404
from payos.kernel.errors import Problem
from payos.kernel.models import OutboxEvent
from webhooks import api_schema as schema
from webhooks import render, replays, samples, selectors, services
from webhooks.catalogue import EVENTS
from webhooks.models import DeliveryState, Endpoint

TAGS = ["Webhooks"]
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class WebhookView(PayosAPIView):
    resource = "webhooks"

    def endpoint(self, public_id: str) -> Endpoint:
        return get_or_404(selectors.endpoints(), "whe", public_id)


def only(request: Request, *known: str) -> dict[str, Any]:
    """The body, which may carry these members and no others: a misspelt one is an error and not ignored."""
    body = body_object(request)
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise Problem(
            "invalid_request", errors=[field_error(f"/{name[:80]}", "unknown", f"known are: {', '.join(known)}") for name in unknown]
        )
    return body


def whole(value: Any) -> Any:
    """JSON knows no whole numbers: 60.0 is one too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def values(request: Request) -> dict[str, Any]:
    body = only(request, *services.CHANGEABLE)
    for name in {"rate_limit", "max_in_flight"} & set(body):
        body[name] = whole(body[name])
    if isinstance(body.get("retry_seconds"), list):
        body["retry_seconds"] = [whole(wait) for wait in body["retry_seconds"]]
    return body


def flag(body: dict[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if not isinstance(value, bool):
        raise Problem("invalid_request", errors=[field_error(f"/{name}", "type", f"{name} is true or false")])
    return value


def instant(value: Any, pointer: str) -> datetime | None:
    if value is None:
        return None
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        at = None
    if at is None or at.tzinfo is None:
        raise Problem("invalid_request", errors=[field_error(pointer, "instant", "write it like 2026-11-02T15:04:05Z")])
    try:
        at = at.astimezone(UTC)
    except OverflowError:
        at = LATEST + timedelta(days=1)
    if not EARLIEST <= at <= LATEST:
        raise Problem("invalid_request", errors=[field_error(pointer, "range", "the instant lies between 2000 and 2100")])
    return at


def query_text(request: Request, name: str) -> str | None:
    value = request.query_params.get(name)
    if value is not None and ("\x00" in value or not 1 <= len(value) <= 80):
        raise Problem("invalid_request", errors=[field_error(f"?{name}", "invalid", f"{name} has 1 to 80 characters")])
    return value


def query_id(request: Request, name: str, prefix: str) -> uuid.UUID | None:
    value = query_text(request, name)
    if value is None:
        return None
    try:
        return ids.decode(prefix, value)
    except ids.InvalidId as error:
        raise Problem("invalid_request", errors=[field_error(f"?{name}", "invalid_id", str(error))]) from None


def times(request: Request) -> dict[str, datetime | None]:
    return {name: instant(request.query_params.get(name), f"?{name}") for name in ("since", "until")}


class Revealing(WebhookView):
    """Answers with the secret. It is put in after the answer was kept for idempotency, so it is kept nowhere in plain;
    a replay of the same request shows it again as long as it has not been rotated since."""

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and response.status_code in {200, 201} and isinstance(response.data, dict):
            endpoint = Endpoint.objects.filter(pk=ids.decode("whe", response.data["id"])).first()
            if endpoint and endpoint.secret and render.instant(endpoint.secret_created_at) == response.data["secret_created_at"]:
                response.data = {**response.data, "secret": endpoint.secret}
        return super().finalize_response(request, response, *args, **kwargs)


class Endpoints(Revealing):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_list", summary="List endpoints", parameters=schema.PAGING,
        responses=schema.page_of(schema.EndpointOut, "WebhookEndpointPage"),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        return self.page(selectors.endpoints(), render.endpoint)

    @extend_schema(
        tags=TAGS, operation_id="webhooks_create", summary="Register an endpoint; its secret is shown once",
        request=schema.EndpointCreate, responses={201: schema.EndpointWithSecret},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        body = values(request)
        if "url" not in body:
            raise Problem("invalid_request", errors=[field_error("/url", "required", "give the URL to send to")])
        endpoint, _ = services.endpoint_create(partner=self.partner, livemode=self.livemode, **body)
        return Response(render.endpoint(endpoint), status=201)


class EndpointDetail(WebhookView):
    @extend_schema(tags=TAGS, operation_id="webhooks_get", summary="An endpoint with its health", responses=schema.EndpointOut)
    def get(self, request: Request, endpoint_id: str) -> Response:
        endpoint = self.endpoint(endpoint_id)
        return Response(render.endpoint(endpoint) | {"health": render.health(endpoint)})

    @extend_schema(
        tags=TAGS, operation_id="webhooks_update", summary="Change an endpoint",
        request=schema.EndpointUpdate, responses=schema.EndpointOut,
    )  # fmt: skip
    def patch(self, request: Request, endpoint_id: str) -> Response:
        endpoint = self.endpoint(endpoint_id)
        return Response(render.endpoint(services.endpoint_update(endpoint_id=endpoint.pk, **values(request))))

    @extend_schema(tags=TAGS, operation_id="webhooks_delete", summary="Remove an endpoint", responses={204: None})
    def delete(self, request: Request, endpoint_id: str) -> Response:
        services.endpoint_delete(endpoint_id=self.endpoint(endpoint_id).pk)
        return Response(status=204)


class RotateSecret(Revealing):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_rotate_secret", summary="Make a new secret; the old one signs too until the overlap ends",
        request=schema.RotateIn, responses={200: schema.EndpointWithSecret},
    )  # fmt: skip
    def post(self, request: Request, endpoint_id: str) -> Response:
        body = only(request, "overlap_seconds")
        seconds = whole(body.get("overlap_seconds", 86_400))
        if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds <= 604_800:
            raise Problem("invalid_request", errors=[field_error("/overlap_seconds", "range", "the overlap is 0 to 604800 seconds")])
        endpoint, _ = services.secret_rotate(endpoint_id=self.endpoint(endpoint_id).pk, overlap=timedelta(seconds=seconds))
        return Response(render.endpoint(endpoint))


class Enable(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_enable", summary="Switch an endpoint on again and send what it missed",
        request=schema.EnableIn, responses={200: schema.EnableOut},
    )  # fmt: skip
    def post(self, request: Request, endpoint_id: str) -> Response:
        replay = flag(only(request, "replay"), "replay", True)
        endpoint, count = services.endpoint_enable(endpoint_id=self.endpoint(endpoint_id).pk, replay=replay)
        return Response(render.endpoint(endpoint) | {"replayed": count})


class Disable(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_disable", summary="Switch an endpoint off", request=None, responses={200: schema.EndpointOut}
    )
    def post(self, request: Request, endpoint_id: str) -> Response:
        return Response(render.endpoint(services.endpoint_disable(endpoint_id=self.endpoint(endpoint_id).pk)))


class Test(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_test", summary="Send a sample event now and show the answer",
        request=schema.TestIn, responses={200: schema.TestOut},
    )  # fmt: skip
    def post(self, request: Request, endpoint_id: str) -> Response:
        event_type = only(request, "event_type").get("event_type", "webhook.test")
        delivery, outcome = samples.sample_send(endpoint=self.endpoint(endpoint_id), event_type=event_type)
        return Response({"delivery_id": delivery.public_id, **samples.describe(outcome)})


class Replay(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_replay", summary="Send again: one delivery, or all of a time range or a state",
        request=schema.ReplayIn, responses={200: schema.ReplayOut},
    )  # fmt: skip
    def post(self, request: Request, endpoint_id: str) -> Response:
        endpoint = self.endpoint(endpoint_id)
        body = only(request, "delivery_id", "since", "until", "status", "include_missed")
        if "delivery_id" in body:
            if len(body) > 1:
                raise Problem("invalid_request", "Give a delivery_id alone, or a range and a status.")
            delivery = get_or_404(selectors.deliveries(endpoint_id=endpoint.pk), "dlv", str(body["delivery_id"]))
            replays.one(endpoint=endpoint, delivery=delivery)
            count = 1
        else:
            if not body:
                raise Problem("invalid_request", "Say what to send again: a delivery_id, a status, or since and until.")
            count = replays.many(
                endpoint=endpoint,
                since=instant(body.get("since"), "/since"),
                until=instant(body.get("until"), "/until"),
                status=body.get("status"),
                include_missed=flag(body, "include_missed", False),
            )
        return Response({"object": "webhook_replay", "replayed": count})


class Deliveries(WebhookView):
    def _list(self, request: Request, endpoint_id: uuid.UUID | None) -> Response:
        status = query_text(request, "status")
        if status is not None and status not in DeliveryState.values:
            raise Problem(
                "invalid_request", errors=[field_error("?status", "choice", f"status is one of {', '.join(DeliveryState.values)}")]
            )
        found = selectors.deliveries(
            endpoint_id=endpoint_id,
            status=status,
            event_type=query_text(request, "event_type"),
            event_id=query_id(request, "event_id", "evt"),
            subject=query_text(request, "subject"),
            **times(request),
        )
        return self.page(found, render.delivery)

    @extend_schema(
        tags=TAGS, operation_id="webhooks_deliveries_list", summary="List deliveries", parameters=schema.DELIVERY_FILTERS,
        responses=schema.page_of(schema.DeliveryOut, "WebhookDeliveryPage"),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        return self._list(request, None)


class EndpointDeliveries(Deliveries):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_endpoint_deliveries_list", summary="List the deliveries of an endpoint",
        parameters=schema.DELIVERY_FILTERS, responses=schema.page_of(schema.DeliveryOut, "WebhookDeliveryPage"),
    )  # fmt: skip
    def get(self, request: Request, endpoint_id: str) -> Response:  # type: ignore[override]
        return self._list(request, self.endpoint(endpoint_id).pk)


class DeliveryDetail(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_delivery_get", summary="A delivery with every attempt", responses=schema.DeliveryDetail
    )
    def get(self, request: Request, delivery_id: str) -> Response:
        return Response(render.delivery_in_full(get_or_404(selectors.deliveries(), "dlv", delivery_id)))


class Events(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_events_list", summary="List events", parameters=schema.EVENT_FILTERS,
        responses=schema.page_of(schema.EventOut, "WebhookEventPage"),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        event_type = query_text(request, "type")
        if event_type is not None and event_type not in EVENTS:
            raise Problem("invalid_request", errors=[field_error("?type", "unknown_event_type", "the list is at /v1/webhooks/event-types")])
        return self.page(selectors.events(event_type=event_type, subject=query_text(request, "subject"), **times(request)), render.event)


class EventDetail(WebhookView):
    @extend_schema(tags=TAGS, operation_id="webhooks_event_get", summary="An event", responses=schema.EventOut)
    def get(self, request: Request, event_id: str) -> Response:
        event: OutboxEvent = get_or_404(selectors.events(), "evt", event_id)
        return Response(render.event(event))


class EventTypes(WebhookView):
    @extend_schema(
        tags=TAGS, operation_id="webhooks_event_types", summary="Every event type with its JSON schema and an example",
        responses=schema.page_of(schema.EventTypeOut, "WebhookEventTypePage"),
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        data = [{"name": e.name, "description": e.description, "schema": e.schema, "example": e.sample()} for e in EVENTS.values()]
        return Response({"object": "list", "data": data, "has_more": False, "url": request.path})


urlpatterns = [
    path("webhooks", Endpoints.as_view()),
    path("webhooks/deliveries", Deliveries.as_view()),
    path("webhooks/deliveries/<str:delivery_id>", DeliveryDetail.as_view()),
    path("webhooks/events", Events.as_view()),
    path("webhooks/events/<str:event_id>", EventDetail.as_view()),
    path("webhooks/event-types", EventTypes.as_view()),
    path("webhooks/<str:endpoint_id>", EndpointDetail.as_view()),
    path("webhooks/<str:endpoint_id>/rotate-secret", RotateSecret.as_view()),
    path("webhooks/<str:endpoint_id>/enable", Enable.as_view()),
    path("webhooks/<str:endpoint_id>/disable", Disable.as_view()),
    path("webhooks/<str:endpoint_id>/test", Test.as_view()),
    path("webhooks/<str:endpoint_id>/replay", Replay.as_view()),
    path("webhooks/<str:endpoint_id>/deliveries", EndpointDeliveries.as_view()),
]
