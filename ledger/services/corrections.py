"""Corrections: a reversing transaction that names its original, once; never an edit."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from ledger.models import Entry, Layer, Transaction
from ledger.services.posting import Leg, Posted, Posting, post_many
from payos.kernel import ids
from payos.kernel.errors import Problem


def reverse(
    *,
    transaction_id: uuid.UUID,
    reason: str,
    amount_minor: int | None = None,
    kind: str = "",
    external_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Posted:
    """Reverse a transaction, wholly or (where it has two entries) in part. Effective now, in the open period."""
    return reverse_many(
        transaction_ids=[transaction_id],
        reason=reason,
        amount_minor=amount_minor,
        kind=kind,
        external_id=external_id,
        metadata=metadata,
    )[0]


def reverse_many(
    *,
    transaction_ids: Sequence[uuid.UUID],
    reason: str,
    amount_minor: int | None = None,
    kind: str = "",
    external_id: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> list[Posted]:
    if not reason.strip():
        raise Problem("unprocessable", "A reversal needs a reason: it is what the auditor will read.")
    with transaction.atomic():
        originals = {row.pk: row for row in Transaction.objects.filter(pk__in=transaction_ids)}
        entries: dict[uuid.UUID, list[Entry]] = {}
        for entry in Entry.objects.filter(transaction_id__in=transaction_ids).order_by("transaction_id", "line"):
            entries.setdefault(entry.transaction_id, []).append(entry)
        books: dict[tuple[Any, bool], list[Posting]] = {}
        for transaction_id in transaction_ids:
            original = originals.get(transaction_id)
            if original is None:
                raise Problem("not_found", f"There is no ledger transaction {ids.encode('txn', transaction_id)}.")
            legs = _opposite(original, entries[transaction_id], amount_minor)
            books.setdefault((original.partner_id, original.livemode), []).append(
                Posting(
                    kind or f"{original.kind}.reversed"[:60],
                    legs,
                    external_id,
                    None,
                    reason,
                    metadata or {},
                    (original.subject_type, original.subject_id),
                    reverses_id=original.pk,
                )
            )
        return [
            posted
            for (partner_id, livemode), postings in books.items()
            for posted in post_many(partner_id=partner_id, livemode=livemode, postings=postings)
        ]


def _opposite(original: Transaction, entries: list[Entry], amount_minor: int | None) -> list[Leg]:
    posted = [entry for entry in entries if entry.layer == Layer.POSTED]
    if not posted:
        raise Problem("invalid_state", f"{original.public_id} is a hold: void it instead of reversing it.")
    if amount_minor is None:
        return [Leg(entry.account_id, -entry.amount_minor) for entry in posted]
    if len(posted) != 2:
        raise Problem("unprocessable", f"{original.public_id} has {len(posted)} entries: it is reversed as a whole.")
    if not 0 < amount_minor <= abs(posted[0].amount_minor):
        raise Problem("unprocessable", f"Reverse between 1 and {abs(posted[0].amount_minor)} minor units of {original.public_id}.")
    return [Leg(entry.account_id, -amount_minor if entry.amount_minor > 0 else amount_minor) for entry in posted]
