"""What a rail said, applied once: answers, callbacks, files and questions all come here.

Transfers are locked in key order; what an answer may change depends on the state it meets. A repeat or a late message
finds nothing left to do. Postings, states, counters and events of a whole chunk commit together.
"""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import transaction

from ledger.services import Leg, Posting, post_many, reverse_many
from ledger.services.holds import resolution
from operations.services import open_cases, resolve_by_cause
from payos.kernel import clock, ids, tenancy
from payos.kernel.money import display
from settlement import bulk, events, routing, snapshot
from settlement.models import Rail, RoutingDecision, Submission, Transfer
from settlement.rails import base
from settlement.rails.registry import nets_of
from settlement.services import progress
from settlement.services.holding import hold_accounts

ASK_SECONDS = (2, 5, 10, 20, 30, 60, 120, 300, 600)
ASK_LATER = 1800
CASE_AFTER_ASKS = 8
SEND_WITHIN = 15.0
TRANSFER_FIELDS = (
    "state", "rail", "settled_at", "executed_minor", "bank_reference", "failure_code", "failure_detail", "next_attempt_at",
    "settlement_batch", "window_at", "expected_at", "settled_transaction_id", "late_since",
)  # fmt: skip
SUBMISSION_FIELDS = ("outcome", "rail_reference", "code", "detail", "asked", "ask_at", "answered_at", "returned_minor")
RETRY_BASE_SECONDS = 60
RETRY_MOST_SECONDS = 6 * 3600
Given = tuple[uuid.UUID, str, base.Answer]


@dataclass
class _Work:
    """What one chunk amounts to, gathered before anything is written."""

    settle: list[Transfer] = field(default_factory=list)
    release: list[Transfer] = field(default_factory=list)  # finally failed: the hold goes back
    retry: list[Transfer] = field(default_factory=list)  # failed for now: keeps its hold
    give_back: list[Transfer] = field(default_factory=list)  # returned after settlement
    sent: list[Transfer] = field(default_factory=list)
    changed: dict[uuid.UUID, Transfer] = field(default_factory=dict)
    submissions: dict[uuid.UUID, Submission] = field(default_factory=dict)
    executed: dict[uuid.UUID, int] = field(default_factory=dict)
    decisions: list[RoutingDecision] = field(default_factory=list)  # for another rail than before
    cases: list[dict[str, Any]] = field(default_factory=list)
    over: list[str] = field(default_factory=list)  # causes of cases that are gone


def apply(*, rail: Rail, answers: Sequence[Given], adapter: base.RailAdapter | None = None) -> int:
    """Apply answers about references of one rail; returns how many transfers changed."""
    with transaction.atomic(), tenancy.platform_scope(actor=f"rail:{rail.code}"):
        keys = sorted({transfer_id for transfer_id, _, _ in answers})
        transfers = {
            t.pk: t for t in Transfer.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk").defer("destination")
        }
        submissions = {
            s.reference: s
            for s in Submission.objects.select_for_update(of=("self",)).filter(rail=rail, reference__in=[r for _, r, _ in answers])
        }
        work = _Work()
        for transfer_id, reference, answer in answers:
            transfer, submission = transfers.get(transfer_id), submissions.get(reference)
            if transfer is not None and submission is not None and submission.transfer_id == transfer_id:
                _decide(work, rail, transfer, submission, answer, adapter)
        _carry_out(work, rail)
        return len(work.changed)


def _decide(
    work: _Work, rail: Rail, transfer: Transfer, submission: Submission, answer: base.Answer, adapter: base.RailAdapter | None
) -> None:
    now = clock.now()
    waiting = transfer.state in {"submitted", "unknown"} and submission.number == transfer.attempts
    outcome = answer.outcome
    if outcome == base.NOT_FOUND:
        outcome = _what_not_found_means(rail, submission, adapter)
    if outcome == base.NOT_SENT and answer.send not in {None, submission.sends}:
        return  # somebody took it again meanwhile: an old sender's word about its own attempt changes nothing
    if outcome in {base.SETTLED, base.FAILED, base.RETURNED} and transfer.state == "queued" and submission.outcome == base.NOT_SENT:
        waiting = submission.number == transfer.attempts  # it was not known to the rail in time, and now it is
    if answer.rail_reference and not submission.rail_reference:
        submission.rail_reference = answer.rail_reference[:120]
        work.submissions[submission.pk] = submission
    if not waiting:
        _late(work, rail, transfer, submission, outcome, answer)
        return
    submission.answered_at, submission.code, submission.detail = now, answer.code[:40], answer.detail[:300]
    work.submissions[submission.pk] = submission
    work.changed[transfer.pk] = transfer
    was_late = transfer.late_since is not None
    transfer.bank_reference = submission.rail_reference
    if outcome in {base.SENT, base.UNKNOWN}:
        told_before = submission.outcome == base.SENT
        submission.outcome = outcome
        submission.asked += 1
        schedule = rail.config.get("ask_seconds") or ASK_SECONDS
        wait = schedule[submission.asked - 1] if submission.asked <= len(schedule) else rail.config.get("ask_later", ASK_LATER)
        submission.ask_at = now + timedelta(seconds=wait)
        if outcome == base.SENT and not transfer.bank_reference:
            transfer.bank_reference = submission.rail_reference
        _set(transfer, "submitted" if outcome == base.SENT else "unknown")
        if outcome == base.UNKNOWN and submission.asked == CASE_AFTER_ASKS:
            work.cases.append(
                _case(transfer, rail, "transfer_unknown", f"Nobody knows whether {transfer.public_id} was executed", answer.detail)
            )
        if outcome == base.SENT and not told_before:
            work.sent.append(transfer)
    elif outcome == base.NOT_SENT:
        submission.outcome, submission.ask_at = base.NOT_SENT, None
        transfer.next_attempt_at = now + timedelta(seconds=answer.retry_after or _jitter(5))
        _set(transfer, "queued")
    elif outcome in {base.SETTLED, base.RETURNED}:
        submission.outcome, submission.ask_at = outcome, None
        _settle(work, rail, transfer, answer)
        if outcome == base.RETURNED:
            _return(work, rail, transfer, submission, answer)
    elif outcome == base.FAILED:
        submission.outcome, submission.ask_at = base.FAILED, None
        _fail(work, rail, transfer, answer)
    _no_cause_any_more(work, transfer, submission, was_late)


def _no_cause_any_more(work: _Work, transfer: Transfer, submission: Submission, was_late: bool) -> None:
    """What a person was told of and is over now: nobody knew, or it was late. Most transfers never had either."""
    if submission.asked >= CASE_AFTER_ASKS and submission.outcome not in {base.SENT, base.UNKNOWN}:
        work.over.append(f"transfer_unknown:{transfer.pk}")
    if was_late and transfer.state in {"settled", "returned", "failed"}:
        work.over.append(f"transfer_late:{transfer.pk}")


def send_within(rail: Rail) -> float:
    """Seconds from the intent within which the call is made, or not at all."""
    return float((rail.config or {}).get("send_within", SEND_WITHIN))


def _what_not_found_means(rail: Rail, submission: Submission, adapter: base.RailAdapter | None) -> str:
    """A reference that the rail does not know proves nothing until the time after which it promises so."""
    final = adapter.capabilities.not_found_is_final_after if adapter else None
    sent = submission.sent_at or submission.created_at
    if final is not None and (clock.now() - sent).total_seconds() > final + send_within(rail):
        return base.NOT_SENT
    return base.UNKNOWN


def _late(work: _Work, rail: Rail, transfer: Transfer, submission: Submission, outcome: str, answer: base.Answer) -> None:
    """A message about what was decided before: nothing twice, and what contradicts goes to a person."""
    if outcome == base.RETURNED and submission.outcome == base.SETTLED and transfer.state in {"settled", "reconciled"}:
        submission.outcome, submission.code = base.RETURNED, answer.code[:40]
        work.submissions[submission.pk] = submission
        work.changed[transfer.pk] = transfer
        _return(work, rail, transfer, submission, answer)
    elif outcome in {base.SETTLED, base.RETURNED} and submission.outcome in {base.FAILED, base.NOT_SENT}:
        work.cases.append(
            _case(
                transfer,
                rail,
                "transfer_contradiction",
                f"{transfer.public_id} was executed although the rail had said otherwise",
                f"Reference {submission.reference} is now {outcome}.",
                severity=4,
            )  # fmt: skip
        )
    elif outcome == base.FAILED and transfer.state in {"settled", "reconciled"} and submission.outcome == base.SETTLED:
        work.cases.append(
            _case(
                transfer,
                rail,
                "transfer_contradiction",
                f"{transfer.public_id} is settled and the rail now says that it failed",
                f"{answer.code} {answer.detail}",
                severity=4,
            )  # fmt: skip
        )


def refuse(*, rail: Rail, transfers: Sequence[Transfer], code: str, detail: str) -> None:
    """Transfers that were never sent and never can be as they are: failed, and the funds go back. The caller holds their locks."""
    work = _Work()
    for transfer in transfers:
        transfer.failure_code, transfer.failure_detail, transfer.next_attempt_at = code[:40], detail[:300], None
        work.release.append(transfer)
        work.changed[transfer.pk] = transfer
        _set(transfer, "failed")
    _carry_out(work, rail)


def _settle(work: _Work, rail: Rail, transfer: Transfer, answer: base.Answer) -> None:
    transfer.settled_at = clock.now()
    transfer.executed_minor = answer.executed_minor if answer.executed_minor is not None else transfer.amount_minor
    transfer.late_since = None
    work.executed[transfer.pk] = transfer.executed_minor
    work.settle.append(transfer)
    _set(transfer, "settled")
    if transfer.executed_minor != transfer.amount_minor:
        work.cases.append(
            _case(
                transfer,
                rail,
                "transfer_amount_mismatch",
                f"{transfer.public_id} moved another amount than asked",
                f"Asked {display(transfer.amount_minor, transfer.currency)}, executed {display(transfer.executed_minor, transfer.currency)}.",
                severity=3,
            )  # fmt: skip
        )


def _return(work: _Work, rail: Rail, transfer: Transfer, submission: Submission, answer: base.Answer) -> None:
    if nets_of(rail):  # what came back in a sum of its own is not netted later, should the rail net from tomorrow on
        submission.returned_minor = transfer.amount_minor if transfer.executed_minor is None else transfer.executed_minor
    transfer.failure_code, transfer.failure_detail = answer.code[:40], answer.detail[:300]
    work.give_back.append(transfer)
    _set(transfer, "returned")
    work.cases.append(
        _case(
            transfer,
            rail,
            "transfer_returned",
            f"{transfer.public_id} came back: {answer.code} {answer.detail}"[:200],
            "The settlement is reversed and the partner has the funds again.",
            reason=answer.code,
        )  # fmt: skip
    )


def _fail(work: _Work, rail: Rail, transfer: Transfer, answer: base.Answer) -> None:
    """By the meaning of the code: try again later, try another rail, or give the funds back."""
    transfer.failure_code, transfer.failure_detail = answer.code[:40], answer.detail[:300]
    now = clock.now()
    if answer.category == base.RETRYABLE and transfer.attempts < rail.max_attempts:
        wait = min(RETRY_BASE_SECONDS * 4 ** (transfer.attempts - 1), RETRY_MOST_SECONDS)
        transfer.next_attempt_at = now + timedelta(seconds=_jitter(wait))
        _leave_batch(work, transfer, rail, transfer.next_attempt_at)
        return
    other = _another_rail(work, transfer, rail) if rail.fallback and answer.category != base.NEEDS_DETAILS else None
    if other is not None:
        transfer.rail = other
        _leave_batch(work, transfer, other, now)
        return
    transfer.next_attempt_at = None
    work.release.append(transfer)
    _set(transfer, "failed")


def _leave_batch(work: _Work, transfer: Transfer, rail: Rail, ready_at: Any) -> None:
    from settlement.services.closing import next_window

    rule = snapshot.rules_for(transfer.partner_id).get(rail.pk)
    progress.count(transfers=[_Counted(transfer)], settled=False)
    transfer.settlement_batch = None
    transfer.window_at = next_window(rule, ready_at)
    transfer.expected_at = snapshot.expected_at(rail, transfer.window_at)
    work.retry.append(transfer)
    _set(transfer, "queued")


class _Counted:
    """A transfer as its settlement batch alone counts it: the partner's batch still waits for it."""

    batch_id = None

    def __init__(self, transfer: Transfer) -> None:
        self.pk, self.settlement_batch_id, self.amount_minor = transfer.pk, transfer.settlement_batch_id, transfer.amount_minor


def _another_rail(work: _Work, transfer: Transfer, rail: Rail) -> Rail | None:
    """The next rail that can take it, with the reasons kept beside those of the first."""
    asked = transfer.decision.chosen if transfer.decision else {}
    if asked.get("asked_rail"):
        return None
    facts = snapshot.take(transfer.partner_id)
    tried = set(Submission.objects.filter(transfer=transfer).values_list("rail__code", flat=True)) | {rail.code}
    if len(tried) >= 3:
        return None
    wanted = routing.Wanted(
        str(transfer.pk), transfer.amount_minor, transfer.currency, transfer.destination_type, transfer.urgency, transfer.protocol,
        within_minutes=asked.get("asked_within_minutes"), excluded=frozenset(tried),
    )  # fmt: skip
    decision = routing.route(facts.views, wanted)
    if decision.rail is None:
        return None
    work.decisions.append(
        RoutingDecision(
            partner_id=transfer.partner_id,
            livemode=transfer.livemode,
            transfer_id=transfer.pk,
            rail_code=decision.rail,
            chosen=decision.chosen,
            rejected=decision.rejected,
        )  # fmt: skip
    )
    return facts.rails[decision.rail]


BY_STATE = {
    "submitted": Transfer.submit, "unknown": Transfer.lose_sight, "queued": Transfer.put_back, "settled": Transfer.settle,
    "failed": Transfer.fail, "returned": Transfer.come_back,
}  # fmt: skip


def _set(transfer: Transfer, state: str) -> None:
    """By the declared transition; where it is in that state already, nothing happens."""
    if transfer.state != state:
        BY_STATE[state](transfer)


def _jitter(seconds: float) -> float:
    return seconds * (0.75 + random.random() / 2)  # nosec B311 # jitter is no secret


def _carry_out(work: _Work, rail: Rail) -> None:
    _post(work, rail)
    if work.changed:
        bulk.update(Transfer, work.changed.values(), TRANSFER_FIELDS)
    bulk.insert(RoutingDecision, work.decisions)
    if work.submissions:
        bulk.update(Submission, work.submissions.values(), SUBMISSION_FIELDS)
    progress.count(transfers=work.settle, settled=True, executed=work.executed)
    progress.count(transfers=work.release, settled=False)
    progress.move_to_failed(transfers=work.give_back)
    codes = {rail.pk: rail.code} | {t.rail_id: t.rail.code for t in work.retry}
    told = []
    for kind, transfers in (
        ("transfer.submitted", work.sent), ("transfer.settled", work.settle), ("transfer.failed", work.release),
        ("transfer.queued", work.retry), ("transfer.returned", work.give_back),
    ):  # fmt: skip
        told += events.of_transfers(kind, transfers, codes)
    events.publish_many(told)
    if work.cases:
        open_cases(work.cases)
    if work.over:
        resolve_by_cause(work.over, resolution="ended", note="The rail has told how it ended.")


def _post(work: _Work, rail: Rail) -> None:
    """Settled: the hold becomes a posting. Failed: it goes back. Returned: the posting is reversed."""
    books: dict[tuple[uuid.UUID, bool], list[Posting]] = defaultdict(list)
    for transfers, post in ((work.settle, True), (work.release, False)):
        for transfer in transfers:
            assert transfer.hold_id is not None, "a transfer that was sent has a hold"
            available, transit = hold_accounts(transfer.partner_id, transfer.livemode, transfer.currency)
            legs = [Leg(available, transfer.amount_minor), Leg(transit, -transfer.amount_minor)]
            posting = resolution(
                hold_id=transfer.hold_id, legs=legs, post=post, kind="transfer.settled" if post else "transfer.released",
                subject=("transfer", str(transfer.pk)), metadata={"rail": rail.code} if post else {},
            )  # fmt: skip
            if post:
                transfer.settled_transaction_id = posting.id
            books[transfer.partner_id, transfer.livemode].append(posting)
    for partner_id, livemode in sorted(books, key=str):
        post_many(partner_id=partner_id, livemode=livemode, postings=books[partner_id, livemode])
    if work.give_back:
        reverse_many(
            transaction_ids=[t.settled_transaction_id for t in work.give_back if t.settled_transaction_id],
            reason="returned by the rail",
            kind="transfer.returned",
        )


def _case(
    transfer: Transfer, rail: Rail, kind: str, title: str, detail: str, *, reason: str = "", severity: int | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "cause_key": f"{kind}:{transfer.pk}",
        "title": title[:200],
        "detail": detail,
        "subject": ("settlement.transfer", str(transfer.pk)),
        "partner_id": transfer.partner_id,
        "livemode": transfer.livemode,
        "amount_minor": transfer.amount_minor,
        "currency": transfer.currency,
        "reason_code": reason,
        "severity": severity,
        "references": [value for value in (transfer.reference, transfer.public_id, transfer.bank_reference) if value],
        "rail": rail.code,
    }


def transfer_of_reference(reference: str) -> uuid.UUID | None:
    """The transfer that a reference of ours names."""
    try:
        return ids.decode("trf", reference.partition("-")[0])
    except ids.InvalidId:
        return None
