"""Rails and window rules of a fresh installation with the sandbox bank."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from settlement import secrets
from settlement.models import Rail, WindowRule

ALL_TYPES = ["us_bank", "clabe", "pix_key", "iban", "wallet", "mpesa_msisdn"]


def fill(demo: Any) -> None:
    folder = settings.PAYOS_HOME / "sandbox"
    sandbox, _ = Rail.objects.get_or_create(
        code="sandbox",
        defaults={
            "name": "Sandbox bank",
            "adapter": "sandbox",
            "currencies": ["USD", "MXN", "BRL", "KES", "EUR", "USDC"],
            "destination_types": ALL_TYPES,
            "config": {"url": settings.SANDBOX_URL},
            "credentials": secrets.packed({"key": "sandbox-key", "webhook_secret": "sandbox-secret"}),  # nosec B105 # the secret of a bank in a box
            "speed_minutes": 5,
            "cost_fixed_minor": 25,
            "per_second": 500,
        },
    )
    known = sandbox.config.get("url", "")
    if known != settings.SANDBOX_URL and known.startswith("http://127.0.0.1:"):
        # The bank in a box was started on another port this time; an address someone entered is theirs.
        sandbox.config = sandbox.config | {"url": settings.SANDBOX_URL}
        sandbox.save(update_fields=["config"])
    WindowRule.objects.get_or_create(rail=sandbox, partner=None, defaults={"frequency": "continuous"})
    ach, _ = Rail.objects.get_or_create(
        code="ach",
        defaults={
            "name": "ACH (NACHA files)",
            "adapter": "ach",
            "currencies": ["USD"],
            "destination_types": ["us_bank"],
            "config": {"outgoing": str(folder / "inbox"), "incoming": str(folder / "outbox")},
            "calendar": "US_FED",
            "timezone": "America/New_York",
            "settle_business_days": 1,
            "speed_minutes": 0,
            "cost_fixed_minor": 5,
            "maximum_minor": 100_000_000,
            "load_share": 50,
        },
    )
    WindowRule.objects.get_or_create(
        rail=ach,
        partner=None,
        defaults={"frequency": "times", "times": ["10:00", "14:15", "16:15"], "timezone": "America/New_York", "calendar": "US_FED"},
    )
