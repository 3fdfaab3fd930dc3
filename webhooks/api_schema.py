"""What the endpoints take and answer, for the OpenAPI document. The views check and render by themselves."""

from __future__ import annotations

from functools import cache
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers as s

from payos.kernel.fields import StrictSerializer
from webhooks.catalogue import EVENTS
from webhooks.models import DeliveryState, DisabledReason

STATUSES = list(DeliveryState.values)


def _wildcards() -> s.ListField:
    return s.ListField(child=s.CharField(max_length=80), min_length=1, max_length=50)


class EndpointFields(StrictSerializer):
    description = s.CharField(max_length=200, required=False, allow_blank=True, trim_whitespace=False)
    headers = s.DictField(child=s.CharField(max_length=1024), required=False, help_text="Sent with every request; shown as names only.")
    rate_limit = s.IntegerField(min_value=1, max_value=10_000, required=False, allow_null=True, help_text="Requests a second.")
    max_in_flight = s.IntegerField(min_value=1, max_value=100, required=False)
    ordered = s.BooleanField(required=False, help_text="Events of one subject in order: a later one waits for the earlier one.")
    retry_seconds = s.ListField(child=s.IntegerField(min_value=1, max_value=604_800), max_length=12, required=False)
    notify_emails = s.ListField(
        child=s.EmailField(), max_length=5, required=False, help_text="Written to when the endpoint is switched off because it fails."
    )


class EndpointCreate(EndpointFields):
    url = s.CharField(max_length=2000)
    event_types = s.ListField(child=s.CharField(max_length=80), min_length=1, max_length=50, required=False)


class EndpointUpdate(EndpointFields):
    url = s.CharField(max_length=2000, required=False)
    event_types = s.ListField(child=s.CharField(max_length=80), min_length=1, max_length=50, required=False)


class Health(s.Serializer):
    attempts = s.IntegerField()
    success_rate = s.FloatField(allow_null=True)
    p50_ms = s.FloatField(allow_null=True)
    p95_ms = s.FloatField(allow_null=True)
    backlog = s.IntegerField(help_text="Counted up to 10000.")
    dead = s.IntegerField(help_text="Counted up to 10000.")
    consecutive_failures = s.IntegerField()
    failing_since = s.DateTimeField(allow_null=True)
    last_success_at = s.DateTimeField(allow_null=True)
    last_failure_at = s.DateTimeField(allow_null=True)
    last_error = s.CharField(allow_blank=True)


class EndpointOut(s.Serializer):
    id = s.CharField()
    object = s.ChoiceField(["webhook_endpoint"])
    livemode = s.BooleanField()
    url = s.CharField()
    description = s.CharField(allow_blank=True)
    event_types = _wildcards()
    header_names = s.ListField(child=s.CharField())
    rate_limit = s.IntegerField(allow_null=True)
    max_in_flight = s.IntegerField()
    ordered = s.BooleanField()
    retry_seconds = s.ListField(child=s.IntegerField())
    notify_emails = s.ListField(child=s.EmailField())
    api_version = s.CharField()
    enabled = s.BooleanField()
    disabled_reason = s.ChoiceField([value for value in DisabledReason.values if value], allow_null=True)
    disabled_at = s.DateTimeField(allow_null=True)
    secret_created_at = s.DateTimeField()
    previous_secret_until = s.DateTimeField(allow_null=True)
    created_at = s.DateTimeField()
    health = Health(required=False)


class EndpointWithSecret(EndpointOut):
    secret = s.CharField(required=False, help_text="Shown by this answer and its idempotent replays only.")


class DeliveryOut(s.Serializer):
    id = s.CharField()
    object = s.ChoiceField(["webhook_delivery"])
    livemode = s.BooleanField()
    endpoint_id = s.CharField()
    event_id = s.CharField()
    event_type = s.CharField()
    subject = s.CharField(allow_blank=True)
    status = s.ChoiceField(STATUSES)
    attempts = s.IntegerField()
    replays = s.IntegerField()
    sample = s.BooleanField()
    next_attempt_at = s.DateTimeField(allow_null=True)
    finished_at = s.DateTimeField(allow_null=True)
    last_response_status = s.IntegerField(allow_null=True)
    last_error = s.CharField(allow_blank=True)
    created_at = s.DateTimeField()


class AttemptOut(s.Serializer):
    id = s.CharField()
    number = s.IntegerField()
    at = s.DateTimeField()
    succeeded = s.BooleanField()
    url = s.CharField()
    address = s.CharField(allow_blank=True)
    request_headers = s.DictField(child=s.CharField())
    response_status = s.IntegerField(allow_null=True)
    response_headers = s.DictField(child=s.CharField(allow_blank=True))
    response_body = s.CharField(allow_blank=True)
    error_code = s.CharField(allow_blank=True)
    error = s.CharField(allow_blank=True)
    latency_ms = s.IntegerField()


class DeliveryDetail(DeliveryOut):
    request_body = s.CharField(allow_blank=True)
    attempt_log = AttemptOut(many=True)


class EventOut(s.Serializer):
    id = s.CharField()
    object = s.ChoiceField(["event"])
    type = s.CharField()
    subject = s.CharField()
    livemode = s.BooleanField()
    created_at = s.DateTimeField()
    body = s.DictField(help_text="What is sent for it.")


class EventTypeOut(s.Serializer):
    name = s.CharField()
    description = s.CharField()
    schema = s.DictField()
    example = s.DictField()


class RotateIn(StrictSerializer):
    overlap_seconds = s.IntegerField(
        min_value=0, max_value=604_800, required=False, help_text="Both secrets sign until then; a day by default."
    )


class EnableIn(StrictSerializer):
    replay = s.BooleanField(required=False, help_text="Send what was missed; true by default.")


class EnableOut(EndpointOut):
    replayed = s.IntegerField()


class TestIn(StrictSerializer):
    event_type = s.CharField(max_length=80, required=False)


class TestRequest(s.Serializer):
    url = s.CharField()
    headers = s.DictField(child=s.CharField())
    body = s.CharField()


class TestResponse(s.Serializer):
    status = s.IntegerField(allow_null=True)
    headers = s.DictField(child=s.CharField(allow_blank=True))
    body = s.CharField(allow_blank=True)
    latency_ms = s.IntegerField()
    address = s.CharField(allow_blank=True)


class TestOut(s.Serializer):
    delivery_id = s.CharField()
    succeeded = s.BooleanField()
    error_code = s.CharField(allow_blank=True)
    error = s.CharField(allow_blank=True)
    request = TestRequest()
    response = TestResponse()
    curl = s.CharField()


class ReplayIn(StrictSerializer):
    delivery_id = s.CharField(required=False, help_text="One delivery; give nothing else then.")
    since = s.DateTimeField(required=False)
    until = s.DateTimeField(required=False)
    status = s.ChoiceField(["delivered", "dead", "discarded"], required=False)
    include_missed = s.BooleanField(required=False, help_text="Also events that this endpoint was never owed.")


class ReplayOut(s.Serializer):
    object = s.ChoiceField(["webhook_replay"])
    replayed = s.IntegerField()


@cache  # one page of one name is one component, however many addresses answer with it
def page_of(child: type[s.Serializer], name: str) -> Any:
    return inline_serializer(
        name=name,
        fields={
            "object": s.ChoiceField(["list"]),
            "data": child(many=True),
            "has_more": s.BooleanField(),
            "url": s.CharField(),
        },
    )


def _query(name: str, kind: Any, description: str, **more: Any) -> OpenApiParameter:
    return OpenApiParameter(name, kind, OpenApiParameter.QUERY, description=description, **more)


def _id(prefix: str) -> dict[str, str]:
    return {"type": "string", "pattern": f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"}


WORD = {"type": "string", "minLength": 1, "maxLength": 80, "pattern": "^[^\\x00]+$"}
PAGING = [
    _query("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}, "How many at most."),
    _query("starting_after", OpenApiTypes.STR, "The id after which the page begins."),
    _query("ending_before", OpenApiTypes.STR, "The id before which the page ends."),
]
TIMES = [
    _query("since", OpenApiTypes.DATETIME, "From this instant on, with a time zone."),
    _query("until", OpenApiTypes.DATETIME, "Before this instant, with a time zone."),
]
DELIVERY_FILTERS = [
    _query("status", OpenApiTypes.STR, "One of the states of a delivery.", enum=STATUSES),
    _query("event_type", WORD, "The exact type."),
    _query("event_id", _id("evt"), "The event, evt_…"),
    _query("subject", WORD, "What the events are about, for example trf_…"),
    *TIMES,
    *PAGING,
]
EVENT_FILTERS = [
    _query("type", OpenApiTypes.STR, "The exact type.", enum=list(EVENTS)),
    _query("subject", WORD, "What it is about."),
    *TIMES,
    *PAGING,
]
