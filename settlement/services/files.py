"""Rails that take files: the file is built and committed before it leaves, and what comes back is read once."""

from __future__ import annotations

import hashlib
import logging
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce

from operations.services import open_case
from payos.kernel import calendars, clock, locks, tenancy
from settlement import bulk
from settlement.models import AchFile, Halt, Rail, SettlementBatch, Submission, Transfer
from settlement.rails import ach, base, drop, nacha
from settlement.rails.registry import adapter_for
from settlement.services import corrections, outcomes, representment
from settlement.services.executing import reference

log = logging.getLogger("payos.settlement")
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
TRACES = 9_999_999
SETTLES_AT = (8, 30)


def send_files() -> int:
    """Build a file for every closed batch of a file rail, then drop what is built; returns how many files left."""
    sent = 0
    for rail, adapter in _file_rails():
        try:
            with tenancy.platform_scope():
                waiting = list(SettlementBatch.objects.filter(rail=rail, state="closed").order_by("id").values_list("pk", flat=True)[:50])
            for batch_id in waiting:
                _build(rail, adapter, batch_id)
            sent += _drop(rail, adapter)
        finally:
            adapter.close()
    return sent


def _file_rails() -> list[tuple[Rail, Any]]:
    with tenancy.platform_scope():
        if Halt.objects.exists():
            return []
        rails = list(Rail.objects.filter(enabled=True))
    found = []
    for rail in rails:
        adapter = adapter_for(rail)
        if adapter.capabilities.files:
            found.append((rail, adapter))
        else:
            adapter.close()
    return found


@transaction.atomic
def _build(rail: Rail, adapter: ach.Ach, batch_id: Any) -> None:
    """The intent: file, submissions with their trace numbers and states, in one commit. The bytes never change again."""
    now = clock.now()
    with tenancy.platform_scope(actor="clock:files"):
        locks.advisory_xact_lock("settlement.files", rail.code)  # trace numbers and file names are given out in order
        batch = SettlementBatch.objects.select_for_update(of=("self",)).get(pk=batch_id)
        if batch.state != "closed":
            return
        rows = Transfer.objects.select_for_update(of=("self",)).filter(settlement_batch=batch, state="queued")
        transfers = list(rows.order_by("pk"))
        local = now.astimezone(clock.tz(rail.timezone))
        effective = calendars.add_business_days(rail.calendar, local.date(), max(rail.settle_business_days, 1))
        files = AchFile.objects.filter(rail=rail, direction="out")
        number = files.filter(created_at__gte=now - timedelta(hours=24)).count()
        last = files.order_by("-id").values_list("first_trace", "entries").first() or (0, 1)
        first = (last[0] + last[1]) % TRACES or 1
        if first + len(transfers) > TRACES:
            first = 1
        made = _content(
            rail, adapter, batch, transfers, created=local, effective=effective, modifier=MODIFIERS[number % len(MODIFIERS)], first=first
        )
        batch.refresh_from_db(fields=["state"])
        if made is None:
            return
        content, orders, traces = made
        if content:
            AchFile(
                rail=rail, batch=batch, direction="out", name=f"{rail.code}-{local:%Y%m%d}-{batch.public_id[-10:]}.ach", first_trace=first,
                entries=len(orders), sha256=hashlib.sha256(content).hexdigest(), content=content, effective_on=effective,
            ).save(force_insert=True)  # fmt: skip
        by_key = {t.pk: t for t in transfers}
        bulk.insert(
            Submission,
            [
                Submission(
                    partner_id=batch.partner_id,
                    livemode=batch.livemode,
                    transfer_id=o.transfer_id,
                    number=by_key[o.transfer_id].attempts + 1,
                    rail=rail,
                    reference=o.reference,
                    rail_reference=trace,
                    outcome="intent",
                    sent_at=now,
                )  # fmt: skip
                for o, trace in zip(orders, traces, strict=True)
            ],
        )
        Transfer.objects.filter(pk__in=[o.transfer_id for o in orders]).update(
            state="submitted", attempts=F("attempts") + 1, submitted_at=Coalesce("submitted_at", Value(now)),
            expected_at=clock.instant(effective, *SETTLES_AT, rail.timezone) + timedelta(hours=12),
        )  # fmt: skip
        if batch.state == "closed":
            batch.submit()
            batch.save(update_fields=["state"])


def _content(
    rail: Rail,
    adapter: ach.Ach,
    batch: SettlementBatch,
    transfers: list[Transfer],
    *,
    created: Any,
    effective: Any,
    modifier: str,
    first: int,
) -> tuple[bytes, list[base.Order], list[str]] | None:
    """The bytes for what can be built. An item that no file can carry fails alone; None when nothing at all can be done now."""
    limits = adapter.capabilities.representment
    refused = representment.refusals(limits=limits, rail=rail, transfers=transfers) if limits else {}
    for why in set(refused.values()):
        outcomes.refuse(rail=rail, transfers=[t for t in transfers if refused.get(t.pk) == why], code="not_again", detail=why)
    left = [t for t in transfers if t.pk not in refused]
    places = corrections.corrected_destinations(rail, left)
    again = set(Submission.objects.filter(rail=rail, transfer__in=left, outcome="returned").values_list("transfer_id", flat=True))
    while left:
        orders = [
            base.Order(t.pk, reference(t.pk, t.attempts + 1), t.amount_minor, t.currency, places[t.pk], t.description, again=t.pk in again)
            for t in left
        ]
        try:
            content, traces = adapter.build(orders, created=created, effective=effective, modifier=modifier, first_trace=first)
            return content, orders, traces
        except nacha.BuildError as error:
            if error.index is None:
                _not_built(rail, batch, error)
                return None
            outcomes.refuse(rail=rail, transfers=[left.pop(error.index)], code="not_encodable", detail=str(error))
    return b"", [], []


def _not_built(rail: Rail, batch: SettlementBatch, error: Exception) -> None:
    open_case(
        kind="file_not_built", cause_key=f"file_not_built:{batch.pk}", title=f"No file could be built for {batch.public_id}",
        detail=str(error), subject=("settlement.settlementbatch", str(batch.pk)), partner_id=batch.partner_id, livemode=batch.livemode,
        amount_minor=batch.amount_minor, currency=batch.currency, severity=4, rail=rail.code,
    )  # fmt: skip


def _drop(rail: Rail, adapter: ach.Ach) -> int:
    """Put built files into the bank's folder. Repeating it after a crash writes the same name with the same bytes."""
    done = 0
    with tenancy.platform_scope():
        waiting = list(AchFile.objects.filter(rail=rail, direction="out", state="intent").order_by("id").values_list("pk", flat=True)[:50])
    for key in waiting:
        try:
            done += _drop_one(adapter, key)
        except drop.DropError as error:
            log.warning("files.drop_failed", extra={"rail": rail.code, "error": str(error)})
            with transaction.atomic(), tenancy.platform_scope():
                open_case(kind="file_not_sent", cause_key=f"file_not_sent:{rail.code}", title=f"Files for {rail.name} cannot be delivered",
                          detail=str(error), severity=3, rail=rail.code)  # fmt: skip
            break
    return done


@transaction.atomic
def _drop_one(adapter: ach.Ach, key: Any) -> int:
    """The row stays locked while the file is written, so that two workers never write one name at once. A crash in between
    leaves the intent, and the same bytes are written again: banks know a file by its name and bytes."""
    with tenancy.platform_scope(actor="clock:files"):
        file = AchFile.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=key, state="intent").first()
        if file is None:
            return 0
        adapter.place.put(file.name, bytes(file.content))
        AchFile.objects.filter(pk=file.pk).update(state="sent", sent_at=clock.now())
    return 1


def read_files() -> int:
    """Read what the bank left: acknowledgements, returns, notices of change. Each file once, known by its bytes."""
    read = 0
    for rail, adapter in _file_rails():
        try:
            names = [name for name in adapter.place.names() if name.lower().endswith((".ach", ".ack"))]
            with tenancy.platform_scope():
                known = set(AchFile.objects.filter(rail=rail, direction="in", name__in=names).values_list("name", flat=True))
            for name in names:
                if name not in known:
                    read += _read_one(rail, adapter, name)
        except drop.DropError as error:
            log.warning("files.read_failed", extra={"rail": rail.code, "error": str(error)})
        finally:
            adapter.close()
    return read


def _read_one(rail: Rail, adapter: ach.Ach, name: str) -> int:
    content = adapter.place.get(name)
    with transaction.atomic(), tenancy.platform_scope(actor=f"rail:{rail.code}"):
        file = AchFile(rail=rail, direction="in", name=name, sha256=hashlib.sha256(content).hexdigest(), content=content, state="read")
        try:
            with transaction.atomic():
                file.save(force_insert=True)
        except IntegrityError:
            return 0
        if name.endswith(".ack"):
            _acknowledge(rail, name.removesuffix(".ack"), content.decode("utf-8", "replace"))
        else:
            _returns(rail, file, content)
    return 1


def _acknowledge(rail: Rail, name: str, text: str) -> None:
    sent = AchFile.objects.filter(rail=rail, direction="out", name=name).first()
    if sent is None:
        return
    accepted = text.upper().lstrip().startswith("ACCEPTED")
    AchFile.objects.filter(pk=sent.pk).update(state="acknowledged" if accepted else "refused", note=text[:2000])
    submissions = _entries_of(sent).filter(outcome="intent")
    if accepted:
        submissions.update(outcome="sent", answered_at=clock.now())
        return
    outcomes.apply(rail=rail, answers=[(s.transfer_id, s.reference, ach.refused(text)) for s in submissions])
    open_case(kind="file_refused", cause_key=f"file_refused:{sent.pk}", title=f"The bank refused {name}", detail=text[:2000], severity=4,
              subject=("settlement.settlementbatch", str(sent.batch_id)), rail=rail.code)  # fmt: skip


def _entries_of(file: AchFile) -> Any:
    return Submission.objects.filter(rail=file.rail, transfer__settlement_batch_id=file.batch_id)


def _returns(rail: Rail, file: AchFile, content: bytes) -> None:
    parsed = nacha.read(content)
    if not parsed.usable:
        open_case(kind="file_unreadable", cause_key=f"file_unreadable:{file.sha256}", title=f"{file.name} cannot be read",
                  detail="; ".join(str(e) for e in parsed.errors[:5]), severity=3, rail=rail.code)  # fmt: skip
        return
    notes = nacha.returns(parsed)
    # Trace numbers start over after ten million entries: the latest is meant.
    sent = Submission.objects.filter(rail=rail, rail_reference__in=[n.original_trace for n in notes]).order_by("id")
    by_trace = {submission.rail_reference: submission for submission in sent}
    answers = []
    for note in notes:
        submission = by_trace.get(note.original_trace)
        if submission is None or note.kind != "return":
            open_case(kind="return_unmatched", cause_key=f"return:{rail.code}:{note.trace}", title=f"A return of {note.reason.code} names no transfer of ours",
                      detail=f"Original trace {note.original_trace}, {note.amount_minor} minor units, {note.kind}.", amount_minor=note.amount_minor,
                      currency="USD", reason_code=note.reason.code, rail=rail.code)  # fmt: skip
            continue
        answers.append((submission.transfer_id, submission.reference, ach.returned(note)))
    outcomes.apply(rail=rail, answers=answers)
    for change in nacha.changes(parsed):
        corrections.take_notice(rail, change)


def settle_files_due() -> int:
    """Acknowledged files settle on their effective date; a return may still come afterwards and reverses them."""
    settled = 0
    now = clock.now()
    with tenancy.platform_scope():
        files = list(
            AchFile.objects.filter(direction="out", state="acknowledged", effective_on__lte=now.date())
            .select_related("rail")
            .order_by("id")[:50]
        )
    for file in files:
        if file.effective_on is None or now < clock.instant(file.effective_on, *SETTLES_AT, file.rail.timezone):
            continue
        with transaction.atomic(), tenancy.platform_scope(actor="clock:files"):
            open_ones = _entries_of(file).filter(outcome__in=["intent", "sent"], transfer__state="submitted")
            answers = [(s.transfer_id, s.reference, base.Answer(base.SETTLED)) for s in open_ones]
            settled += outcomes.apply(rail=file.rail, answers=answers)
            AchFile.objects.filter(pk=file.pk).update(state="settled")
    return settled
