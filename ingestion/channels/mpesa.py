"""M-Pesa callbacks: STK push results and C2B confirmations.

Safaricom signs neither: what proves the sender is the secret in the callback's own address (`?token=`) and the
allow-list of its networks.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.channels.base import Ignored, Incoming, NotVerified, Unreadable, any_equal, object_of, plain

NAIROBI = ZoneInfo("Africa/Nairobi")


def _moment(value: Any) -> str:
    try:
        return datetime.strptime(str(value), "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI).isoformat()
    except ValueError:
        raise Unreadable(f"the time {str(value)[:30]!r} is not of the form YYYYMMDDhhmmss") from None


class _Token:
    def verify(self, message: Incoming, secrets: list[str], tolerance: int) -> None:
        if not any_equal(list(secrets), [message.query.get("token", "")[:200]]):
            raise NotVerified("the token in the address does not match")


class Stk(_Token):
    def read(self, message: Incoming) -> dict[str, Any]:
        body = object_of(message)
        try:
            callback = body["Body"]["stkCallback"]
            code = int(callback["ResultCode"])
        except (KeyError, TypeError, ValueError):
            raise Unreadable("there is no Body.stkCallback with a ResultCode") from None
        if code != 0:
            raise Ignored(f"the customer did not pay ({code}: {str(callback.get('ResultDesc'))[:120]})")
        try:
            items = {item["Name"]: item.get("Value") for item in callback["CallbackMetadata"]["Item"]}
            amount, receipt = items["Amount"], items["MpesaReceiptNumber"]
        except (KeyError, TypeError):
            raise Unreadable("the callback lacks Amount or MpesaReceiptNumber") from None
        return {
            "reference_number": receipt,
            "amount": amount if isinstance(amount, int | Decimal) else str(amount),
            "currency": "KES",
            "payment_date": _moment(items.get("TransactionDate")),
            "payment_channel": "mpesa",
            "payer": {"msisdn": str(items.get("PhoneNumber", ""))},
            "metadata": plain(
                {
                    "checkout_request_id": callback.get("CheckoutRequestID"),
                    "merchant_request_id": callback.get("MerchantRequestID"),
                }
            ),
        }


class C2B(_Token):
    def read(self, message: Incoming) -> dict[str, Any]:
        body = object_of(message)
        missing = [name for name in ("TransID", "TransAmount", "TransTime") if not body.get(name)]
        if missing:
            raise Unreadable(f"the confirmation lacks {', '.join(missing)}")
        names = [str(body.get(name) or "") for name in ("FirstName", "MiddleName", "LastName")]
        return {
            "reference_number": body["TransID"],
            "loan_account_number": str(body.get("BillRefNumber") or ""),
            "amount": body["TransAmount"],
            "currency": "KES",
            "payment_date": _moment(body["TransTime"]),
            "payment_channel": "mpesa",
            "payer": {"msisdn": str(body.get("MSISDN") or ""), "name": " ".join(name for name in names if name)},
            "metadata": plain({"short_code": body.get("BusinessShortCode"), "kind": body.get("TransactionType")}),
        }
