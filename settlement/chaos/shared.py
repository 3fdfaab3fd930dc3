"""What holds after every scenario, whatever it did: one list for all of them."""

from __future__ import annotations

import uuid

from django.db import connection

from ledger import sealing, verify
from ledger.models import Hold
from payos.kernel import outbox, tenancy
from settlement.chaos.invariants import FINAL, Findings, told_once
from settlement.models import Transfer
from webhooks.models import OUTSTANDING, Delivery


def check(found: Findings, partner_id: uuid.UUID) -> None:
    """Zero-sum, the seals' chain, no duplicate effect, no lost event, no stuck state, holds zero."""
    with tenancy.platform_scope(actor="command:chaos"):
        outbox.drain()
        sealing.seal_all()
    verdict = verify.verify(partner_id)
    found.check(verdict.ok, f"the ledger does not verify: {verdict.problems[:2]}")
    with tenancy.platform_scope(actor="command:chaos"):
        _sealed(found, partner_id)
        told_once(found, partner_id)
        held = Hold.objects.filter(partner_id=partner_id, remaining_minor__gt=0).count()
        found.check(held == 0, f"{held} holds are still open")
        stuck = Transfer.objects.filter(partner_id=partner_id).exclude(state__in=[*FINAL, "cancelled", "reconciled"]).count()
        found.check(stuck == 0, f"{stuck} transfers are stuck")
        waiting = Delivery.objects.filter(partner_id=partner_id, state__in=OUTSTANDING).count()
        found.check(waiting == 0, f"{waiting} deliveries are stuck")
    found.figures |= {"ledger_ok": verdict.ok, "ledger_transactions": verdict.transactions}


def _sealed(found: Findings, partner_id: uuid.UUID) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM ledger_transaction t WHERE t.partner_id = %s"
            " AND NOT EXISTS (SELECT 1 FROM ledger_seal s WHERE s.transaction_id = t.id)",
            [partner_id],
        )
        unsealed = cursor.fetchone()[0]
    found.check(unsealed == 0, f"{unsealed} transactions are not sealed")
