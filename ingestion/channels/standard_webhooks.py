"""Standard Webhooks 1.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Any

from ingestion.channels import generic
from ingestion.channels.base import Incoming, NotVerified, any_equal, check_age


def verify(message: Incoming, secrets: list[str], tolerance: int) -> None:
    message_id = message.headers.get("webhook-id", "")
    timestamp = message.headers.get("webhook-timestamp", "")
    check_age(timestamp, tolerance)
    given = [part[3:] for part in message.headers.get("webhook-signature", "").split()[:10] if part.startswith("v1,")]
    signed = f"{message_id}.{timestamp}.".encode() + message.body
    if not message_id or not given or not any_equal([_sign(secret, signed) for secret in secrets], given):
        raise NotVerified("the signature does not match")


def _sign(secret: str, signed: bytes) -> str:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        key = secret.encode()
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def read(message: Incoming) -> dict[str, Any]:
    body = generic.read(message)
    data = body.get("data")
    # With an envelope ({type, timestamp, data}) the payment is the data; without one it is the body.
    return data if isinstance(data, dict) and "reference_number" not in body else body
