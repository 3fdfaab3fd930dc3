"""Rails that take files: the file is built and committed before it leaves, and what comes back is read once."""

from __future__ import annotations

import hashlib
import json
import logging
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from operations.services import open_case
from payos.kernel import calendars, clock, crypto, tenancy
from settlement.models import AchFile, Halt, Rail, SettlementBatch, Submission, Transfer
from settlement.rails import ach, base, drop, nacha
from settlement.rails.registry import adapter_for
from settlement.services import outcomes
from settlement.services.executing import reference

log = logging.getLogger("payos.settlement")
MODIFIERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
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
        batch = SettlementBatch.objects.select_for_update(of=("self",)).get(pk=batch_id)
        if batch.state != "closed":
            return
        transfers = list(
            Transfer.objects.select_for_update(of=("self",)).filter(settlement_batch=batch, state="queued").order_by("pk")
        )
        local = now.astimezone(clock.tz(rail.timezone))
        effective = calendars.add_business_days(rail.calendar, local.date(), max(rail.settle_business_days, 1))
        number = AchFile.objects.filter(rail=rail, direction="out", created_at__gte=now - timedelta(hours=24)).count()
        orders = [
            base.Order(t.pk, reference(t.pk, t.attempts + 1), t.amount_minor, t.currency, json.loads(t.destination), t.description)
            for t in transfers
        ]
        if not orders:
            batch.submit()
            batch.save(update_fields=["state"])
            return
        try:
            content, traces = adapter.build(orders, created=local, effective=effective, modifier=MODIFIERS[number % len(MODIFIERS)])
        except nacha.BuildError as error:
            open_case(
                kind="file_not_built", cause_key=f"file_not_built:{batch.pk}", title=f"No file could be built for {batch.public_id}",
                detail=str(error), subject=("settlement_batch", str(batch.pk)), partner_id=batch.partner_id, livemode=batch.livemode,
                amount_minor=batch.amount_minor, currency=batch.currency, severity=4, rail=rail.code,
            )  # fmt: skip
            return
        AchFile(
            rail=rail, batch=batch, direction="out", name=f"{rail.code}-{local:%Y%m%d}-{batch.public_id[-10:]}.ach",
            sha256=hashlib.sha256(content).hexdigest(), content=content, effective_on=effective,
        ).save(force_insert=True)  # fmt: skip
        Submission.objects.bulk_create(
            [
                Submission(
                    partner_id=t.partner_id, livemode=t.livemode, transfer=t, number=t.attempts + 1, rail=rail, reference=o.reference,
                    rail_reference=trace, outcome="intent", sent_at=now,
                )  # fmt: skip
                for t, o, trace in zip(transfers, orders, traces, strict=True)
            ],
            batch_size=1000,
        )
        for transfer in transfers:
            transfer.attempts += 1
            transfer.submitted_at = transfer.submitted_at or now
            transfer.expected_at = clock.instant(effective, *SETTLES_AT, rail.timezone) + timedelta(hours=12)
            transfer.__dict__["state"] = "submitted"
        Transfer.objects.bulk_update(transfers, ["attempts", "submitted_at", "expected_at", "state"], batch_size=500)
        batch.submit()
        batch.save(update_fields=["state"])


def _drop(rail: Rail, adapter: ach.Ach) -> int:
    """Put built files into the bank's folder. Repeating it after a crash writes the same name with the same bytes."""
    done = 0
    with tenancy.platform_scope():
        waiting = list(AchFile.objects.filter(rail=rail, direction="out", state="intent").order_by("id")[:50])
    for file in waiting:
        try:
            adapter.place.put(file.name, bytes(file.content))
        except drop.DropError as error:
            log.warning("files.drop_failed", extra={"file": file.name, "error": str(error)})
            with transaction.atomic(), tenancy.platform_scope():
                open_case(kind="file_not_sent", cause_key=f"file_not_sent:{rail.code}", title=f"Files for {rail.name} cannot be delivered",
                          detail=str(error), severity=3, rail=rail.code)  # fmt: skip
            break
        with tenancy.platform_scope(actor="clock:files"):
            AchFile.objects.filter(pk=file.pk).update(state="sent", sent_at=clock.now())
        done += 1
    return done


def read_files() -> int:
    """Read what the bank left: acknowledgements, returns, notices of change. Each file once, known by its bytes."""
    read = 0
    for rail, adapter in _file_rails():
        try:
            for name in adapter.place.names():
                read += _read_one(rail, adapter, name)
        except drop.DropError as error:
            log.warning("files.read_failed", extra={"rail": rail.code, "error": str(error)})
        finally:
            adapter.close()
    return read


def _read_one(rail: Rail, adapter: ach.Ach, name: str) -> int:
    if not name.lower().endswith((".ach", ".ack")):
        return 0
    with tenancy.platform_scope():
        if AchFile.objects.filter(rail=rail, direction="in", name=name).exists():
            return 0
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
    submissions = Submission.objects.filter(transfer__settlement_batch_id=sent.batch_id, rail=rail, outcome="intent")
    if accepted:
        submissions.update(outcome="sent", answered_at=clock.now())
        return
    outcomes.apply(rail=rail, answers=[(s.transfer_id, s.reference, ach.refused(text)) for s in submissions])
    open_case(kind="file_refused", cause_key=f"file_refused:{sent.pk}", title=f"The bank refused {name}", detail=text[:2000], severity=4,
              subject=("settlement_batch", str(sent.batch_id)), rail=rail.code)  # fmt: skip


def _returns(rail: Rail, file: AchFile, content: bytes) -> None:
    parsed = nacha.read(content)
    if not parsed.usable:
        open_case(kind="file_unreadable", cause_key=f"file_unreadable:{file.sha256}", title=f"{file.name} cannot be read",
                  detail="; ".join(str(e) for e in parsed.errors[:5]), severity=3, rail=rail.code)  # fmt: skip
        return
    notes = nacha.returns(parsed)
    by_trace = {
        s.rail_reference: s for s in Submission.objects.filter(rail=rail, rail_reference__in=[n.original_trace for n in notes])
    }
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
        _notice(rail, change)


def _notice(rail: Rail, change: nacha.Change) -> None:
    """The payment went through; the next one must use other details. A person tells the partner."""
    submission = Submission.objects.filter(rail=rail, rail_reference=change.original_trace).select_related("transfer").first()
    transfer = submission.transfer if submission else None
    masked = {key: crypto.mask(value.strip()) for key, value in change.corrected.items()}
    open_case(
        kind="notice_of_change", cause_key=f"noc:{rail.code}:{change.trace}", title=f"{change.code}: {change.meaning}"[:200],
        detail=f"The receiving bank corrects {', '.join(f'{k} to {v}' for k, v in masked.items()) or 'the entry'}; use it from the next transfer on.",
        subject=("transfer", str(transfer.pk)) if transfer else None, partner_id=transfer.partner_id if transfer else None,
        livemode=transfer.livemode if transfer else False, reason_code=change.code, rail=rail.code,
        data={"corrected": {k: crypto.encrypt(v) for k, v in change.corrected.items()}},
    )  # fmt: skip


def settle_files_due() -> int:
    """Acknowledged files settle on their effective date; a return may still come afterwards and reverses them."""
    settled = 0
    now = clock.now()
    with tenancy.platform_scope():
        files = list(AchFile.objects.filter(direction="out", state="acknowledged", effective_on__lte=now.date()).select_related("rail").order_by("id")[:50])
    for file in files:
        if now < clock.instant(file.effective_on, *SETTLES_AT, file.rail.timezone):
            continue
        with transaction.atomic(), tenancy.platform_scope(actor="clock:files"):
            open_ones = Submission.objects.filter(
                transfer__settlement_batch_id=file.batch_id, rail=file.rail, outcome="sent", transfer__state="submitted"
            )
            answers = [(s.transfer_id, s.reference, base.Answer(base.SETTLED)) for s in open_ones]
            settled += outcomes.apply(rail=file.rail, answers=answers)
            AchFile.objects.filter(pk=file.pk).update(state="settled")
    return settled
