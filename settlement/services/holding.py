"""The two accounts that a transfer's hold stands between."""

from __future__ import annotations

import uuid
from typing import Any

from ledger.services import account_for


def hold_accounts(partner_id: uuid.UUID, livemode: bool, currency: str) -> tuple[uuid.UUID, uuid.UUID]:
    who: dict[str, Any] = {"partner_id": partner_id, "livemode": livemode, "currency": currency}
    return account_for(**who, code="partner:available"), account_for(**who, code="transfers:in_transit")
