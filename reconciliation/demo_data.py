"""The sandbox bank's accounts, so that its statements find a home."""

from __future__ import annotations

from typing import Any

from reconciliation.models import BankAccount


def fill(demo: Any) -> None:
    for currency in ("USD", "MXN", "BRL", "KES"):
        number = f"10{int.from_bytes(currency.encode()) % 10**8:08d}"  # as the sandbox bank numbers its accounts
        BankAccount.objects.get_or_create(
            partner=None,
            livemode=False,
            identifier=number,
            currency=currency,
            defaults={"name": "Sandbox bank", "rail_code": "sandbox", "channels": []},
        )
