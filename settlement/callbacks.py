"""What rails send us: verified, kept once by its message id, applied like any other answer."""

from __future__ import annotations

import json
import logging
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from standardwebhooks import Webhook, WebhookVerificationError

from payos.kernel import clock, tenancy
from settlement import secrets
from settlement.models import Rail
from settlement.rails.sandbox import answer_of
from settlement.services import outcomes

log = logging.getLogger("payos.settlement")
BODY_LIMIT = 256 * 1024


@csrf_exempt
@login_not_required
@transaction.non_atomic_requests
def receive(request: HttpRequest, rail_code: str) -> HttpResponse:
    """202 when it was taken (also when it was known), 401 when it does not verify. Verification comes before reading."""
    with tenancy.platform_scope():
        rail = Rail.objects.filter(code=rail_code).first()
    secret = secrets.of(rail).get("webhook_secret") if rail else None
    if request.method != "POST" or rail is None or not secret:
        return JsonResponse({"detail": "there is no such receiver"}, status=404)
    if len(request.body) > BODY_LIMIT:
        return JsonResponse({"detail": "the message is too large"}, status=413)
    try:
        message = Webhook(_key(secret)).verify(request.body, dict(request.headers.items()))
    except WebhookVerificationError:
        return JsonResponse({"detail": "the signature does not match"}, status=401)
    except ValueError:
        return JsonResponse({"detail": "the message is no JSON"}, status=400)
    take(rail, request.headers["webhook-id"], message)
    return JsonResponse({"status": "taken"}, status=202)


def _key(secret: str) -> str:
    import base64

    return secret if secret.startswith("whsec_") else base64.b64encode(secret.encode()).decode()


def take(rail: Rail, message_id: str, message: Any) -> bool:
    """Apply a message once. The row that makes it once commits with its effect."""
    data = message.get("data") if isinstance(message, dict) else None
    reference = str(data.get("reference", "")) if isinstance(data, dict) else ""
    transfer_id = outcomes.transfer_of_reference(reference)
    with transaction.atomic(), tenancy.platform_scope(actor=f"rail:{rail.code}"):
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO settlement_railcallback (rail_code, message_id, received_at, body) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (rail_code, message_id) DO NOTHING",
                [rail.code, message_id[:120], clock.now(), json.dumps(message)],
            )
            if not cursor.rowcount:
                return False
        if transfer_id is None or data is None:
            log.warning("callback.unknown_reference", extra={"rail": rail.code, "reference": reference[:80]})
            return True
        outcomes.apply(rail=rail, answers=[(transfer_id, reference, answer_of(data))])
    return True
