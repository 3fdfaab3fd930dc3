"""Cases that nobody else is placed to open: approvals that wait too long, and a ledger that does not prove."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ledger.verify import verify
from operations.models import Approval, Case
from operations.models.approval import ApprovalState
from operations.models.case import UNRESOLVED
from operations.services.opening import open_cases, resolve_by_cause
from payos.kernel import clock, tenancy

TOO_LONG = timedelta(hours=24)


def watch_approvals() -> int:
    """A request that waits longer than a day is a case; decided, expired or void, the case is over."""
    waiting = Approval.objects.filter(state=ApprovalState.REQUESTED)
    late = list(waiting.filter(created_at__lt=clock.now() - TOO_LONG).select_related("requested_by")[:500])
    known = set(Case.objects.filter(kind="approval_waiting", state__in=UNRESOLVED).values_list("cause_key", flat=True))
    rows = [_row(approval) for approval in late]
    still = {f"approval:{key}:waiting" for key in waiting.values_list("pk", flat=True)}
    resolve_by_cause(known - still, resolution="decided", note="The approval was decided or is over.")
    return open_cases([row for row in rows if row["cause_key"] not in known])


def _row(approval: Approval) -> dict[str, Any]:
    return {
        "kind": "approval_waiting",
        "cause_key": f"approval:{approval.pk}:waiting",
        "title": f"Nobody decides: {approval.title}",
        "detail": f"{approval.requested_by.get_username()} asked on {approval.created_at:%Y-%m-%d %H:%M} UTC. It expires on {approval.expires_at:%Y-%m-%d %H:%M} UTC.",
        "subject": approval,
        "partner_id": approval.partner_id,
        "livemode": approval.livemode,
        "amount_minor": approval.amount_minor,
        "currency": approval.currency,
        "reason_code": "undecided",
        "references": [approval.public_id],
    }


def watch_ledger() -> bool:
    """Prove the whole ledger; what does not hold is a critical case. Not inside a transaction: the proof takes a snapshot of its own."""
    verdict = verify()
    with tenancy.platform_scope(actor="clock:ledger"):
        if verdict.ok:
            resolve_by_cause(["ledger:verify"], resolution="proven", note="The ledger proves again.")
            return True
        open_cases(
            [
                {
                    "kind": "ledger_seal",
                    "cause_key": "ledger:verify",
                    "title": f"The ledger does not prove: {len(verdict.problems)} findings",
                    "detail": "\n".join(f"{one['kind']}: {one['detail']}" for one in verdict.problems[:20]),
                    "severity": 4,
                    "reason_code": str(verdict.problems[0]["kind"]),
                    "references": [str(one["transaction"]) for one in verdict.problems[:10] if one.get("transaction")],
                }
            ]
        )
    return False
