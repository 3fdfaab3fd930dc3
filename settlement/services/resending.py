"""Sending again what failed: as it was, under a fresh hold, and only where the rail's scheme allows another presentment."""

from __future__ import annotations

import uuid

from django.db import transaction

from ledger.services import post_many
from payos.kernel import clock, tenancy
from payos.kernel.errors import Problem, register
from payos.kernel.fsm import take
from settlement import bulk, events, snapshot
from settlement.models import Transfer, TransferBatch
from settlement.services import progress, representment
from settlement.services.holding import hold_accounts, hold_posting

register("not_again", 409, "The transfer may not be sent again", "Make a new transfer; read the reason for what to change.")


@transaction.atomic
def retry_batch(*, batch: TransferBatch) -> list[Transfer]:
    """Queue the failed items of a batch again, each as it was, under fresh holds; all of them or none."""
    rows = Transfer.objects.select_for_update(of=("self",)).filter(batch=batch, state__in=["failed", "returned"])
    failed = list(rows.select_related("rail", "partner").order_by("pk"))
    refused = _not_again(failed)
    able = [transfer for transfer in failed if transfer.pk not in refused]
    if failed and not able:
        raise Problem("not_again", "; ".join(f"row {t.batch_row}: {refused[t.pk]}" for t in failed[:10]))
    return requeue(able)


@transaction.atomic
def transfer_retry(*, transfer: Transfer, reason: str) -> Transfer:
    """Queue one failed transfer again, as it was, under a fresh hold."""
    locked = Transfer.objects.select_for_update(of=("self",)).select_related("rail", "partner").get(pk=transfer.pk)
    if locked.state not in {"failed", "returned"}:
        raise Problem("invalid_state", f"{locked.public_id} is {locked.state}: only a failed or returned transfer is sent again.")
    refused = _not_again([locked])
    if refused:
        raise Problem("not_again", f"{locked.public_id} cannot be sent again: {refused[locked.pk]}.")
    with tenancy.acting(reason=reason):
        return requeue([locked])[0]


def _not_again(transfers: list[Transfer]) -> dict[uuid.UUID, str]:
    """Returned transfers whose scheme forbids another presentment, with the reason."""
    found: dict[uuid.UUID, str] = {}
    for rail in {transfer.rail for transfer in transfers}:
        limits = representment.limits_of(rail)
        mine = [t for t in transfers if t.rail_id == rail.pk]
        if limits is not None:
            found |= representment.refusals(limits=limits, rail=rail, transfers=mine)
    return found


def requeue(transfers: list[Transfer]) -> list[Transfer]:
    """After a known failure: new funds held, the next window, a new reference towards the rail."""
    if not transfers:
        return []
    now = clock.now()
    partner = transfers[0].partner
    facts = snapshot.take(partner.pk, now)
    windows_of = {view.code: view.window_at for view in facts.views}
    postings = []
    for transfer in transfers:
        accounts = hold_accounts(transfer.partner_id, transfer.livemode, transfer.currency)
        posting = hold_posting(transfer.pk, transfer.amount_minor, accounts)
        take(transfer, "queue_again")
        transfer.hold_id = posting.id
        transfer.window_at = windows_of[transfer.rail.code] or now
        transfer.expected_at = snapshot.expected_at(transfer.rail, transfer.window_at)
        transfer.settlement_batch = None
        transfer.failure_code = transfer.failure_detail = ""
        transfer.next_attempt_at = transfer.settled_at = transfer.executed_minor = transfer.settled_transaction_id = None
        postings.append(posting)
    post_many(partner_id=partner.pk, livemode=transfers[0].livemode, postings=postings)
    bulk.update(
        Transfer,
        transfers,
        [
            "state",
            "hold_id",
            "window_at",
            "expected_at",
            "settlement_batch",
            "failure_code",
            "failure_detail",
            "next_attempt_at",
            "settled_at",
            "executed_minor",
            "settled_transaction_id",
        ],
    )
    progress.uncount(transfers=transfers)
    events.publish_many(events.of_transfers("transfer.queued", transfers, {t.rail_id: t.rail.code for t in transfers}))
    return transfers
