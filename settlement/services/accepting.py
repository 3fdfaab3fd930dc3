"""Accepting what was checked: routed, funds held, queued, told: one act, a handful of statements; and taking it back in time."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction

from ledger.services import Posting, post_many, void_hold
from partners.models import Partner
from payos.kernel import clock, crypto, ids
from payos.kernel.api import field_error
from payos.kernel.errors import Problem, register
from payos.kernel.fsm import take
from payos.kernel.money import to_decimal_str
from settlement import bulk, destinations, events, routing, snapshot
from settlement.models import RoutingDecision, Transfer, TransferBatch
from settlement.services import progress
from settlement.services.checking import TransferIn, check_items
from settlement.services.holding import hold_accounts, hold_posting

register("no_rail", 422, "No rail can carry this transfer", "Read `rails`: each says why it cannot; change what it names.")
register("batch_repeated", 409, "This list was submitted before", "Read the batch named in `batch`; change the list if it is meant again.")

BATCH_LIMIT = 1000


@transaction.atomic
def accept(*, partner: Partner, livemode: bool, items: Sequence[TransferIn]) -> list[Transfer]:
    """Hold the funds and queue the transfers; all or none. Without funds or a rail nothing is left in the ledger."""
    if not items:
        raise _empty()
    return [Transfer(**row) for row in _accept(partner, livemode, items, None)]


def _accept(partner: Partner, livemode: bool, items: Sequence[TransferIn], batch: TransferBatch | None) -> list[dict[str, Any]]:
    """Rows and not objects: a list of a thousand is a handful of documents that Postgres takes apart."""
    now = clock.now()
    facts = snapshot.take(partner.pk, now)
    router = routing.Router(facts.views)
    same = {
        "created_at": now, "partner_id": partner.pk, "livemode": livemode, "batch_id": batch.pk if batch else None, "attempts": 0, "state": "queued",
        "bank_reference": "", "failure_code": "", "failure_detail": "",
    }  # fmt: skip
    rows: list[dict[str, Any]] = []
    decisions: dict[tuple[Any, ...], RoutingDecision] = {}  # the router answers equal facts with one object, which it keeps
    postings: list[Posting] = []
    accounts: dict[str, tuple[uuid.UUID, uuid.UUID]] = {}
    refused: list[dict[str, Any]] = []
    promised: dict[str, tuple[Any, Any]] = {}
    for number, item in enumerate(items):
        key = ids.uuid7()
        decision = router.route(_wanted(key, item))
        if decision.rail is None:
            refused.append({"row": number, "rails": decision.rejected})
            continue
        router.spend(decision.rail, item.amount_minor)
        rail = facts.rails[decision.rail]
        window_at, expected_at = promised.get(rail.code) or promised.setdefault(rail.code, _promise(facts, rail, now))
        if item.currency not in accounts:
            accounts[item.currency] = hold_accounts(partner.pk, livemode, item.currency)
        alike = (id(decision), item.rail, item.within_minutes)
        why = decisions.get(alike)
        if why is None:
            why = decisions[alike] = RoutingDecision(
                partner_id=partner.pk, livemode=livemode, created_at=now, rail_code=rail.code, chosen=decision.chosen | _asked(item),
                rejected=decision.rejected,
            )  # fmt: skip
        posting = hold_posting(key, item.amount_minor, accounts[item.currency])
        postings.append(posting)
        destination = {"type": item.destination_type, **item.destination}
        rows.append(
            {
                "id": key,
                "amount_minor": item.amount_minor,
                "currency": item.currency,
                "destination": json.dumps(destination),
                "destination_type": item.destination_type,
                "destination_label": destinations.label(destination)[:200],
                "destination_key": crypto.blind_index(destinations.identity(destination), "destination"),
                "rail_id": rail.pk,
                "protocol": item.protocol,
                "protocol_metadata": item.protocol_metadata,
                "urgency": item.urgency,
                "reference": item.reference,
                "description": item.description,
                "metadata": item.metadata,
                "branch_id": item.branch_id,
                "batch_row": number if batch else None,
                "window_at": window_at,
                "expected_at": expected_at,
                "hold_id": posting.id,
                "decision_id": why.pk,
            }  # fmt: skip
        )
    if refused:
        raise Problem("no_rail", f"{len(refused)} of {len(items)} transfers find no rail.", rails=refused[0]["rails"], rows=refused[:50])
    _hold(partner, livemode, items, postings)
    with bulk.together():
        bulk.insert(RoutingDecision, decisions.values())
        bulk.insert_rows(Transfer, [row | {"destination": crypto.encrypt(row["destination"])} for row in rows], [*rows[0], *same], same)
        events.tell_accepted(rows, same, {rail.pk: rail.code for rail in facts.rails.values()})
    return [same | row for row in rows]


def _asked(item: TransferIn) -> dict[str, Any]:
    """What the partner insists on; a later rail is held to it as the first one was."""
    return {name: value for name, value in (("asked_rail", item.rail), ("asked_within_minutes", item.within_minutes)) if value}


def _hold(partner: Partner, livemode: bool, items: Sequence[TransferIn], postings: Sequence[Posting]) -> None:
    try:
        post_many(partner_id=partner.pk, livemode=livemode, postings=postings)
    except Problem as problem:
        if problem.code != "insufficient_funds":
            raise
        asked: dict[str, int] = {}
        for item in items:
            asked[item.currency] = asked.get(item.currency, 0) + item.amount_minor
        sums = " and ".join(f"{to_decimal_str(total, currency)} {currency}" for currency, total in sorted(asked.items()))
        raise Problem("insufficient_funds", f"{sums} would be held and less than that is available: nothing was accepted.") from problem


def _promise(facts: snapshot.Snapshot, rail: Any, now: Any) -> tuple[Any, Any]:
    window_at = next(view.window_at for view in facts.views if view.code == rail.code) or now
    return window_at, snapshot.expected_at(rail, window_at)


def _wanted(key: uuid.UUID, item: TransferIn) -> routing.Wanted:
    return routing.Wanted(
        str(key), item.amount_minor, item.currency, item.destination_type, item.urgency, item.protocol, item.rail, item.within_minutes
    )


def _empty() -> Problem:
    return Problem(
        "transfer_invalid", "The list is empty: send at least one transfer.", errors=[field_error("/transfers", "empty", "has no items")]
    )


def accept_batch(*, partner: Partner, livemode: bool, items: Sequence[Any], name: str = "") -> TransferBatch:
    """Check a whole list, then accept all of it. The same list again is refused and names the first."""
    if not items:
        raise _empty()
    if len(items) > BATCH_LIMIT:
        raise Problem("transfer_invalid", f"{len(items)} transfers are more than {BATCH_LIMIT}: send them in parts.",
                      errors=[field_error("/transfers", "too_many", f"has more than {BATCH_LIMIT} items")])  # fmt: skip
    checked = check_items(partner=partner, livemode=livemode, items=items, prefix="/transfers")
    digest = hashlib.sha256(json.dumps(list(items), sort_keys=True, default=str).encode()).hexdigest()
    amounts: dict[str, int] = {}
    for item in checked:
        amounts[item.currency] = amounts.get(item.currency, 0) + item.amount_minor
    batch = TransferBatch(partner=partner, livemode=livemode, name=name[:120], content_hash=digest, count=len(checked), amounts=amounts)
    with transaction.atomic():
        try:
            with transaction.atomic():
                batch.save(force_insert=True)
        except IntegrityError:
            first = TransferBatch.objects.get(partner=partner, livemode=livemode, content_hash=digest)
            raise Problem("batch_repeated", f"The same list was accepted as {first.public_id}.", batch=first.public_id) from None
        _accept(partner, livemode, checked, batch)
    return batch


@transaction.atomic
def transfer_cancel(*, transfer: Transfer, reason: str = "cancelled by the partner") -> Transfer:
    """Cancel before anything was sent; the funds are available again at once."""
    transfer = Transfer.objects.select_for_update(of=("self",)).select_related("rail").get(pk=transfer.pk)
    if transfer.attempts and transfer.state == "queued" and transfer.submissions.filter(outcome__in=["intent", "sent", "unknown"]).exists():
        raise Problem("invalid_state", f"{transfer.public_id} may have been sent already: it cannot be cancelled.")
    take(transfer, "cancel")
    transfer.failure_detail = reason[:300]
    transfer.next_attempt_at = None
    transfer.save(update_fields=["state", "failure_detail", "next_attempt_at"])
    if transfer.hold_id:
        void_hold(hold_id=transfer.hold_id, kind="transfer.released")
    progress.count(transfers=[transfer], settled=False)
    events.publish_many(events.of_transfers("transfer.cancelled", [transfer], {transfer.rail_id: transfer.rail.code}))
    return transfer
