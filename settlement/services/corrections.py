"""Notices of change: kept as corrections, and used by every later transfer to the same place."""

from __future__ import annotations

import json
from typing import Any

from operations.services import open_case
from payos.kernel import crypto
from settlement.models import Correction, Rail, Submission
from settlement.rails import nacha
from settlement.rails.nacha.returns import ChangeError, apply_change


def take_notice(rail: Rail, change: nacha.Change) -> None:
    """The payment went through; the next one to this account uses what the receiving bank says. A person tells the partner."""
    submission = Submission.objects.filter(rail=rail, rail_reference=change.original_trace).select_related("transfer").first()
    transfer = submission.transfer if submission else None
    why_not = "" if transfer else "no transfer of ours has this trace number"
    if transfer is not None:
        try:
            known = json.loads(transfer.destination)
            kept = Correction.objects.filter(
                partner_id=transfer.partner_id, livemode=transfer.livemode, rail=rail, destination_key=transfer.destination_key
            ).first()
            corrected = apply_change(json.loads(kept.destination) if kept else known, change)
            Correction.objects.update_or_create(
                partner_id=transfer.partner_id, livemode=transfer.livemode, rail=rail, destination_key=transfer.destination_key,
                defaults={"destination": json.dumps(corrected), "code": change.code, "trace": change.trace[:40]},
            )  # fmt: skip
        except ChangeError as error:
            why_not = str(error)
    masked = {key: crypto.mask(value.strip()) for key, value in change.corrected.items()}
    what = ", ".join(f"{key.replace('_', ' ')} to {value}" for key, value in masked.items()) or "the entry"
    then = (
        f"It was not applied: {why_not}." if why_not else "Later transfers to this account use it; tell the partner to change its records."
    )
    open_case(
        kind="notice_of_change", cause_key=f"noc:{rail.code}:{change.trace}:{change.original_trace}", title=f"{change.code}: {change.meaning}"[:200],
        detail=f"The receiving bank corrects {what}. {then}",
        subject=("settlement.transfer", str(transfer.pk)) if transfer else None, partner_id=transfer.partner_id if transfer else None,
        livemode=transfer.livemode if transfer else False, reason_code=change.code, rail=rail.code,
        data={"corrected": {key: crypto.encrypt(value) for key, value in change.corrected.items()}, "applied": not why_not},
    )  # fmt: skip


def corrected_destinations(rail: Rail, transfers: list[Any]) -> dict[Any, dict[str, Any]]:
    """The destination of each transfer as it is to be used now."""
    rows = Correction.objects.filter(rail=rail, destination_key__in={t.destination_key for t in transfers})
    known = {(c.partner_id, c.livemode, c.destination_key): json.loads(c.destination) for c in rows}
    return {t.pk: known.get((t.partner_id, t.livemode, t.destination_key)) or json.loads(t.destination) for t in transfers}
