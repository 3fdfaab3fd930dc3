"""What holds after every scenario, whatever it did: one list for all of them."""

from __future__ import annotations

import uuid

from payos.kernel import outbox, tenancy
from settlement.chaos.invariants import FINAL, Findings, books, told_once
from settlement.models import Transfer
from webhooks.models import OUTSTANDING, Delivery


def check(found: Findings, partner_id: uuid.UUID) -> None:
    """Zero-sum, the seals' chain, no duplicate effect, no lost event, no stuck state, holds zero."""
    with tenancy.platform_scope(actor="command:chaos"):
        outbox.drain()
    books(found, partner_id)
    with tenancy.platform_scope(actor="command:chaos"):
        told_once(found, partner_id)
        stuck = Transfer.objects.filter(partner_id=partner_id).exclude(state__in=[*FINAL, "cancelled", "reconciled"]).count()
        found.check(stuck == 0, f"{stuck} transfers are stuck")
        waiting = Delivery.objects.filter(partner_id=partner_id, state__in=OUTSTANDING).count()
        found.check(waiting == 0, f"{waiting} deliveries are stuck")
