from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from payos.kernel import outbox, tenancy
from tests.webhooks.receiver import Receiver
from webhooks import services
from webhooks.models import Endpoint
from webhooks.sending import Sender
from webhooks.worker import Worker

TRANSFER = {"id": "trf_01ka2b4x8n2h6v0q3w5e7r9t1y", "status": "settled", "amount": "10.00", "currency": "USD"}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as running:
        yield running


@pytest.fixture(autouse=True)
def _private_allowed(settings: Any) -> None:
    settings.WEBHOOKS_ALLOW_PRIVATE = True


def register(partner: Any, url: str, event_types: tuple[str, ...] = ("*",), **values: Any) -> Endpoint:
    with tenancy.platform_scope():
        endpoint, _ = services.endpoint_create(
            partner=partner, livemode=values.pop("livemode", False), url=url, event_types=event_types, **values
        )
    return endpoint


def publish(
    partner: Any, *, count: int = 1, event_type: str = "transfer.settled", subject: str | None = None, livemode: bool = False
) -> list[Any]:
    """Events as an app would publish them, handed on by the relay."""
    with tenancy.platform_scope(), transaction.atomic():
        found = [
            outbox.publish(
                topic="transfers", event_type=event_type, aggregate_id=subject or f"trf-{number}", partner_id=partner.pk,
                livemode=livemode, payload={"transfer": {**TRANSFER, "number": number}},
            )
            for number in range(count)
        ]  # fmt: skip
    outbox.drain()
    return found


def deliver(*, timeout: float = 15.0, until_idle: bool = True, seconds: float | None = None, **sender: Any) -> int:
    worker = Worker(sender=lambda: Sender(timeout=timeout, **sender))
    return asyncio.run(worker.run(until_idle=until_idle, seconds=seconds))


def make_due() -> None:
    """Time passes: whatever waits for its next attempt is due."""
    from webhooks.models import OUTSTANDING, Delivery, Lane

    with tenancy.platform_scope():
        from payos.kernel import clock

        Delivery.objects.filter(state__in=OUTSTANDING).update(next_attempt_at=clock.now())
        Lane.objects.update(not_before=None)
