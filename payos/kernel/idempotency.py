"""Every write of the API happens once per key: the key row and the answer commit with the effect.

The scope is (partner, mode, key). Only an answer that took effect is kept; a refused request left nothing
behind, so repeating it with the same key simply tries again. While the first request runs, a transaction-level
advisory lock answers the second with 409: it needs no row that a crash could leave behind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.http.request import RawPostDataException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from payos.kernel import clock
from payos.kernel.errors import Problem
from payos.kernel.models import IdempotencyKey

REPLAYED = "Idempotent-Replayed"
KEPT_HEADERS = ("Location",)


def key_of(request: Request) -> str:
    raw = request.headers.get("Idempotency-Key")
    if raw is None or not raw.strip():
        raise Problem("idempotency_key_missing")
    key = raw.strip()
    if len(key) >= 2 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise Problem("idempotency_key_invalid")
    return key


def fingerprint(request: Request) -> str:
    digest = hashlib.sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if str(request.content_type or "").lower().startswith("multipart/"):
        # Clients draw a new boundary for every try: the same parts are the same request, whatever stands between them.
        form: Any = request.data
        parts = sorted((name, [_describe(value) for value in values]) for name, values in form.lists())
        digest.update(json.dumps(parts).encode())
        return digest.hexdigest()
    try:
        digest.update(request._request.body)
    except RawPostDataException:  # the stream was consumed by a form parser: what it read stands for the body
        digest.update(json.dumps(request.data, sort_keys=True, default=_describe).encode())
    return digest.hexdigest()


def _describe(value: Any) -> Any:
    if hasattr(value, "chunks"):
        content = hashlib.sha256()
        for chunk in value.chunks():
            content.update(chunk)
        value.seek(0)
        return [value.name, content.hexdigest()]
    return str(value)


def run(request: Request, act: Callable[[], Response]) -> Response:
    key, print_ = key_of(request), fingerprint(request)
    auth: Any = request.auth
    _lock(f"idempotency:{auth.partner_id}:{auth.livemode}:{key}")
    known = IdempotencyKey.objects.filter(partner_id=auth.partner_id, livemode=auth.livemode, key=key).first()
    if known is not None and known.expires_at > clock.now():
        return _replay(known, print_)
    if known is not None:
        known.delete()
    response = act()
    if 200 <= response.status_code < 300:
        # As text, the very one the renderer writes: jsonb would keep the values and lose their order.
        body = json.dumps(response.data, cls=JSONEncoder)
        IdempotencyKey(
            partner_id=auth.partner_id,
            livemode=auth.livemode,
            key=key,
            fingerprint=print_,
            status=response.status_code,
            body=body,
            headers={name: response[name] for name in KEPT_HEADERS if response.has_header(name)},
            expires_at=clock.now() + timedelta(hours=settings.IDEMPOTENCY_HOURS),
        ).save(force_insert=True)
    return response


def _replay(known: IdempotencyKey, print_: str) -> Response:
    if known.fingerprint != print_:
        raise Problem("idempotency_key_reused")
    return Response(json.loads(known.body or "null"), status=known.status, headers={**known.headers, REPLAYED: "true"})


def _lock(name: str) -> None:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        (won,) = cursor.fetchone()
    if not won:
        raise Problem("idempotency_in_flight", headers={"Retry-After": "1"})


def remove_expired(limit: int = 10_000) -> int:
    """Delete keys whose time is over, a bounded number at a time. Called by beat under the platform's scope."""
    expired = IdempotencyKey.objects.filter(expires_at__lt=clock.now()).values("pk")[:limit]
    deleted, _ = IdempotencyKey.objects.filter(pk__in=expired).delete()
    return deleted
