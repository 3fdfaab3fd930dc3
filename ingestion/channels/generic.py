"""The original contract: HMAC-SHA256 over `timestamp.body`, in hex, with our own field names."""

from __future__ import annotations

from typing import Any

from ingestion.channels.base import Incoming, NotVerified, any_equal, check_age, hmac_hex, object_of, plain


def verify(message: Incoming, secrets: list[str], tolerance: int) -> None:
    timestamp = message.headers.get("X-Timestamp", "")
    check_age(timestamp, tolerance)
    given = message.headers.get("X-Signature", "").removeprefix("sha256=")
    signed = timestamp.encode() + b"." + message.body
    if not given or not any_equal([hmac_hex(secret, signed) for secret in secrets], [given[:200]]):
        raise NotVerified("the signature does not match")


def read(message: Incoming) -> dict[str, Any]:
    body = object_of(message)
    if "metadata" in body:
        body["metadata"] = plain(body["metadata"])
    if "payer" in body:
        body["payer"] = plain(body["payer"])
    return body
