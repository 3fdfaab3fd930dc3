"""Commands on endpoints: make, change, rotate, switch off and on, remove. Replays and samples stand in their modules.

Whoever changes an endpoint locks its lane first and the endpoint second, like the workers do.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from payos.kernel import clock, locks, tenancy
from payos.kernel.errors import Problem, register
from payos.kernel.models import OutboxEvent
from webhooks import addresses, catalogue, policy, signing
from webhooks.models import OUTSTANDING, Delivery, DeliveryState, DisabledReason, Endpoint, Lane

register("webhook_limit", 422, "The partner has too many webhook endpoints", "Remove one that is no longer used.")
register("webhook_disabled", 409, "The endpoint is switched off", "Enable it first; that can replay what it missed.")
register("webhook_busy", 409, "A test of this endpoint is running", "Wait until it has ended: it takes ten seconds at most.")

HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9\-]{0,63}\Z")
HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,1022}[\x21-\x7e])?\Z")
RESERVED = {
    "host", "content-length", "content-type", "content-encoding", "transfer-encoding", "connection", "accept-encoding",
    "user-agent", "te", "trailer", "upgrade", "expect", "keep-alive", "proxy-authorization", "proxy-connection",
}  # fmt: skip
CHANGEABLE = (
    "url", "description", "event_types", "headers", "rate_limit", "max_in_flight", "ordered", "retry_seconds",
    "notify_emails",
)  # fmt: skip
DISCARD_BATCH = 5000


def _wrong(pointer: str, code: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer, "code": code, "detail": detail}


def check(values: dict[str, Any], *, livemode: bool) -> list[dict[str, str]]:
    """Everything that is wrong with these values, at once."""
    errors: list[dict[str, str]] = []
    if "url" in values:
        try:
            addresses.check_url(values["url"], livemode=livemode)
        except addresses.Refused as refused:
            errors.append(_wrong("/url", refused.code, refused.detail))
    if "event_types" in values:
        errors += _check_event_types(values["event_types"])
    if "headers" in values:
        errors += _check_headers(values["headers"])
    if "description" in values and not (
        isinstance(values["description"], str) and len(values["description"]) <= 200 and "\x00" not in values["description"]
    ):
        errors.append(_wrong("/description", "invalid", "the description is text of at most 200 characters"))
    for name, low, high, may_be_null in (("rate_limit", 1, 10_000, True), ("max_in_flight", 1, 100, False)):
        if name in values and not (values[name] is None and may_be_null):
            if isinstance(values[name], bool) or not isinstance(values[name], int) or not low <= values[name] <= high:
                errors.append(_wrong(f"/{name}", "range", f"{name} is a whole number from {low} to {high}"))
    if "ordered" in values and not isinstance(values["ordered"], bool):
        errors.append(_wrong("/ordered", "type", "ordered is true or false"))
    if "notify_emails" in values:
        errors += _check_emails(values["notify_emails"])
    if "retry_seconds" in values:
        waits = values["retry_seconds"]
        good = isinstance(waits, list) and len(waits) <= policy.MAX_RETRIES
        if not good or not all(isinstance(w, int) and not isinstance(w, bool) and 1 <= w <= 604_800 for w in waits):
            detail = f"retry_seconds is a list of at most {policy.MAX_RETRIES} waits of 1 to 604800 seconds; empty means the default"
            errors.append(_wrong("/retry_seconds", "invalid", detail))
    return errors


def _check_event_types(given: Any) -> list[dict[str, str]]:
    if not isinstance(given, list) or not 1 <= len(given) <= 50:
        return [_wrong("/event_types", "invalid", "event_types is a list of 1 to 50 event types or wildcards, for example transfer.*")]
    wrong = [(index, catalogue.why_no_pattern(pattern)) for index, pattern in enumerate(given)]
    return [_wrong(f"/event_types/{index}", "unknown_event_type", why) for index, why in wrong if why]


def _check_emails(given: Any) -> list[dict[str, str]]:
    if not isinstance(given, list) or len(given) > policy.MAX_EMAILS:
        return [_wrong("/notify_emails", "invalid", f"notify_emails is a list of at most {policy.MAX_EMAILS} addresses")]
    errors = []
    for index, address in enumerate(given):
        try:
            if not isinstance(address, str):
                raise ValidationError("")
            validate_email(address)
        except ValidationError:
            errors.append(_wrong(f"/notify_emails/{index}", "email", "this is no e-mail address"))
    return errors


def _check_headers(given: Any) -> list[dict[str, str]]:
    if not isinstance(given, dict) or len(given) > policy.MAX_HEADERS:
        return [_wrong("/headers", "invalid", f"headers is an object of at most {policy.MAX_HEADERS} names and values")]
    errors = []
    for name, value in given.items():
        lower = name.lower()
        if not HEADER_NAME.match(name) or lower in RESERVED or lower.startswith(("webhook-", "payos-")):
            errors.append(_wrong("/headers", "name", f"the header {name[:64]!r} cannot be chosen freely"))
        elif not isinstance(value, str) or not HEADER_VALUE.match(value):
            errors.append(_wrong("/headers", "value", f"the value of {name} must be 1 to 1024 printable ASCII characters"))
    if len({name.lower() for name in given}) != len(given):
        errors.append(_wrong("/headers", "twice", "a header is given twice"))
    if sum(len(name) + len(str(value)) for name, value in given.items()) > policy.MAX_HEADER_BYTES:
        errors.append(_wrong("/headers", "too_large", f"the headers are longer than {policy.MAX_HEADER_BYTES} bytes together"))
    return errors


def _write_values(endpoint: Endpoint, values: dict[str, Any]) -> None:
    for name, value in values.items():
        if name == "headers":
            clean = {key.lower(): text for key, text in value.items()}
            endpoint.headers_json = json.dumps(clean, sort_keys=True) if clean else ""
        elif name == "event_types":
            endpoint.event_types = list(dict.fromkeys(value))
            endpoint.like_patterns = [catalogue.as_like(pattern) for pattern in endpoint.event_types]
        else:
            setattr(endpoint, name, value)


@transaction.atomic
def endpoint_create(*, partner: Any, livemode: bool, url: str, event_types: Sequence[str] = ("*",), **values: Any) -> tuple[Endpoint, str]:
    """Register an endpoint; the secret is returned here and shown once."""
    values = {"url": url, "event_types": list(event_types), **values}
    errors = check(values, livemode=livemode)
    if errors:
        raise Problem("invalid_request", "The endpoint cannot be registered: see `errors`.", errors=errors)
    locks.advisory_xact_lock(f"webhooks:endpoints:{partner.pk}:{livemode}")
    if Endpoint.objects.filter(partner=partner, livemode=livemode, deleted_at=None).count() >= policy.MAX_ENDPOINTS:
        raise Problem("webhook_limit", f"There are {policy.MAX_ENDPOINTS} endpoints already: remove one that is no longer used.")
    endpoint = Endpoint(partner=partner, livemode=livemode, secret=signing.new_secret(), api_version=settings.API_VERSIONS[-1])
    _write_values(endpoint, values)
    endpoint.save(force_insert=True)
    Lane(endpoint=endpoint, partner=partner, tokens=endpoint.rate_limit or 0).save(force_insert=True)
    return endpoint, endpoint.secret


@transaction.atomic
def endpoint_update(*, endpoint_id: uuid.UUID, **values: Any) -> Endpoint:
    unknown = sorted(set(values) - set(CHANGEABLE))
    if unknown:
        raise Problem("invalid_request", errors=[_wrong(f"/{name}", "unknown", f"{name} cannot be changed") for name in unknown])
    endpoint = _locked(endpoint_id)
    errors = check(values, livemode=endpoint.livemode)
    if errors:
        raise Problem("invalid_request", "The endpoint cannot be changed: see `errors`.", errors=errors)
    _write_values(endpoint, values)
    endpoint.save()
    return endpoint


def _locked(endpoint_id: uuid.UUID) -> Endpoint:
    try:
        Lane.objects.select_for_update(of=("self",)).get(pk=endpoint_id)
        return Endpoint.objects.select_for_update(of=("self",)).get(pk=endpoint_id, deleted_at=None)
    except (Lane.DoesNotExist, Endpoint.DoesNotExist):
        raise Problem("not_found", "There is no such webhook endpoint, or it was removed.") from None


@transaction.atomic
def secret_rotate(*, endpoint_id: uuid.UUID, overlap: timedelta = policy.ROTATION_OVERLAP) -> tuple[Endpoint, str]:
    """A new secret; until the overlap ends every request carries both signatures."""
    if not timedelta(0) <= overlap <= policy.MAX_ROTATION_OVERLAP:
        days = policy.MAX_ROTATION_OVERLAP.days
        raise Problem("invalid_request", errors=[_wrong("/overlap_seconds", "range", f"the overlap is 0 to {days} days")])
    endpoint = _locked(endpoint_id)
    endpoint.previous_secret = endpoint.secret if overlap else ""
    endpoint.previous_secret_until = clock.now() + overlap if overlap else None
    endpoint.secret = signing.new_secret()
    endpoint.secret_created_at = clock.now()
    endpoint.save()
    return endpoint, endpoint.secret


@transaction.atomic
def endpoint_disable(*, endpoint_id: uuid.UUID, reason: str = DisabledReason.MANUAL) -> Endpoint:
    """Send nothing more. What is owed becomes dead at the next sweep; events from now on count as missed."""
    endpoint = _locked(endpoint_id)
    if not endpoint.enabled:
        return endpoint
    now = clock.now()
    endpoint.enabled, endpoint.disabled_at, endpoint.disabled_reason = False, now, str(reason)
    unseen = OutboxEvent.objects.filter(handled_at=None, parked_at=None).order_by("seq").values_list("created_at", flat=True).first()
    since = [endpoint.missed_since, Lane.objects.get(pk=endpoint_id).failing_since, unseen, now]
    endpoint.missed_since = min(at for at in since if at is not None)
    with tenancy.acting(reason=DisabledReason(reason).label):
        endpoint.save()
    if reason != DisabledReason.MANUAL:
        _notify_disabled(endpoint)
    return endpoint


@transaction.atomic
def endpoint_enable(*, endpoint_id: uuid.UUID, replay: bool = True) -> tuple[Endpoint, int]:
    """Send again. With `replay` everything it missed since it began to fail is owed again; else that is let go."""
    from operations.services import resolve_by_cause
    from webhooks import replays

    # The relay waits for this act, or this act for the relay: an event is either fanned out to the enabled endpoint or
    # marked as handled before the replay looks. Without it an event relayed at this very moment would belong to neither.
    locks.advisory_xact_lock("outbox:handle")
    endpoint = _locked(endpoint_id)
    if endpoint.enabled:
        return endpoint, 0
    errors = check({"url": endpoint.url}, livemode=endpoint.livemode)
    if errors:
        raise Problem("invalid_request", "The endpoint's URL may not be used any more: see `errors`.", errors=errors)
    since = endpoint.missed_since or endpoint.disabled_at
    endpoint.enabled, endpoint.disabled_at, endpoint.disabled_reason, endpoint.missed_since = True, None, "", None
    endpoint.save()
    Lane.objects.filter(pk=endpoint_id).update(consecutive_failures=0, failing_since=None, not_before=None, tokens=endpoint.rate_limit or 0)
    if replay:
        count = replays.missed(endpoint=endpoint, since=since)
    else:
        count = 0
        discard(endpoint_id=endpoint_id, why="the endpoint was enabled again without replay")
    resolve_by_cause([_cause("disabled", endpoint_id)], resolution="endpoint enabled again")
    return endpoint, count


@transaction.atomic
def endpoint_delete(*, endpoint_id: uuid.UUID) -> None:
    """Remove it: its log stays readable for 30 days, what it is owed is let go."""
    from operations.services import resolve_by_cause

    endpoint = _locked(endpoint_id)
    now = clock.now()
    endpoint.enabled, endpoint.deleted_at, endpoint.disabled_at = False, now, endpoint.disabled_at or now
    endpoint.disabled_reason = endpoint.disabled_reason or DisabledReason.MANUAL
    # What is no longer needed is no longer kept.
    endpoint.secret, endpoint.previous_secret, endpoint.previous_secret_until, endpoint.headers_json = "", "", None, ""
    endpoint.save()
    resolve_by_cause([_cause("disabled", endpoint_id), _cause("dead", endpoint_id)], resolution="endpoint removed")


def discard(*, endpoint_id: uuid.UUID, why: str) -> int:
    return Delivery.objects.filter(endpoint_id=endpoint_id, state__in=OUTSTANDING).update(
        state=DeliveryState.DISCARDED, finished_at=clock.now(), lease=None, last_error=why[:300]
    )


def sweep(limit: int = DISCARD_BATCH) -> int:
    """What switched-off endpoints are still owed becomes dead (removed endpoints: discarded), a bounded number at a time."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE owed AS (
                (SELECT endpoint_id FROM webhooks_delivery WHERE state IN ('pending', 'retrying') ORDER BY endpoint_id LIMIT 1)
                UNION ALL
                SELECT (SELECT d.endpoint_id FROM webhooks_delivery d
                         WHERE d.state IN ('pending', 'retrying') AND d.endpoint_id > owed.endpoint_id
                         ORDER BY d.endpoint_id LIMIT 1)
                  FROM owed WHERE owed.endpoint_id IS NOT NULL)
            UPDATE webhooks_delivery d
               SET state = CASE WHEN x.deleted THEN 'discarded' ELSE 'dead' END, finished_at = %(now)s, lease = NULL,
                   last_error = CASE WHEN d.last_error <> '' THEN d.last_error ELSE 'the endpoint was switched off' END
              FROM (SELECT w.id, e.deleted_at IS NOT NULL AS deleted
                      FROM owed
                      JOIN webhooks_endpoint e ON e.id = owed.endpoint_id AND NOT e.enabled
                      JOIN webhooks_delivery w ON w.endpoint_id = e.id AND w.state IN ('pending', 'retrying')
                     -- A request that is under way may still succeed: its claim ends first.
                     WHERE w.lease IS NULL OR w.next_attempt_at <= %(now)s
                     LIMIT %(limit)s FOR UPDATE OF w SKIP LOCKED) x
             WHERE d.id = x.id
            RETURNING d.endpoint_id, d.state
            """,
            {"now": clock.now(), "limit": limit},
        )
        rows = cursor.fetchall()
        dead_letters_report(endpoint_ids=[endpoint_id for endpoint_id, state in rows if state == DeliveryState.DEAD])
    return len(rows)


def _cause(kind: str, endpoint_id: uuid.UUID) -> str:
    return f"webhook-{kind}:{endpoint_id}"


def dead_letters_report(*, endpoint_ids: Sequence[uuid.UUID]) -> None:
    """One case per endpoint that has dead letters: it counts up, it does not multiply."""
    from operations.services import open_cases

    if not endpoint_ids:
        return
    counts = Counter(endpoint_ids)
    endpoints = Endpoint.objects.select_related("partner").in_bulk(list(counts))
    lanes = Lane.objects.in_bulk(list(counts))
    open_cases(
        [
            {
                "kind": "webhook_dead",
                "cause_key": _cause("dead", endpoint.pk),
                "title": f"Events did not reach {endpoint.partner.name}",
                "detail": f"Deliveries to {endpoint.url} were given up after their last attempt. Last error: "
                f"{lanes[endpoint.pk].last_error or 'none'}. Replay them once the receiver works.",
                "subject": endpoint,
                "partner_id": endpoint.partner_id,
                "livemode": endpoint.livemode,
                "reason_code": "dead_letter",
                "references": [endpoint.public_id],
                "suggested_actions": ["replay_deliveries"],
            }
            for endpoint in endpoints.values()
        ]
    )


def _notify_disabled(endpoint: Endpoint) -> None:
    from operations.services import open_case

    why = DisabledReason(endpoint.disabled_reason).label
    told = (
        f"{', '.join(endpoint.notify_emails)} is told by e-mail."
        if endpoint.notify_emails
        else "It names no e-mail address: tell the partner."
    )
    open_case(
        kind="webhook_disabled",
        cause_key=_cause("disabled", endpoint.pk),
        title=f"A webhook endpoint of {endpoint.partner.name} was switched off",
        detail=f"{endpoint.url}: {why}. {told} Once the receiver works, enable the endpoint with replay of what it missed.",
        subject=endpoint,
        partner_id=endpoint.partner_id,
        livemode=endpoint.livemode,
        reason_code=endpoint.disabled_reason,
        references=[endpoint.public_id],
        suggested_actions=["enable_endpoint"],
    )
    from webhooks import tasks

    if endpoint.notify_emails:
        transaction.on_commit(lambda: tasks.tell_disabled.delay(str(endpoint.pk)))
