"""Currency conversion: one transaction over the clearing account of each currency, with rate, source and rounding kept."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

from ledger.services.accounts import account_for
from ledger.services.posting import Leg, Posted, post
from payos.kernel.errors import Problem
from payos.kernel.money import exponent


def exact_target(from_minor: int, from_currency: str, to_currency: str, rate: Decimal) -> Decimal:
    """Minor units of the target currency before rounding."""
    return Decimal(from_minor).scaleb(-exponent(from_currency)) * rate * (Decimal(10) ** exponent(to_currency))


def convert(
    *,
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    from_account: uuid.UUID,
    to_account: uuid.UUID,
    from_minor: int,
    from_currency: str,
    to_currency: str,
    rate: str,
    source: str,
    to_minor: int | None = None,
    external_id: str | None = None,
    effective_at: datetime | None = None,
    metadata: dict[str, Any] | None = None,
    subject: tuple[str, str] = ("", ""),
) -> Posted:
    """Take `from_minor` out of a liability account and owe the counter value in the other currency.

    Where the amount really received (`to_minor`) differs from the rate's, the difference is a gain or loss.
    """
    exact = exact_target(from_minor, from_currency, to_currency, Decimal(rate))
    at_rate = int(exact.quantize(Decimal(1), rounding="ROUND_HALF_EVEN"))
    received = at_rate if to_minor is None else to_minor
    if from_minor <= 0 or at_rate <= 0 or received <= 0 or from_currency == to_currency:
        raise Problem("unprocessable", "A conversion needs a positive amount, a positive rate and two currencies.")

    def own(code: str, currency: str) -> uuid.UUID:
        return account_for(partner_id=partner_id, livemode=livemode, code=code, currency=currency)

    legs = [
        Leg(from_account, from_minor),
        Leg(own("fx:clearing", from_currency), -from_minor),
        Leg(own("fx:clearing", to_currency), received),
        Leg(to_account, -at_rate),
    ]
    if received != at_rate:
        legs.append(Leg(own("fx:gain_loss", to_currency), at_rate - received))
    return post(
        partner_id=partner_id,
        livemode=livemode,
        kind="fx.conversion",
        legs=legs,
        external_id=external_id,
        effective_at=effective_at,
        metadata={
            "rate": rate,
            "source": source,
            "from": {"minor": from_minor, "currency": from_currency},
            "to": {"minor": at_rate, "received_minor": received, "currency": to_currency},
            "rounding": str(exact - at_rate),
            **(metadata or {}),
        },
        subject=subject,
    )
