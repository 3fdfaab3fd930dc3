"""Accepting transfers: everything checked at once, routed, funds held, queued, told: one act, a handful of statements."""

from __future__ import annotations

import hashlib
import json
import math
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from ledger.models import Layer
from ledger.services import Leg, Posting, account_for, post_many, void_hold
from partners.models import Branch, Partner
from payos.kernel import clock, crypto, ids, tenancy
from payos.kernel.api import field_error
from payos.kernel.errors import Problem, register
from payos.kernel.fsm import take
from payos.kernel.money import MoneyError, parse_minor, to_decimal_str
from settlement import bulk, destinations, events, routing, snapshot
from settlement.models import RoutingDecision, Transfer, TransferBatch

register("transfer_invalid", 422, "The transfer cannot be accepted", "Read `errors`: each names the field and what to change.")
register("no_rail", 422, "No rail can carry this transfer", "Read `rails`: each says why it cannot; change what it names.")
register("not_again", 409, "The transfer may not be sent again", "Make a new transfer; read the reason for what to change.")
register("batch_repeated", 409, "This list was submitted before", "Read the batch named in `batch`; change the list if it is meant again.")

BATCH_LIMIT = 1000
URGENCIES = tuple(routing.WEIGHTS)
PROTOCOLS = ("api", "x402", "ap2", "acp")
FIELDS = frozenset(
    "amount currency destination rail protocol protocol_metadata urgency reference description metadata branch within_minutes".split()
)
METADATA_LIMIT = 16 * 1024
# Besides what no printer prints: line ends of other kinds, and marks that turn the direction of what is read after them.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(slots=True)
class TransferIn:
    """A transfer as a partner asked for it, checked."""

    amount_minor: int
    currency: str
    destination: dict[str, Any]
    destination_type: str
    rail: str = ""
    protocol: str = "api"
    protocol_metadata: dict[str, Any] = field(default_factory=dict)
    urgency: str = "standard"
    reference: str = ""
    description: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    branch_id: uuid.UUID | None = None
    within_minutes: int | None = None


def check_items(*, partner: Partner, livemode: bool, items: Sequence[Any], prefix: str = "") -> list[TransferIn]:
    """Every fault of every item at once, each with its row and field; nothing is touched."""
    errors: list[dict[str, Any]] = []
    wanted: list[tuple[str, Any, str, str]] = []
    drafts: list[TransferIn] = []
    branches = dict(Branch.objects.filter(partner=partner, livemode=livemode, active=True).values_list("code", "pk"))
    for row, item in enumerate(items):
        pointer = f"{prefix}/{row}" if prefix else ""
        if not isinstance(item, Mapping):
            errors.append(field_error(pointer, "type", "must be an object"))
            continue
        draft = _draft(item, pointer, branches, errors)
        drafts.append(draft)
        given = item.get("destination")
        if not isinstance(given, Mapping):
            errors.append(field_error(f"{pointer}/destination", "required", "must be an object with a type"))
            wanted.append(("", {}, draft.currency, f"{pointer}/destination"))
            continue
        kind = given.get("type")
        draft.destination_type = kind if isinstance(kind, str) else ""
        rest = {name: value for name, value in given.items() if name != "type"}
        wanted.append((draft.destination_type, rest, draft.currency, f"{pointer}/destination"))
    for draft, (kind, _, _, where), outcome in zip(drafts, wanted, destinations.validate_many(wanted), strict=False):
        if isinstance(outcome, list):
            if kind or not any(error["pointer"] == where for error in errors):
                errors += outcome
        else:
            draft.destination = outcome
    if errors:
        for error in errors:
            if prefix:
                error["row"] = int(error["pointer"].removeprefix(prefix).split("/")[1] or 0)
        raise Problem("transfer_invalid", f"Nothing was accepted: {len(errors)} faults.", errors=errors)
    return drafts


def _draft(item: Mapping[str, Any], pointer: str, branches: dict[str, uuid.UUID], errors: list[dict[str, Any]]) -> TransferIn:
    def bad(name: str, code: str, detail: str) -> None:
        errors.append(field_error(f"{pointer}/{name}", code, detail))

    def text(name: str, limit: int, default: str = "") -> str:
        value = item.get(name)
        if value is None:
            return default
        if not isinstance(value, str) or len(value) > limit or CONTROL.search(value):
            bad(name, "text", f"must be text of at most {limit} printable characters")
            return default
        return value.strip()

    def mapping(name: str) -> dict[str, Any]:
        value = item.get(name)
        if value is None:
            return {}
        written = json.dumps(value, default=_plain) if isinstance(value, Mapping) else ""
        if not written or len(written) > METADATA_LIMIT:
            bad(name, "object", f"must be an object of at most {METADATA_LIMIT // 1024} KB")
            return {}
        return json.loads(written)

    for name in sorted(set(item) - FIELDS, key=str)[:20]:
        bad(str(name)[:40], "unknown", "is no field of a transfer")
    currency = text("currency", 4)
    amount = 0
    if not currency:
        bad("currency", "required", "is missing")
    elif item.get("amount") is None:
        bad("amount", "required", "is missing")
    else:
        try:
            amount = parse_minor(item["amount"], currency)
            if amount <= 0:
                bad("amount", "range", "must be positive")
        except MoneyError as error:
            bad("currency" if error.code == "currency" else "amount", error.code, str(error))
    urgency, protocol = text("urgency", 10, "standard"), text("protocol", 20, "api")
    if urgency not in URGENCIES:
        bad("urgency", "choice", f"must be one of {', '.join(URGENCIES)}")
    if protocol not in PROTOCOLS:
        bad("protocol", "choice", f"must be one of {', '.join(PROTOCOLS)}")
    code = text("branch", 40)
    if code and code not in branches:
        bad("branch", "unknown", f"there is no branch {code!r}")
    within = item.get("within_minutes")
    if within is not None and (isinstance(within, bool) or not isinstance(within, int) or not 0 < within < 10_000_000):
        bad("within_minutes", "range", "must be a positive whole number")
        within = None
    return TransferIn(
        amount, currency, {}, "", text("rail", 40), protocol, mapping("protocol_metadata"), urgency, text("reference", 120),
        text("description", 140), mapping("metadata"), branches.get(code), within,
    )


def _plain(value: Any) -> Any:
    """A partner's own numbers stay numbers; the API reads them as decimals. What no float holds stays as it was written."""
    return float(value) if isinstance(value, Decimal) and math.isfinite(float(value)) else str(value)


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
    decisions: dict[int, RoutingDecision] = {}  # the router answers equal facts with one object, which it keeps
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
        available, transit = accounts[item.currency]
        why = decisions.get(id(decision))
        if why is None:
            why = decisions[id(decision)] = RoutingDecision(
                partner_id=partner.pk, livemode=livemode, created_at=now, rail_code=rail.code, chosen=decision.chosen, rejected=decision.rejected
            )
        posting = Posting(
            "transfer.held",
            [Leg(available, item.amount_minor, Layer.PENDING), Leg(transit, -item.amount_minor, Layer.PENDING)],
            subject=("transfer", str(key)),
        )
        postings.append(posting)
        destination = {"type": item.destination_type, **item.destination}
        rows.append(
            {
                "id": key, "amount_minor": item.amount_minor, "currency": item.currency, "destination": json.dumps(destination),
                "destination_type": item.destination_type, "destination_label": destinations.label(destination)[:200],
                "destination_key": crypto.blind_index(destinations.identity(destination), "destination"), "rail_id": rail.pk,
                "protocol": item.protocol, "protocol_metadata": item.protocol_metadata, "urgency": item.urgency, "reference": item.reference,
                "description": item.description, "metadata": item.metadata, "branch_id": item.branch_id,
                "batch_row": number if batch else None, "window_at": window_at, "expected_at": expected_at, "hold_id": posting.id, "decision_id": why.pk,
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


def hold_accounts(partner_id: uuid.UUID, livemode: bool, currency: str) -> tuple[uuid.UUID, uuid.UUID]:
    who: dict[str, Any] = {"partner_id": partner_id, "livemode": livemode, "currency": currency}
    return account_for(**who, code="partner:available"), account_for(**who, code="transfers:in_transit")


def _wanted(key: uuid.UUID, item: TransferIn) -> routing.Wanted:
    return routing.Wanted(
        str(key), item.amount_minor, item.currency, item.destination_type, item.urgency, item.protocol, item.rail, item.within_minutes
    )


def _empty() -> Problem:
    return Problem("transfer_invalid", "The list is empty: send at least one transfer.", errors=[field_error("/transfers", "empty", "has no items")])


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
    batch = TransferBatch(
        partner=partner, livemode=livemode, name=name[:120], content_hash=digest, count=len(checked), amounts=amounts
    )
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
    from settlement.services import progress

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
    from settlement.services import representment

    found: dict[uuid.UUID, str] = {}
    for rail in {transfer.rail for transfer in transfers}:
        limits = representment.limits_of(rail)
        mine = [t for t in transfers if t.rail_id == rail.pk]
        if limits is not None:
            found |= representment.refusals(limits=limits, rail=rail, transfers=mine)
    return found


def requeue(transfers: list[Transfer]) -> list[Transfer]:
    """After a known failure: new funds held, the next window, a new reference towards the rail."""
    from settlement.services import progress

    if not transfers:
        return []
    now = clock.now()
    partner = transfers[0].partner
    facts = snapshot.take(partner.pk, now)
    windows_of = {view.code: view.window_at for view in facts.views}
    postings = []
    for transfer in transfers:
        available, transit = hold_accounts(transfer.partner_id, transfer.livemode, transfer.currency)
        posting = Posting(
            "transfer.held",
            [Leg(available, transfer.amount_minor, Layer.PENDING), Leg(transit, -transfer.amount_minor, Layer.PENDING)],
            subject=("transfer", str(transfer.pk)),
        )
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
        ["state", "hold_id", "window_at", "expected_at", "settlement_batch", "failure_code", "failure_detail", "next_attempt_at",
         "settled_at", "executed_minor", "settled_transaction_id"],
    )
    progress.uncount(transfers=transfers)
    events.publish_many(events.of_transfers("transfer.queued", transfers, {t.rail_id: t.rail.code for t in transfers}))
    return transfers
