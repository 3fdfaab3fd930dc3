"""Two phases: a hold takes from what is available; later it is posted, voided or expires, in part or whole."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from ledger.models import Entry, Hold, Layer, Transaction
from ledger.services.posting import Leg, Posted, Posting, post_many
from payos.kernel import clock, ids, tenancy
from payos.kernel.errors import Problem


def pending(legs: Sequence[Leg]) -> list[Leg]:
    return [Leg(leg.account_id, leg.amount_minor, Layer.PENDING) for leg in legs]


def hold(
    *,
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    kind: str = "hold",
    legs: Sequence[Leg],
    external_id: str | None = None,
    expires_at: datetime | None = None,
    description: str = "",
    metadata: dict[str, Any] | None = None,
    subject: tuple[str, str] = ("", ""),
) -> Posted:
    """Hold amounts: debits of a partner's account reduce what it has available at once."""
    posting = Posting(kind, pending(legs), external_id, None, description, metadata or {}, subject, hold_expires_at=expires_at)
    return post_many(partner_id=partner_id, livemode=livemode, postings=[posting])[0]


def resolution(
    *,
    hold_id: uuid.UUID,
    legs: Sequence[Leg],
    kind: str,
    post: bool,
    amount_minor: int | None = None,
    extra: Sequence[Leg] = (),
    **fields: Any,
) -> Posting:
    """The transaction that gives a hold back (`post` False) or turns it into a posting, for callers that batch them."""
    held = sum(leg.amount_minor for leg in legs if leg.amount_minor > 0)
    part = held if amount_minor is None else amount_minor
    if part != held and len(legs) != 2:
        raise Problem("unprocessable", "A hold over more than two accounts is posted or voided as a whole.")
    if part <= 0:
        raise Problem("unprocessable", "The amount to take from a hold must be positive.")
    sized = [Leg(leg.account_id, leg.amount_minor if part == held else (part if leg.amount_minor > 0 else -part)) for leg in legs]
    released = [Leg(leg.account_id, -leg.amount_minor, Layer.RELEASED) for leg in sized]
    return Posting(kind, [*released, *(sized if post else []), *extra], hold_id=hold_id, **fields)


def _resolve(hold_id: uuid.UUID, kind: str, post: bool, amount_minor: int | None, extra: Sequence[Leg], **fields: Any) -> Posted:
    with transaction.atomic():
        original = Transaction.objects.filter(pk=hold_id).first()
        held = Hold.objects.filter(pk=hold_id).first()
        if original is None or held is None:
            raise Problem("not_found", f"There is no hold {ids.encode('txn', hold_id)}.")
        legs = [
            Leg(entry.account_id, entry.amount_minor)
            for entry in Entry.objects.filter(transaction_id=hold_id, layer=Layer.PENDING).order_by("line")
        ]
        if amount_minor is None and len(legs) == 2:
            amount_minor = held.remaining_minor
            if not amount_minor:
                raise Problem("hold_exceeded", f"Nothing is left of the hold {original.public_id}.")
        fields.setdefault("subject", (original.subject_type, original.subject_id))
        posting = resolution(hold_id=hold_id, legs=legs, kind=kind, post=post, amount_minor=amount_minor, extra=extra, **fields)
        return post_many(partner_id=original.partner_id, livemode=original.livemode, postings=[posting])[0]


def post_hold(
    *, hold_id: uuid.UUID, amount_minor: int | None = None, kind: str = "hold.posted", extra: Sequence[Leg] = (), **fields: Any
) -> Posted:
    """Turn a hold into a posting, in part or (without an amount) whatever is left of it."""
    return _resolve(hold_id, kind, True, amount_minor, extra, **fields)


def void_hold(*, hold_id: uuid.UUID, amount_minor: int | None = None, kind: str = "hold.voided", **fields: Any) -> Posted:
    """Give a hold back, in part or whatever is left of it."""
    return _resolve(hold_id, kind, False, amount_minor, (), **fields)


def expire_holds(limit: int = 500) -> int:
    """Give back holds whose time is over. Two callers at once are fine: the row of the hold decides."""
    with tenancy.platform_scope(actor="clock:holds"):
        due = list(
            Hold.objects.filter(expires_at__lte=clock.now(), remaining_minor__gt=0)
            .order_by("expires_at")
            .values_list("pk", flat=True)[:limit]
        )
        done, refused = 0, None
        for hold_id in due:
            try:
                void_hold(hold_id=hold_id, kind="hold.expired")
                done += 1
            except Problem as problem:
                # One that the ledger refuses keeps no other waiting; it is told once they are done.
                if problem.code != "hold_exceeded":
                    refused = problem
        if refused is not None:
            raise refused
        return done
