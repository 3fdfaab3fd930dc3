"""Stripe events: `Stripe-Signature: t=...,v1=...`; a successful charge or payment intent is a payment."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ingestion.channels.base import (
    Ignored,
    Incoming,
    NotVerified,
    Unreadable,
    any_equal,
    check_age,
    hmac_hex,
    object_of,
    plain,
)
from payos.kernel.money import MoneyError, to_decimal_str

PAYMENTS = {"charge.succeeded", "payment_intent.succeeded"}


def verify(message: Incoming, secrets: list[str], tolerance: int) -> None:
    parts = [part.strip().partition("=") for part in message.headers.get("Stripe-Signature", "").split(",")[:20]]
    timestamp = next((value for name, _, value in parts if name == "t"), "")
    check_age(timestamp, tolerance)
    given = [value for name, _, value in parts if name == "v1"]
    signed = timestamp.encode() + b"." + message.body
    if not given or not any_equal([hmac_hex(secret, signed) for secret in secrets], given):
        raise NotVerified("the signature does not match")


def read(message: Incoming) -> dict[str, Any]:
    event = object_of(message)
    kind = event.get("type")
    if kind not in PAYMENTS:
        raise Ignored(f"the event {str(kind)[:60]} is no payment")
    try:
        charge = event["data"]["object"]
        currency = charge["currency"].upper()
        amount = charge.get("amount_received", charge["amount"])
        if isinstance(amount, bool) or not isinstance(amount, int):
            raise TypeError("amount")
        metadata = charge.get("metadata") or {}
        return {
            "reference_number": charge["id"],
            "loan_account_number": str(metadata.get("loan_account_number", "")),
            "cif": str(metadata.get("cif", charge.get("customer") or "")),
            "amount": to_decimal_str(amount, currency),
            "currency": currency,
            "payment_date": datetime.fromtimestamp(int(charge["created"]), UTC).isoformat(),
            "payment_channel": "card",
            "metadata": plain({"stripe_event": event.get("id"), "livemode": event.get("livemode"), **metadata}),
        }
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError, MoneyError) as error:
        raise Unreadable(f"the charge lacks or garbles a field ({type(error).__name__}: {error})") from None
