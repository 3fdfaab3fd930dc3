"""What a transfer holds of its partner's balance: the two accounts, and the posting between them."""

from __future__ import annotations

import uuid
from typing import Any

from ledger.models import Layer
from ledger.services import Leg, Posting, account_for


def hold_accounts(partner_id: uuid.UUID, livemode: bool, currency: str) -> tuple[uuid.UUID, uuid.UUID]:
    who: dict[str, Any] = {"partner_id": partner_id, "livemode": livemode, "currency": currency}
    return account_for(**who, code="partner:available"), account_for(**who, code="transfers:in_transit")


def hold_posting(transfer_id: uuid.UUID, amount_minor: int, accounts: tuple[uuid.UUID, uuid.UUID]) -> Posting:
    available, transit = accounts
    return Posting(
        "transfer.held",
        [Leg(available, amount_minor, Layer.PENDING), Leg(transit, -amount_minor, Layer.PENDING)],
        subject=("transfer", str(transfer_id)),
    )
