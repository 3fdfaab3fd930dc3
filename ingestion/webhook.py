"""The endpoint that payments arrive at: verified, read, recorded in one round trip, answered at once.

A plain view outside the API's shell: no key, no session, no transaction of its own. Whatever arrives, the answer is a
clear one and never a 500: unverifiable is 401, unreadable is kept raw and becomes a case, a contradiction is 409.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import time
import uuid
from collections.abc import Mapping
from typing import Any, Protocol, cast

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, close_old_connections, transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from ingestion import channels, stats
from ingestion.models import RawMessage
from ingestion.services import recording
from operations.services import open_case
from payos.kernel import ids, redis, tenancy
from payos.kernel.errors import Problem, register

log = logging.getLogger("payos.ingestion")
register("source_unverified", 401, "The message does not prove who sent it", "Check the source id, the signature and the clock.")
register("source_address_refused", 403, "The sender's address is not allowed", "Add its network to the source.")
register("message_unreadable", 422, "The message cannot be read", "It was kept and a person looks at it; send it again corrected.")
BODY_LIMIT = 1024 * 1024
KEPT_HEADERS = ("Content-Type", "User-Agent", "X-Timestamp", "webhook-id", "webhook-timestamp")


class Request(Protocol):
    """What the endpoint reads of a request: Django's own, or the short way's (payos.fastlane)."""

    @property
    def method(self) -> str | None: ...
    @property
    def path(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def GET(self) -> Mapping[str, str]: ...
    @property
    def META(self) -> Mapping[str, Any]: ...
    @property
    def body(self) -> bytes: ...


@csrf_exempt
@login_not_required
@transaction.non_atomic_requests
def receive(request: HttpRequest, channel: str = "generic") -> HttpResponse:
    status, headers, body = respond(cast(Request, request), channel)
    return HttpResponse(body, status=status, headers=headers)


def respond(request: Request, channel: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer; it never fails."""
    began = time.perf_counter()
    source: channels.KnownSource | None = None
    try:
        if request.method != "POST":
            raise Problem("method_not_allowed", "Payments are sent with POST.")
        source = _source(request, channel)
        message = _admit(request, source)
        status, answer = _take(source, message)
        outcome = answer["status"]
    except Problem as problem:
        status, outcome = problem.status, problem.code
        answer = problem.as_dict(instance=request.path, request_id=tenancy.current().request_id)
    except DatabaseError:
        log.exception("webhook.database_unavailable")
        close_old_connections()  # a broken connection is not met twice
        away = Problem("unavailable", headers={"Retry-After": "2"})
        status, outcome = away.status, away.code
        answer = away.as_dict(instance=request.path, request_id=tenancy.current().request_id)
    stats.add(source.partner_id if source else None, source.name if source else channel[:40], outcome, (time.perf_counter() - began) * 1000)
    kind = "application/json" if status < 400 else "application/problem+json"
    headers = {"Content-Type": kind, "Retry-After": "2"} if status in {429, 503} else {"Content-Type": kind}
    return status, headers, json.dumps(answer).encode()


def _source(request: Request, channel: str) -> channels.KnownSource:
    if channel not in channels.ADAPTERS:
        raise Problem("not_found", f"There is no channel {channel[:40]!r}: use one of {', '.join(channels.ADAPTERS)}.")
    given = request.GET.get("source") or request.headers.get("X-Source-Id") or ""
    source_id: uuid.UUID | None = None
    if given:
        try:
            source_id = ids.decode("src", given)
        except ids.InvalidId as error:
            raise Problem("source_unverified", str(error)) from None
    source = channels.find_source(channel, source_id)
    if source is None:
        raise Problem("source_unverified", "There is no such active source: name it with ?source=src_... or X-Source-Id.")
    return source


def _admit(request: Request, source: channels.KnownSource) -> channels.Incoming:
    """From where, how much and how often; then its signature, over the bytes as they came."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > BODY_LIMIT:
        raise Problem("payload_too_large", f"The message is over {BODY_LIMIT} bytes.")
    if source.networks:
        address = ipaddress.ip_address(tenancy.current().ip or "0.0.0.0")  # nosec B104 # stands for an unknown sender
        if not any(address in network for network in source.networks):
            raise Problem("source_address_refused", f"{address} is not among the networks of this source.")
    if _too_many(source):
        raise Problem("rate_limited", f"Over {source.rate_per_minute} messages a minute from this source.", headers={"Retry-After": "2"})
    message = channels.Incoming(request.headers, request.body, request.GET)
    try:
        channels.ADAPTERS[source.adapter].verify(message, list(source.secrets), source.tolerance)
    except channels.NotVerified as error:
        raise Problem("source_unverified", f"{error}.".capitalize()) from None
    return message


def _too_many(source: channels.KnownSource) -> bool:
    """Counted in Redis; without Redis nobody is refused. Generous limits are not counted at all."""
    if source.rate_per_minute >= 60_000:
        return False
    try:
        key = f"payos:source:{source.id}:{int(time.time() // 60)}"
        pipe = redis.client().pipeline(transaction=False)
        pipe.incr(key)
        pipe.expire(key, 70)
        return int(pipe.execute()[0]) > source.rate_per_minute
    except redis.Unavailable:
        return False


def _take(source: channels.KnownSource, message: channels.Incoming) -> tuple[int, dict[str, Any]]:
    with tenancy.tenant_scope(source.partner_id, source.livemode, actor=f"source:{source.name}"):
        try:
            body = channels.ADAPTERS[source.adapter].read(message)
            payment = recording.check(
                body,
                currency=source.currency,
                channel=source.channel,
                branches=source.branches,
                branch_id=source.branch_id,
                hold_days=source.hold_days,
            )
        except channels.Ignored as why:
            return 200, {"status": "ignored", "detail": str(why)}
        except channels.Unreadable as why:
            _keep(source, message, str(why))
            raise Problem("message_unreadable", f"The message cannot be read: {why}.") from None
        except Problem as problem:
            if problem.code == "payment_invalid":
                _keep(source, message, problem.detail)
            raise
        recorded = recording.record(partner_id=source.partner_id, livemode=source.livemode, source=source.name, payment=payment)
        if recorded.status == "conflict":
            _conflict(source, message, payment, recorded)
        return (201 if recorded.status == "created" else 200), {"status": recorded.status, "payment_id": recorded.public_id}


@transaction.atomic
def _keep(source: channels.KnownSource, message: channels.Incoming, why: str) -> RawMessage:
    """Nothing is lost on bad input: the bytes stay, and a person is told. The same fault of a source is one case."""
    raw = RawMessage(
        partner_id=source.partner_id,
        livemode=source.livemode,
        source=source.name,
        reason=why[:2000],
        headers={name: message.headers.get(name, "")[:300] for name in KEPT_HEADERS if message.headers.get(name)},
        body=message.body,
    )
    raw.save(force_insert=True)
    open_case(
        kind="message_unreadable",
        cause_key=f"webhook:{source.id}:{why[:80]}",
        title=f"A message from {source.name} was not recorded",
        detail=f"{why} The message is kept as raw message {raw.pk}.",
        subject=("ingestion.rawmessage", str(raw.pk)),
        partner_id=source.partner_id,
        livemode=source.livemode,
        reason_code="unreadable",
    )
    return raw


def _conflict(source: channels.KnownSource, message: channels.Incoming, payment: recording.PaymentIn, recorded: recording.Recorded) -> None:
    with transaction.atomic():
        raw = RawMessage(
            partner_id=source.partner_id,
            livemode=source.livemode,
            source=source.name,
            reason=f"contradicts {recorded.public_id}",
            headers={},
            body=message.body,
        )
        raw.save(force_insert=True)
        open_case(
            kind="payment_conflict",
            cause_key=f"payment-conflict:{recorded.payment_id}",
            title=f"Payment {payment.reference_number} was contradicted",
            detail=f"The same reference came again with another amount or account. The message is kept as {raw.pk}.",
            subject=("payment", str(recorded.payment_id)),
            partner_id=source.partner_id,
            livemode=source.livemode,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            reason_code="conflict",
            references=[payment.reference_number],
        )
    raise Problem(
        "payment_conflict",
        f"The reference {payment.reference_number} was recorded as {recorded.public_id} with another amount or account.",
        payment_id=recorded.public_id,
    )
