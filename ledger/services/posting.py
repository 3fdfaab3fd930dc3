"""Posting: one transaction or thousands, each in one round trip to the database.

Outside a transaction the call is its own database transaction, scope included; inside one it joins it.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from ledger.errors import as_problems
from ledger.models import Layer
from ledger.services import accounts, arrays, wire
from payos.kernel import clock, ids, tenancy
from payos.kernel.db import prepared
from payos.kernel.errors import Problem

LARGEST_BATCH = 20_000
MOST_LEGS = 10_000


@dataclass(frozen=True, slots=True)
class Leg:
    """An entry to be: debit positive, credit negative."""

    account_id: uuid.UUID
    amount_minor: int
    layer: int = Layer.POSTED


@dataclass(slots=True)
class Posting:
    """One transaction to be. `link` names a group of a batch that is posted wholly or not at all."""

    kind: str
    legs: Sequence[Leg]
    external_id: str | None = None
    effective_at: datetime | None = None
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    subject: tuple[str, str] = ("", "")
    reverses_id: uuid.UUID | None = None
    hold_id: uuid.UUID | None = None
    hold_expires_at: datetime | None = None
    link: str | None = None
    id: uuid.UUID = field(default_factory=ids.uuid7)


@dataclass(frozen=True, slots=True)
class Posted:
    """What became of a posting: its id, whether it was there before, or the problem that refused it."""

    id: uuid.UUID | None
    duplicate: bool = False
    problem: Problem | None = None

    @property
    def public_id(self) -> str:
        return ids.encode("txn", self.id) if self.id else ""


def post(
    *,
    partner_id: uuid.UUID | None,
    livemode: bool = False,
    kind: str,
    legs: Sequence[Leg],
    external_id: str | None = None,
    effective_at: datetime | None = None,
    description: str = "",
    metadata: dict[str, Any] | None = None,
    subject: tuple[str, str] = ("", ""),
) -> Posted:
    """Post one transaction; the same external id with the same content again is the same transaction."""
    posting = Posting(kind, legs, external_id, effective_at, description, metadata or {}, subject)
    return _call(partner_id, livemode, [posting], "raise")[0]


def post_many(*, partner_id: uuid.UUID | None, livemode: bool = False, postings: Sequence[Posting], skip_bad: bool = False) -> list[Posted]:
    """Post a batch: all or nothing, or (`skip_bad`) every good one with a report on each bad one."""
    if len(postings) > LARGEST_BATCH:
        raise Problem("unprocessable", f"{len(postings)} transactions are more than {LARGEST_BATCH}: post them in parts.")
    if not postings:
        return []
    if not skip_bad:
        return _call(partner_id, livemode, postings, "raise")
    groups: dict[str, list[int]] = {}
    for place, posting in enumerate(postings):
        groups.setdefault(posting.link or f"#{place}", []).append(place)
    results: list[Posted | None] = [None] * len(postings)
    with transaction.atomic():
        _halve(partner_id, livemode, postings, list(groups.values()), results)
    return [result for result in results if result is not None]


def _halve(
    partner_id: uuid.UUID | None,
    livemode: bool,
    postings: Sequence[Posting],
    groups: list[list[int]],
    results: list[Posted | None],
) -> None:
    """Try all; where something refuses, halve until the refused group stands alone. O(bad x log n) calls."""
    places = [place for group in groups for place in group]
    try:
        with transaction.atomic():
            done = _call(partner_id, livemode, [postings[place] for place in places], "raise")
    except Problem as problem:
        if len(groups) == 1:
            for place in places:
                results[place] = Posted(None, problem=problem)
            return
        middle = len(groups) // 2
        _halve(partner_id, livemode, postings, groups[:middle], results)
        _halve(partner_id, livemode, postings, groups[middle:], results)
        return
    for place, posted in zip(places, done, strict=True):
        results[place] = posted


def fingerprint(posting: Posting) -> str:
    """Over what the caller said, so that a repeat is told from a clash."""
    said = [
        posting.kind,
        posting.effective_at.isoformat() if posting.effective_at else "",
        posting.description,
        posting.metadata,
        list(posting.subject),
        str(posting.reverses_id or ""),
        str(posting.hold_id or ""),
        [[str(leg.account_id), leg.amount_minor, int(leg.layer)] for leg in posting.legs],
    ]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _call(partner_id: uuid.UUID | None, livemode: bool, postings: Sequence[Posting], on_conflict: str) -> list[Posted]:
    numbers: list[int] = []
    lines: list[int] = []
    legs: list[Leg] = []
    for number, posting in enumerate(postings, 1):
        size = len(posting.legs)
        if size > MOST_LEGS:
            raise Problem("unprocessable", f"A transaction of {size} entries is over the limit of {MOST_LEGS}.")
        numbers += [number] * size
        lines += range(1, size + 1)
        legs += posting.legs
    try:
        rows = _send(partner_id, livemode, postings, numbers, lines, legs, on_conflict)
    except Problem as problem:
        if problem.code == "account_refused":
            accounts.forget(leg.account_id for leg in legs)
        raise
    known = {ordinal: existing for ordinal, existing, same in rows}
    return [Posted(known[number], duplicate=True) if number in known else Posted(posting.id) for number, posting in enumerate(postings, 1)]


def _send(
    partner_id: uuid.UUID | None,
    livemode: bool,
    postings: Sequence[Posting],
    numbers: list[int],
    lines: list[int],
    legs: Sequence[Leg],
    on_conflict: str,
) -> list[tuple[int, uuid.UUID, bool]]:
    count = len(postings)
    now = clock.now().isoformat()
    alone = not connection.in_atomic_block
    return _execute(
        (
            _claims() if alone else None,
            arrays.uuids([p.id for p in postings]),
            arrays.repeated(partner_id.hex if partner_id else "NULL", count),
            arrays.repeated("t" if livemode else "f", count),
            arrays.texts([p.kind for p in postings]),
            arrays.texts([p.external_id for p in postings]),
            arrays.plain([p.effective_at.isoformat() if p.effective_at else now for p in postings]),
            now,
            arrays.texts([p.description for p in postings]),
            arrays.texts([json.dumps(p.metadata) if p.metadata else "{}" for p in postings]),
            arrays.texts([p.subject[0] for p in postings]),
            arrays.texts([p.subject[1] for p in postings]),
            arrays.uuids([p.reverses_id for p in postings]),
            arrays.uuids([p.hold_id for p in postings]),
            arrays.plain([p.hold_expires_at.isoformat() if p.hold_expires_at else "NULL" for p in postings]),
            arrays.texts([fingerprint(p) if p.external_id else "" for p in postings]),
            arrays.integers(numbers),
            arrays.integers(lines),
            arrays.uuids([leg.account_id for leg in legs]),
            arrays.integers([leg.amount_minor for leg in legs]),
            arrays.integers([leg.layer for leg in legs]),
            on_conflict,
        ),
        alone,
    )


def _execute(parameters: wire.Parameters, alone: bool) -> list[wire.Row]:
    """One round trip, bound by the server. Alone, the function itself checks the scope that came with the call."""
    connection.ensure_connection()
    if not alone:
        connection.validate_no_broken_transaction()
        connection.apply_scope()  # type: ignore[attr-defined]
    raw = connection.connection
    with as_problems(), connection.wrap_database_errors:
        if settings.EMBEDDED and alone and raw.autocommit:
            return wire.prepared(raw, parameters)
        return prepared.cursor(connection).execute(wire.CALL, parameters).fetchall()


def _claims() -> str:
    """For whom the caller acts, as much of it as the ledger asks about."""
    scope = tenancy.current()
    mode = "" if scope.livemode is None else "true" if scope.livemode else "false"
    return f'{{"{scope.partner_id or ""}","{mode}","{"on" if scope.platform else ""}"}}'
