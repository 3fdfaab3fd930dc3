"""Standard Webhooks 1.0: the headers and signatures of what we send, and how a pasted one is verified."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from functools import lru_cache

PREFIX = "whsec_"
TOLERANCE_SECONDS = 300


def new_secret() -> str:
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


@lru_cache(maxsize=4096)
def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX))


def sign(secret: str, webhook_id: str, timestamp: int, body: bytes) -> str:
    digest = hmac.new(_key(secret), f"{webhook_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def headers(secrets_now: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """While a secret is being rotated both sign: whichever of them the receiver knows, one signature fits."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(secret, webhook_id, timestamp, body) for secret in secrets_now),
    }


def explain(
    secrets_known: Sequence[str], *, webhook_id: str, timestamp: str, signature: str, body: bytes, now: int
) -> tuple[bool, list[str]]:
    """Whether a pasted signature is right, and every reason why a receiver might refuse it."""
    remarks: list[str] = []
    text = timestamp.strip()
    if not (text.isascii() and text.isdigit()):
        return False, ["webhook-timestamp must be the seconds since 1970 as digits."]
    age = now - int(text)
    if abs(age) > TOLERANCE_SECONDS:
        remarks.append(
            f"The timestamp is {abs(age)} seconds {'old' if age > 0 else 'ahead'}: receivers allow {TOLERANCE_SECONDS}, "
            "so a library would refuse it although the signature may be right."
        )
    given = [part for part in signature.split() if part.startswith("v1,")]
    if not given:
        return False, [*remarks, "webhook-signature has no part that starts with v1, (several are separated by spaces)."]
    for number, secret in enumerate(secrets_known):
        wanted = sign(secret, webhook_id.strip(), int(text), body)
        if any(hmac.compare_digest(part, wanted) for part in given):
            which = "the current secret" if number == 0 else "the previous secret, which is being rotated out"
            return True, [f"The signature was made with {which}.", *remarks]
    for variant, what in ((body.strip(), "white space around it"), (body.replace(b"\r\n", b"\n"), "other line ends")):
        if variant != body and any(
            hmac.compare_digest(part, sign(secret, webhook_id.strip(), int(text), variant)) for secret in secrets_known for part in given
        ):
            return False, [*remarks, f"The body has {what}: verify the bytes as they came in, before anything parses them."]
    for part in given:
        try:
            good = len(base64.b64decode(part[3:], validate=True)) == 32
        except (binascii.Error, ValueError):
            good = False
        if not good:
            remarks.append(f"{part[:40]!r} is no base64 of 32 bytes: it was cut or changed on the way.")
    remarks.append(
        "No secret of this endpoint makes that signature. Usual reasons: the body was parsed and written again, the "
        "secret is another endpoint's or the other mode's, or the text before the body is not `id.timestamp.`"
    )
    return False, remarks
